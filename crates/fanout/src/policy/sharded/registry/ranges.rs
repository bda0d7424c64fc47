//! The messages that a subscriber must not receive because it published them itself.

use std::collections::VecDeque;

/// Ascending, disjoint ranges of message numbers. Nearly every subscription has a null pointer here.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "8 bytes in every subscription instead of 32")]
pub(crate) struct Ranges(Option<Box<VecDeque<(u64, u64)>>>);

impl Ranges {
    /// The number of ranges for which memory is kept while there are none: a subscriber that did this once does it
    /// again.
    const MAX_KEPT: usize = 16;

    /// Returns true if there are no ranges.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|ranges| ranges.is_empty())
    }

    /// Adds one message, which must be later than all before.
    pub(crate) fn push(&mut self, message: u64) {
        let ranges = self.0.get_or_insert_default();
        match ranges.back_mut() {
            Some((_, end)) if *end == message => *end += 1,
            _ => ranges.push_back((message, message + 1)),
        }
    }

    /// Returns the next messages `begin..end` from `cursor` on that may be sent, below `limit`. Both are the limit if
    /// none are left. Forgets the ranges before them.
    pub(crate) fn next_allowed(&mut self, mut cursor: u64, limit: u64) -> (u64, u64) {
        let Some(ranges) = &mut self.0 else { return (cursor, limit) };
        while let Some(&(begin, end)) = ranges.front() {
            if begin > cursor {
                return (cursor, begin.min(limit));
            }
            if end > limit {
                return (limit, limit);
            }
            cursor = cursor.max(end);
            ranges.pop_front();
        }
        if ranges.capacity() > Self::MAX_KEPT {
            self.0 = None;
        }
        (cursor, limit)
    }

    /// Returns the number of the messages `from..to` that may be sent. Forgets the ranges before `to`.
    pub(crate) fn count_allowed(&mut self, mut from: u64, to: u64) -> u64 {
        let mut count = 0;
        while from < to {
            let (begin, end) = self.next_allowed(from, to);
            count += end - begin;
            from = end;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(messages: &[u64]) -> Ranges {
        let mut ranges = Ranges::default();
        for message in messages {
            ranges.push(*message);
        }
        ranges
    }

    #[test]
    fn allowed_messages_are_those_between_the_ranges() {
        let mut ranges = ranges(&[2, 3, 6]);
        assert_eq!(ranges.next_allowed(0, 8), (0, 2));
        assert_eq!(ranges.next_allowed(2, 8), (4, 6));
        assert_eq!(ranges.next_allowed(6, 8), (7, 8));
        assert_eq!(ranges.next_allowed(8, 8), (8, 8));
    }

    #[test]
    fn counting_leaves_the_ranges_behind_the_end() {
        let mut ranges = ranges(&[1, 4, 5]);
        assert_eq!(ranges.count_allowed(0, 3), 2);
        assert_eq!(ranges.count_allowed(3, 8), 3);
    }

    #[test]
    fn a_range_across_the_end_still_counts_behind_it() {
        let mut ranges = ranges(&[1, 2, 3, 4]);
        assert_eq!(ranges.count_allowed(0, 3), 1);
        assert_eq!(ranges.next_allowed(3, 8), (5, 8));
    }

    #[test]
    fn a_range_is_forgotten_once_it_is_passed() {
        let mut ranges = ranges(&[1, 2]);
        assert_eq!(ranges.next_allowed(0, 2), (0, 1));
        assert!(!ranges.is_empty());
        assert_eq!(ranges.next_allowed(1, 3), (3, 3));
        assert!(ranges.is_empty());
    }

    #[test]
    fn messages_in_a_row_are_one_range() {
        let mut ranges = ranges(&(0..100).collect::<Vec<_>>());
        assert_eq!(ranges.0.as_ref().map(|ranges| ranges.len()), Some(1));
        assert_eq!(ranges.next_allowed(0, 101), (100, 101));
    }

    #[test]
    fn room_is_kept_for_a_few_ranges() {
        for (count, is_kept) in [(16, true), (17, false)] {
            let mut ranges = ranges(&(0..count).map(|number| 2 * number).collect::<Vec<_>>());
            assert_eq!(ranges.count_allowed(0, 2 * count), count);
            assert_eq!((ranges.is_empty(), ranges.0.is_some()), (true, is_kept), "behind {count} ranges");
        }
    }
}
