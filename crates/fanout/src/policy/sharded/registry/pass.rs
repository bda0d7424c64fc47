//! One pass over the subscribers of a channel log.

use std::ops::Range;

/// One pass over all subscribers of a channel log.
///
/// Each round begins at a different index, so that nobody is always last. It goes down from `start` to the first
/// subscriber, then from the last one down to `start`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// The visit continues below this index.
    pub(crate) below: u32,
    start: u32,
    /// True if the subscribers before `start` have all been visited and those from there on are being visited.
    wrapped: bool,
    /// True if some subscribers are sent to at the end of the round. Their cursors count then.
    pub(crate) coalesces: bool,
    /// The head when the round began. Later messages need another round.
    pub(crate) begun_at: u64,
    /// The lowest cursor of the subscribers visited so far.
    pub(crate) lowest: u64,
}

impl Pass {
    /// Begins a round over `count` subscribers, at `rotation` parts of 2^32 of them.
    pub(crate) fn begin(count: u32, rotation: u32, head: u64) -> Self {
        let start = u32::try_from((u64::from(rotation) * u64::from(count)) >> 32).expect("below the count");
        Self { below: start, start, wrapped: false, coalesces: false, begun_at: head, lowest: head }
    }

    /// Returns the next subscribers to visit, by index, at most `at_most`.
    pub(crate) fn advance(&mut self, count: u32, at_most: u32) -> Range<usize> {
        if self.below == 0 && !self.wrapped {
            (self.wrapped, self.below) = (true, count);
        }
        let floor = if self.wrapped { self.start } else { 0 };
        let end = self.below;
        self.below -= (end - floor).min(at_most);
        self.below as usize..end as usize
    }

    /// Returns true if all of `count` subscribers have been visited.
    pub(crate) fn is_over(&self, count: u32) -> bool {
        if self.wrapped { self.below == self.start } else { self.below == 0 && self.start == count }
    }

    /// Prepares for a subscriber to leave and for the last of `count` subscribers to take its index. If the last one
    /// has not been visited but the index has, the subscriber on the border between the two takes the index instead;
    /// its index is returned.
    pub(crate) fn make_room(&mut self, index: u32, count: u32) -> Option<u32> {
        let last_is_unvisited = !self.wrapped || self.below == count;
        let is_visited = index < self.start && (self.wrapped || index >= self.below);
        let border = (last_is_unvisited && is_visited).then(|| {
            self.start -= 1;
            self.start
        });
        self.start = self.start.min(count - 1);
        self.below = self.below.min(count - 1);
        border
    }
}

/// The golden ratio in parts of 2^32. Its multiples, without their whole parts, spread evenly over a range however many
/// are taken (Weyl's equidistribution theorem).
pub(crate) const GOLDEN_RATIO: u32 = 0x9e37_79b9;

#[cfg(test)]
mod tests {
    use super::*;

    /// The indices of one pass over so many subscribers, in turns of so many.
    fn indices(pass: &mut Pass, count: u32, turn: u32) -> Vec<u32> {
        let mut visited = Vec::new();
        while !pass.is_over(count) {
            visited.extend(pass.advance(count, turn).map(|index| u32::try_from(index).expect("small")).rev());
        }
        visited
    }

    #[test]
    fn a_pass_visits_everybody_once_wherever_it_begins() {
        for count in 1..20 {
            for rotation in (0..=u32::MAX).step_by(1 << 27) {
                let mut visited = indices(&mut Pass::begin(count, rotation, 0), count, 3);
                visited.sort_unstable();
                assert_eq!(visited, (0..count).collect::<Vec<_>>());
            }
        }
        assert!(Pass::begin(0, 7, 0).is_over(0));
    }

    #[test]
    fn everybody_s_turn_comes_at_every_place_in_the_pass() {
        let (count, passes) = (200, 2000_u32);
        let mut sum_of_places = vec![0_u64; count as usize];
        let mut rotation = 0_u32;
        for _ in 0..passes {
            rotation = rotation.wrapping_add(GOLDEN_RATIO);
            let visited = indices(&mut Pass::begin(count, rotation, 0), count, 64);
            visited.iter().zip(0..).for_each(|(index, place)| sum_of_places[*index as usize] += place);
        }
        let mean = u64::from(passes) * u64::from(count - 1) / 2;
        for sum in sum_of_places {
            assert!(sum.abs_diff(mean) < mean / 20, "{sum} is far from {mean}");
        }
    }

    /// A pass under way over subscribers that have names.
    struct Visit {
        names: Vec<u32>,
        pass: Pass,
        visited: Vec<u32>,
    }

    impl Visit {
        fn begin(count: u32, rotation: u32) -> Self {
            Self { names: (0..count).collect(), pass: Pass::begin(count, rotation, 0), visited: Vec::new() }
        }

        fn count(&self) -> u32 {
            u32::try_from(self.names.len()).expect("small")
        }

        /// Visits at most so many subscribers, one at a time.
        fn advance(&mut self, steps: u32) {
            for _ in 0..steps {
                if self.pass.is_over(self.count()) {
                    return;
                }
                self.visited.extend(self.pass.advance(self.count(), 1).map(|index| self.names[index]));
            }
        }

        /// Removes a subscriber as a channel log does.
        fn leave(&mut self, index: u32) {
            let free = self.pass.make_room(index, self.count()).unwrap_or(index) as usize;
            self.names[index as usize] = self.names[free];
            self.names.swap_remove(free);
        }
    }

    /// All subscribers that stay are visited, whichever two leave at whatever points of a round.
    #[test]
    fn nobody_is_passed_over_when_others_leave() {
        let count = 7;
        let pairs = |first: u32, second: u32| (0..first).flat_map(move |a| (0..second).map(move |b| (a, b)));
        for rotation in (0..=u32::MAX).step_by(1 << 28) {
            for ((before, first), (between, second)) in
                pairs(count + 1, count).flat_map(|one| pairs(count, count - 1).map(move |other| (one, other)))
            {
                let mut visit = Visit::begin(count, rotation);
                visit.advance(before);
                visit.leave(first);
                visit.advance(between);
                visit.leave(second);
                visit.advance(2 * count);
                let is_complete = visit.names.iter().all(|name| visit.visited.contains(name));
                assert!(
                    is_complete && visit.pass.is_over(visit.count()),
                    "{rotation}: {first} left after {before}, {second} after {between} more"
                );
            }
        }
    }
}
