//! Barriers: how a shard learns that it has everything that the others accepted before.
//!
//! A shard asks all others to pass a barrier. Each answers when all that it accepted before has been put into its shard batches
//! for the shard that asks. Mailboxes are FIFO, so what has arrived here when the last answer comes is at least what
//! anybody had accepted when the question was asked. Subscriptions begin and end by that: [`PROTOCOL.md`] has the rules.
//!
//! All requests of one tick share a barrier. Barriers are passed in the order of their requests.
//!
//! [`PROTOCOL.md`]: ../../../../docs/PROTOCOL.md

use crate::ShardId;

/// The barriers that one shard asks the others to pass, numbered from 0.
#[derive(Debug)]
pub struct Barriers {
    /// The number of the next.
    next: u64,
    /// Something waits for the next.
    is_wanted: bool,
    /// For each shard, the first barrier that it has not passed. None is ever waited for of this shard itself, or of one
    /// that accepts nothing more.
    passed: Vec<u64>,
}

impl Barriers {
    /// A barrier that is never passed.
    pub const NEVER: u64 = u64::MAX;

    /// Of this shard, of so many.
    pub fn new(shard: ShardId, shards: ShardId) -> Self {
        let passed = (0..shards).map(|other| if other == shard { u64::MAX } else { 0 });
        Self { next: 0, is_wanted: false, passed: passed.collect() }
    }

    /// The number of a barrier behind all that has been accepted anywhere until now.
    pub fn want(&mut self) -> u64 {
        self.is_wanted = true;
        self.next
    }

    /// The barrier that the others are to be asked for now.
    pub fn take_wanted(&mut self) -> Option<u64> {
        std::mem::take(&mut self.is_wanted).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Notes that a shard has passed this barrier and all before it; `u64::MAX` for one that accepts nothing more.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn pass(&mut self, shard: ShardId, number: u64) {
        let passed = &mut self.passed[usize::from(shard)];
        *passed = (*passed).max(number.saturating_add(1));
    }

    /// Returns true if every shard has passed this barrier.
    pub fn is_passed(&self, number: u64) -> bool {
        self.passed.iter().all(|passed| *passed > number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_is_passed_when_the_last_shard_has_passed_it() {
        let mut barriers = Barriers::new(1, 3);
        assert_eq!((barriers.take_wanted(), barriers.want(), barriers.want()), (None, 0, 0));
        assert_eq!((barriers.take_wanted(), barriers.take_wanted(), barriers.want()), (Some(0), None, 1));
        barriers.pass(0, 0);
        assert!(!barriers.is_passed(0));
        barriers.pass(2, 0);
        assert!(barriers.is_passed(0) && !barriers.is_passed(1));
    }

    #[test]
    fn nobody_waits_for_a_shard_that_accepts_nothing_more() {
        let mut barriers = Barriers::new(0, 2);
        let number = barriers.want();
        barriers.pass(1, u64::MAX);
        assert!(barriers.is_passed(number));
    }

    #[test]
    fn one_shard_waits_for_nobody() {
        let mut barriers = Barriers::new(0, 1);
        let number = barriers.want();
        assert!(barriers.is_passed(number));
    }
}
