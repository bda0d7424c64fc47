//! The messages that a subscriber is not to have, because it published them itself.

use std::collections::VecDeque;

/// Ranges of message numbers, ascending and apart; a null pointer for nearly every subscription.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "8 bytes in every subscription instead of 32")]
pub(crate) struct Ranges(Option<Box<VecDeque<(u64, u64)>>>);

impl Ranges {
    /// Room for ranges that is kept while there are none, for the next: who did it once does it again.
    const MAX_KEPT: usize = 16;

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|ranges| ranges.is_empty())
    }

    /// Adds one message, later than any before.
    pub(crate) fn push(&mut self, message: u64) {
        let ranges = self.0.get_or_insert_default();
        match ranges.back_mut() {
            Some((_, end)) if *end == message => *end += 1,
            _ => ranges.push_back((message, message + 1)),
        }
    }

    /// The next messages `begin..end` that may be had from `cursor` on, below `limit`; none are left where
    /// both are the limit. Forgets the ranges before them.
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

    /// How many of the messages `from..to` may be had. Forgets the ranges before `to`.
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
}
