//! What every receiver should have had from every publisher, and what it had.
//!
//! The cost of a delivery in order is one load, one compare and one store. Everything else is kept only
//! for what went wrong: the ranges of sequences that a receiver skipped, until they come late or never.

use std::collections::{BTreeMap, HashMap};

/// Per receiver and publisher, the next sequence and the ones that were skipped.
#[derive(Debug)]
pub(crate) struct Ledger {
    publishers: usize,
    expected: Vec<u64>,
    /// By (receiver, publisher): first skipped sequence → the one behind the last skipped.
    skipped: HashMap<(usize, usize), BTreeMap<u64, u64>>,
    ranges: usize,
    /// Skipped sequences per receiver that are in no range because the ranges ran out.
    forgotten: HashMap<usize, u64>,
}

/// How a delivery stands to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one.
    InOrder,
    /// Ahead of its turn; this many before it have not come.
    Ahead(u64),
    /// One that others overtook.
    Late,
    /// One that was here before.
    Duplicate,
}

impl Ledger {
    /// The most ranges of skipped sequences remembered, all receivers together (some 50 MB). Beyond it a
    /// skip is counted and not remembered: if it comes late after all, it counts as a duplicate.
    const MAX_RANGES: usize = 1 << 20;

    pub(crate) fn new(receivers: usize, publishers: usize) -> Self {
        Self {
            publishers,
            expected: vec![0; receivers * publishers],
            skipped: HashMap::new(),
            ranges: 0,
            forgotten: HashMap::new(),
        }
    }

    #[inline]
    pub(crate) fn arrive(&mut self, receiver: usize, publisher: usize, sequence: u64) -> Arrival {
        let expected = &mut self.expected[receiver * self.publishers + publisher];
        if sequence == *expected {
            *expected += 1;
            return Arrival::InOrder;
        }
        self.arrive_out_of_turn(receiver, publisher, sequence)
    }

    #[cold]
    fn arrive_out_of_turn(&mut self, receiver: usize, publisher: usize, sequence: u64) -> Arrival {
        let expected = &mut self.expected[receiver * self.publishers + publisher];
        if sequence < *expected {
            return if self.take_skipped(receiver, publisher, sequence) { Arrival::Late } else { Arrival::Duplicate };
        }
        let from = std::mem::replace(expected, sequence + 1);
        let count = sequence - from;
        if self.ranges < Self::MAX_RANGES {
            self.ranges += 1;
            self.skipped.entry((receiver, publisher)).or_default().insert(from, sequence);
        } else {
            *self.forgotten.entry(receiver).or_default() += count;
        }
        Arrival::Ahead(count)
    }

    /// Whether the sequence was skipped; it no longer is.
    fn take_skipped(&mut self, receiver: usize, publisher: usize, sequence: u64) -> bool {
        let Some(ranges) = self.skipped.get_mut(&(receiver, publisher)) else { return false };
        let Some((&from, &to)) = ranges.range(..=sequence).next_back() else { return false };
        if sequence >= to {
            return false;
        }
        ranges.remove(&from);
        self.ranges -= 1;
        for (from, to) in [(from, sequence), (sequence + 1, to)] {
            if from < to {
                self.ranges += 1;
                ranges.insert(from, to);
            }
        }
        true
    }

    /// How many messages each receiver never had, if `sent` gives the sequences that were to come.
    pub(crate) fn missing(&self, sent: impl Fn(usize, usize) -> u64) -> Vec<u64> {
        let mut missing: Vec<u64> = self
            .expected
            .chunks(self.publishers)
            .enumerate()
            .map(|(receiver, row)| {
                let tail = |(publisher, expected): (usize, &u64)| sent(receiver, publisher).saturating_sub(*expected);
                row.iter().enumerate().map(tail).sum()
            })
            .collect();
        for (&(receiver, _), ranges) in &self.skipped {
            missing[receiver] += ranges.iter().map(|(from, to)| to - from).sum::<u64>();
        }
        for (&receiver, count) in &self.forgotten {
            missing[receiver] += count;
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(ledger: &mut Ledger, sequences: &[u64]) -> Vec<Arrival> {
        sequences.iter().map(|&sequence| ledger.arrive(1, 0, sequence)).collect()
    }

    #[test]
    fn a_swap_is_one_late_message_and_no_loss() {
        let mut ledger = Ledger::new(2, 1);
        let arrivals = feed(&mut ledger, &[0, 2, 1, 3]);
        assert_eq!(arrivals, [Arrival::InOrder, Arrival::Ahead(1), Arrival::Late, Arrival::InOrder]);
        assert_eq!(ledger.missing(|receiver, _| if receiver == 1 { 4 } else { 0 }), [0, 0]);
    }

    #[test]
    fn a_hole_and_a_tail_are_missing() {
        let mut ledger = Ledger::new(2, 1);
        feed(&mut ledger, &[0, 5]);
        assert_eq!(ledger.missing(|_, _| 8), [8, 4 + 2]);
    }

    #[test]
    fn a_repeat_is_a_duplicate_even_of_a_late_one() {
        let mut ledger = Ledger::new(2, 1);
        let arrivals = feed(&mut ledger, &[3, 1, 1, 3, 0, 2, 2]);
        let expected = [
            Arrival::Ahead(3),
            Arrival::Late,
            Arrival::Duplicate,
            Arrival::Duplicate,
            Arrival::Late,
            Arrival::Late,
            Arrival::Duplicate,
        ];
        assert_eq!(arrivals, expected);
        assert_eq!(ledger.ranges, 0);
    }
}
