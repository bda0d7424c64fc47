//! The sequences that every subscription should have received from every publisher, and those that it received.
//!
//! A delivery in order costs one load, two compares and one store. Everything else is stored only for faults: the
//! ranges of sequences that were skipped, until they arrive late or never.
//!
//! A row is one subscription and one publisher. It has two cursors: the arrivals, and the arrivals that were reported,
//! which happens once for everything that one receive brings.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct DeliveryTracker {
    rows: Vec<Row>,
    /// The rows with arrivals that were not reported.
    moved: Vec<usize>,
    /// The skipped sequences by row: the first of a range → the one after its last.
    skipped: HashMap<usize, BTreeMap<u64, u64>>,
    ranges: usize,
    /// The number of skipped sequences, by row, that are in no range because the ranges ran out.
    forgotten: HashMap<usize, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// The next sequence, or one of the two constants below.
    expected: u64,
    /// The sequence up to which arrivals were reported. For a row that has just joined, the first sequence that must
    /// arrive.
    told: u64,
}

/// The row is not subscribed.
const ABSENT: u64 = u64::MAX;
/// The row is subscribed, and nothing has arrived. Messages that were in flight at that time may arrive or not.
const JOINING: u64 = u64::MAX - 1;
/// The arrivals of the row are not reported.
const UNTOLD: u64 = u64::MAX;

/// The relation of a delivery to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is the next one.
    InOrder,
    /// It is ahead of its turn; this many before it have not arrived.
    Ahead(u64),
    /// Others overtook it.
    Late,
    /// It arrived before.
    Duplicate,
}

impl DeliveryTracker {
    /// The most ranges of skipped sequences that are remembered, all rows together (some 50 MB). Above it a skip is
    /// counted but not remembered, so that a late arrival counts as a duplicate.
    const MAX_RANGES: usize = 1 << 20;

    /// Creates rows that expect everything from the first message on. Arrivals are reported for the rows in `told`.
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

    /// Returns the next sequences of `rows` rows. Those of rows that have not begun are not real sequences.
    #[inline]
    pub(crate) fn expected(&self, first: usize, rows: usize) -> impl Iterator<Item = u64> + Clone {
        self.rows[first..first + rows].iter().map(|row| row.expected)
    }

    #[inline]
    pub(crate) fn arrive(&mut self, row: usize, sequence: u64) -> Arrival {
        if self.arrive_in_order(row, sequence, 1) { Arrival::InOrder } else { self.arrive_out_of_turn(row, sequence) }
    }

    /// Takes `count` sequences from this one on, if it is the next. Returns false, and takes nothing, if it is not.
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
        // A joiner may be reported up to a sequence that it has not reached. This skip may then pass it.
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

    /// Reports the progress of rows since the last call: the row, and the sequences.
    #[inline]
    pub(crate) fn tell(&mut self, mut on: impl FnMut(usize, Range<u64>)) {
        for row in self.moved.drain(..) {
            let Row { expected, told } = &mut self.rows[row];
            on(row, *told..*expected);
            *told = *expected;
        }
    }

    /// Subscribes a row anew. Everything from the sequence `must` on is owed, and any number of the last sequences
    /// before it may arrive.
    pub(crate) fn join(&mut self, row: usize, must: u64) {
        self.rows[row] = Row { expected: JOINING, told: must };
    }

    /// Unsubscribes a row. Returns the sequence up to which it was reported, and the number that it missed before the
    /// sequence `until`, or before its last arrival if there is none.
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

    /// Returns true if a row has reached a sequence, or never had to.
    pub(crate) fn has_reached(&self, row: usize, sequence: u64) -> bool {
        let Row { expected, told } = self.rows[row];
        if expected == JOINING { told >= sequence } else { expected >= sequence }
    }

    /// Returns true if the sequence was skipped, and marks it as arrived.
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

    /// Returns the number of messages before the sequence `until` that a row never received.
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

    fn receive_all(tracker: &mut DeliveryTracker, sequences: &[u64]) -> Vec<Arrival> {
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
        let arrivals = receive_all(&mut tracker, &[0, 2, 1, 3]);
        assert_eq!(arrivals, [Arrival::InOrder, Arrival::Ahead(1), Arrival::Late, Arrival::InOrder]);
        assert_eq!(tracker.missing_in(1, 4), 0);
    }

    #[test]
    fn a_hole_and_a_tail_are_missing() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        receive_all(&mut tracker, &[0, 5]);
        assert_eq!([tracker.missing_in(0, 8), tracker.missing_in(1, 8)], [8, 4 + 2]);
    }

    #[test]
    fn a_repeat_is_a_duplicate_even_of_a_late_one() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        let arrivals = receive_all(&mut tracker, &[3, 1, 1, 3, 0, 2, 2]);
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
        receive_all(&mut tracker, &[0, 1, 2, 5]);
        tracker.arrive(2, 0);
        assert_eq!(told(&mut tracker), [(1, 0..6)], "the third row tells nothing");
        assert_eq!(told(&mut tracker), []);
        receive_all(&mut tracker, &[8, 3]);
        assert_eq!(told(&mut tracker), [(1, 6..9)]);
    }

    #[test]
    fn a_joiner_may_begin_earlier_and_must_not_begin_later() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        tracker.join(1, 10);
        assert_eq!(receive_all(&mut tracker, &[8, 9, 10]), [Arrival::InOrder; 3]);
        assert_eq!(told(&mut tracker), [(1, 10..11)], "what came before was not to come");
        assert_eq!(tracker.missing_in(1, 12), 1);

        tracker.join(1, 10);
        assert_eq!(receive_all(&mut tracker, &[12]), [Arrival::Ahead(2)]);
        assert_eq!(told(&mut tracker), [(1, 10..13)]);
        assert_eq!(tracker.missing_in(1, 13), 2);

        tracker.join(1, 10);
        assert_eq!(receive_all(&mut tracker, &[8, 8, 10]), [Arrival::InOrder, Arrival::Duplicate, Arrival::Ahead(1)]);
        assert_eq!(told(&mut tracker), [(1, 10..11)]);
    }

    #[test]
    fn who_leaves_is_judged_by_what_was_due_to_it() {
        let mut tracker = DeliveryTracker::new(2, &(0..2));
        tracker.join(1, 10);
        assert!(tracker.has_reached(1, 10) && !tracker.has_reached(1, 11));
        assert_eq!(tracker.leave(1, Some(12)), (10, 2), "nothing came");
        tracker.join(1, 20);
        receive_all(&mut tracker, &[20, 23]);
        told(&mut tracker);
        assert!(tracker.has_reached(1, 24));
        assert_eq!(tracker.leave(1, None), (24, 2), "a hole is a loss even of who is cut off");
        assert_eq!((tracker.missing_in(1, 100), tracker.ranges), (0, 0));
    }
}
