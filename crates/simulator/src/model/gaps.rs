//! Checks whether gaps can account for the missing messages.
//!
//! Any gap between the neighbouring messages of its publisher may count a missing message. So the messages are intervals,
//! and the gaps are positions with a capacity. Taking at each position the messages whose interval ends first leaves as few
//! over as any choice (Glover, *Maximum matching in a convex bipartite graph*, 1967). The two questions, whether all owed
//! messages find a position and whether all positions are filled, may be asked one after the other: where each is possible,
//! both are possible at once (Mendelsohn and Dulmage, 1958).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A message that has not arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absent {
    /// The position of its publisher's last message before it.
    pub(crate) after: Option<usize>,
    /// The position of its publisher's first message after it.
    pub(crate) before: Option<usize>,
    /// True if a gap must count it; otherwise a gap may.
    pub(crate) is_owed: bool,
}

/// Assigns messages to gaps, which are given by position and count. Returns the number of messages that no gap counts, and
/// the part of the gaps' counts that no message explains.
pub(crate) fn assign(mut absent: Vec<Absent>, gaps: &[(usize, u64)]) -> (u64, u64) {
    absent.sort_by_key(|absent| absent.after);
    let mut coming = absent.iter().peekable();
    let mut open: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    let (mut uncounted, mut unfilled) = (0, 0);
    for (place, count) in gaps {
        while let Some(absent) = coming.next_if(|absent| absent.after.is_none_or(|after| after < *place)) {
            open.push(Reverse(absent.before.unwrap_or(usize::MAX)));
        }
        while open.peek().is_some_and(|Reverse(before)| before < place) {
            open.pop();
            uncounted += 1;
        }
        let taken = (0..*count).map_while(|_| open.pop()).count() as u64;
        unfilled += count - taken;
    }
    (uncounted + open.len() as u64 + coming.count() as u64, unfilled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent(after: Option<usize>, before: Option<usize>) -> Absent {
        Absent { after, before, is_owed: true }
    }

    #[test]
    fn a_gap_counts_only_what_is_missing_around_it() {
        assert_eq!(assign(vec![absent(Some(0), Some(2))], &[(1, 1)]), (0, 0));
        assert_eq!(assign(vec![absent(Some(0), Some(1))], &[(2, 1)]), (1, 1));
        assert_eq!(assign(vec![absent(Some(3), None)], &[(2, 1)]), (1, 1));
    }

    #[test]
    fn what_must_be_counted_first_is_counted_first() {
        let missing = vec![absent(None, None), absent(None, Some(1))];
        assert_eq!(assign(missing, &[(0, 1), (2, 1)]), (0, 0));
    }

    #[test]
    fn too_much_and_too_little_are_told_apart() {
        assert_eq!(assign(vec![absent(None, None)], &[(0, 3)]), (0, 2));
        assert_eq!(assign(vec![absent(None, None); 3], &[(0, 1)]), (2, 0));
        assert_eq!(assign(vec![absent(None, None); 2], &[]), (2, 0));
    }
}
