//! The sequences that every subscription should have received from every publisher, and those that it received.
//!
//! The cost of a delivery in order is one load, two compares and one store. Everything else is kept only
//! for what went wrong: the ranges of sequences that were skipped, until they come late or never.
//!
//! A row is one subscription and one publisher. It has two cursors: what has arrived, and how much of that
//! was told on, which is done once for all that one receive brings.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct DeliveryTracker {
    rows: Vec<Row>,
    /// Rows that have arrivals which were not told on.
    moved: Vec<usize>,
    /// By row: first skipped sequence → the one behind the last skipped.
    skipped: HashMap<usize, BTreeMap<u64, u64>>,
    ranges: usize,
    /// Skipped sequences per row that are in no range because the ranges ran out.
    forgotten: HashMap<usize, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// The next sequence, or one of the two below.
    expected: u64,
    /// Up to where arrivals were told on; of a row that has just joined, the first sequence that must come.
    told: u64,
}

/// Not subscribed.
const ABSENT: u64 = u64::MAX;
/// Subscribed, and nothing has come: what was under way at that time may come or not.
const JOINING: u64 = u64::MAX - 1;
/// Not told on at all.
const UNTOLD: u64 = u64::MAX;

/// The relation of a delivery to the one before it.
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

impl DeliveryTracker {
    /// The most ranges of skipped sequences remembered, all rows together (some 50 MB). Beyond it a
    /// skip is counted and not remembered: if it comes late after all, it counts as a duplicate.
    const MAX_RANGES: usize = 1 << 20;

    /// Rows that expect everything from the first message on. The rows in `told` tell of their arrivals.
    pub(crate) fn new(rows: usize, told: &Range<usize>) -> Self {
        let row = |row| Row { expected: 0, told: if told.contains(&row) { 0 } else { UNTOLD } };
        Self {
            rows: (0..rows).map(row).collect(),
            moved: Vec::new(),
            skipped: HashMap::new(),
            ranges: 0,
            forgotten: HashMap::new(),
        }
    }

    /// The next sequences of so many rows; no real ones of rows that have not begun.
    #[inline]
    pub(crate) fn expected(&self, first: usize, rows: usize) -> impl Iterator<Item = u64> + Clone {
        self.rows[first..first + rows].iter().map(|row| row.expected)
    }

    #[inline]
    pub(crate) fn arrive(&mut self, row: usize, sequence: u64) -> Arrival {
        if self.arrive_in_order(row, sequence, 1) { Arrival::InOrder } else { self.arrive_out_of_turn(row, sequence) }
    }

    /// Takes so many sequences from this one on, if it is the next; false if it is not, and nothing is taken.
    #[inline]
    pub(crate) fn arrive_in_order(&mut self, row: usize, sequence: u64, count: u64) -> bool {
        let Row { expected, told } = &mut self.rows[row];
        if sequence != *expected {
            return false;
        }
        *expected += count;
        if (sequence..*expected).contains(told) {
            self.moved.push(row);
        }
        true
    }

    #[cold]
    fn arrive_out_of_turn(&mut self, row: usize, sequence: u64) -> Arrival {
        let Row { expected, told } = &mut self.rows[row];
        if *expected == JOINING {
            if sequence <= *told {
                *expected = sequence;
                return self.arrive(row, sequence);
            }
            *expected = *told;
        }
        if sequence < *expected {
            return if self.take_skipped(row, sequence) { Arrival::Late } else { Arrival::Duplicate };
        }
        let from = std::mem::replace(expected, sequence + 1);
        // A joiner may be told up to a place that it has not reached; then this skip may go over it.
        if (from..=sequence).contains(told) {
            self.moved.push(row);
        }
        let count = sequence - from;
        if self.ranges < Self::MAX_RANGES {
            self.ranges += 1;
            self.skipped.entry(row).or_default().insert(from, sequence);
        } else {
            *self.forgotten.entry(row).or_default() += count;
        }
        Arrival::Ahead(count)
    }

    /// Tells how far rows have come since they were last asked: the row, and the sequences.
    #[inline]
    pub(crate) fn tell(&mut self, mut on: impl FnMut(usize, Range<u64>)) {
        for row in self.moved.drain(..) {
            let Row { expected, told } = &mut self.rows[row];
            on(row, *told..*expected);
            *told = *expected;
        }
    }

    /// A row is subscribed anew: everything from the sequence `must` on is to come, and of what is before it,
    /// any number of the last.
    pub(crate) fn join(&mut self, row: usize, must: u64) {
        self.rows[row] = Row { expected: JOINING, told: must };
    }

