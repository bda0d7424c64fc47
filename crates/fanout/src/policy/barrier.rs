//! Barriers: how a shard learns that it has everything that the others accepted before.
//!
//! A shard asks all others to pass a barrier. Each answers when it has put everything that it accepted before into its
//! shard batches for the asking shard. Mailboxes are FIFO. So when the last answer arrives, everything that any shard
//! had accepted when the question was asked has arrived too. Subscriptions begin and end by barriers: [`PROTOCOL.md`]
//! has the rules.
//!
//! All requests of one tick share a barrier. Barriers are passed in the order of their requests.
//!
//! [`PROTOCOL.md`]: ../../../../docs/PROTOCOL.md

use crate::ShardId;

/// The barriers that one shard asks the others to pass, numbered from 0.
#[derive(Debug)]
pub struct Barriers {
    /// The number of the next barrier.
    next: u64,
    /// True if something waits for the next barrier.
    is_wanted: bool,
    /// For each shard, the first barrier that it has not passed. This shard itself is never waited for, nor is one that
    /// accepts nothing more.
    passed: Vec<u64>,
}

impl Barriers {
    /// A barrier that is never passed.
    pub const NEVER: u64 = u64::MAX;

    /// Creates the barriers of shard `shard` of `shards`.
    pub fn new(shard: ShardId, shards: ShardId) -> Self {
        let passed = (0..shards).map(|other| if other == shard { u64::MAX } else { 0 });
        Self { next: 0, is_wanted: false, passed: passed.collect() }
    }

    /// Returns the number of a barrier that follows everything accepted anywhere until now.
    pub fn want(&mut self) -> u64 {
        self.is_wanted = true;
        self.next
    }

    /// Takes the number of the barrier that the others must now be asked to pass.
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
