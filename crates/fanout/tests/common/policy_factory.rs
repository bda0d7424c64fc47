//! A policy from the point of view of the tests of every policy.

use super::{FakeEncode, FakeOutlet};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{FanoutLimits, Policy, ShardId};

/// A policy, and the way to create its shards.
pub(crate) trait PolicyFactory {
    type Policy: Policy<FakeOutlet>;

    /// True if a subscriber's messages are a contiguous part of those of any other subscriber of its shard that was
    /// there before and stays. That is not so if the owner writes: a message of another shard, published before a
    /// subscription, may reach older subscribers after later messages of this shard.
    const STRETCHES: bool = true;

    /// Creates the sides of `count` shards.
    fn shards(count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy>;

    /// Runs one step of the executor on which a shared registry lives. Returns false if there was none to run.
    fn step() -> bool {
        false
    }

    /// Returns the number of channel logs that a shard still keeps, if the policy can tell.
    fn channel_logs(_policy: &Self::Policy) -> usize {
        0
    }
}

pub(crate) enum ShardedFactory {}

impl PolicyFactory for ShardedFactory {
    type Policy = Sharded<FakeOutlet, FakeEncode>;

    fn shards(count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        (0..count).map(|shard| Sharded::new(shard, count, limits.clone(), FakeEncode)).collect()
    }

    fn channel_logs(policy: &Self::Policy) -> usize {
        policy.channel_logs()
    }
}