    /// A row is not subscribed any more. Gives up to where it was told on, and how many it missed of those
    /// before the sequence `until`, or before its last arrival if there is none.
    pub(crate) fn leave(&mut self, row: usize, until: Option<u64>) -> (u64, u64) {
        let told = self.rows[row].told;
        let missing = self.missing_in(row, until.unwrap_or(0));
        if let Some(ranges) = self.skipped.remove(&row) {
            self.ranges -= ranges.len();
        }
        self.forgotten.remove(&row);
        self.rows[row] = Row { expected: ABSENT, told: ABSENT };
        (told, missing)
    }

    /// Returns true if a row has come up to a sequence, or was never to.
    pub(crate) fn has_reached(&self, row: usize, sequence: u64) -> bool {
        let Row { expected, told } = self.rows[row];
        if expected == JOINING { told >= sequence } else { expected >= sequence }
    }

    /// Returns true if the sequence was skipped; it no longer is.
    fn take_skipped(&mut self, row: usize, sequence: u64) -> bool {
        let Some(ranges) = self.skipped.get_mut(&row) else { return false };
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

    /// The number of messages before the sequence `until` that a row never received.
    pub(crate) fn missing_in(&self, row: usize, until: u64) -> u64 {
        let Row { expected, told } = self.rows[row];
        let tail = until.saturating_sub(if expected == JOINING { told } else { expected });
        let holes: u64 = self.skipped.get(&row).map_or(0, |ranges| ranges.iter().map(|(from, to)| to - from).sum());
        tail + holes + self.forgotten.get(&row).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(tracker: &mut DeliveryTracker, sequences: &[u64]) -> Vec<Arrival> {
        sequences.iter().map(|&sequence| tracker.arrive(1, sequence)).collect()
    }

    fn told(tracker: &mut DeliveryTracker) -> Vec<(usize, Range<u64>)> {
        let mut told = Vec::new();
        tracker.tell(|row, passed| told.push((row, passed)));
        told
    }

    #[test]
    fn a_swap_is_one_late_message_and_no_loss() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        let arrivals = feed(&mut tracker, &[0, 2, 1, 3]);
        assert_eq!(arrivals, [Arrival::InOrder, Arrival::Ahead(1), Arrival::Late, Arrival::InOrder]);
        assert_eq!(tracker.missing_in(1, 4), 0);
    }

    #[test]
    fn a_hole_and_a_tail_are_missing() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        feed(&mut tracker, &[0, 5]);
        assert_eq!([tracker.missing_in(0, 8), tracker.missing_in(1, 8)], [8, 4 + 2]);
    }

    #[test]
    fn a_repeat_is_a_duplicate_even_of_a_late_one() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        let arrivals = feed(&mut tracker, &[3, 1, 1, 3, 0, 2, 2]);
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
        assert_eq!(tracker.ranges, 0);
    }

    #[test]
    fn arrivals_are_told_on_once_for_all() {
        let mut tracker = DeliveryTracker::new(3, &(0..2));
        feed(&mut tracker, &[0, 1, 2, 5]);
        tracker.arrive(2, 0);
        assert_eq!(told(&mut tracker), [(1, 0..6)], "the third row tells nothing");
        assert_eq!(told(&mut tracker), []);
        feed(&mut tracker, &[8, 3]);
        assert_eq!(told(&mut tracker), [(1, 6..9)]);
    }

    #[test]
    fn a_joiner_may_begin_earlier_and_must_not_begin_later() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        tracker.join(1, 10);
        assert_eq!(feed(&mut tracker, &[8, 9, 10]), [Arrival::InOrder; 3]);
        assert_eq!(told(&mut tracker), [(1, 10..11)], "what came before was not to come");
        assert_eq!(tracker.missing_in(1, 12), 1);

        tracker.join(1, 10);
        assert_eq!(feed(&mut tracker, &[12]), [Arrival::Ahead(2)]);
        assert_eq!(told(&mut tracker), [(1, 10..13)]);
        assert_eq!(tracker.missing_in(1, 13), 2);

        tracker.join(1, 10);
        assert_eq!(feed(&mut tracker, &[8, 8, 10]), [Arrival::InOrder, Arrival::Duplicate, Arrival::Ahead(1)]);
        assert_eq!(told(&mut tracker), [(1, 10..11)]);
    }

    #[test]
    fn who_leaves_is_judged_by_what_was_due_to_it() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        tracker.join(1, 10);
        assert!(tracker.has_reached(1, 10) && !tracker.has_reached(1, 11));
        assert_eq!(tracker.leave(1, Some(12)), (10, 2), "nothing came");
        tracker.join(1, 20);
        feed(&mut tracker, &[20, 23]);
        told(&mut tracker);
        assert!(tracker.has_reached(1, 24));
        assert_eq!(tracker.leave(1, None), (24, 2), "a hole is a loss even of who is cut off");
        assert_eq!((tracker.missing_in(1, 100), tracker.ranges), (0, 0));
    }
}
