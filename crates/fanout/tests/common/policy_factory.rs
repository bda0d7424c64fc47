//! A policy as the tests of every policy see it.

use super::{FakeEncode, FakeOutlet};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{Limits, Policy, ShardId};

/// A policy, and how to make its shards.
pub(crate) trait PolicyFactory {
    type Policy: Policy<FakeOutlet>;

    /// Whether what a shard's subscriber gets is a stretch of what any other gets that was there before and stays.
    /// Where the owner writes it is not: a message of another shard, published before a subscription, may reach
    /// those who were there behind later ones of this shard.
    const STRETCHES: bool = true;

    /// The sides of so many shards.
    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy>;

    /// Lets the executor on which a shared registry lives take one step; whether there was one to take.
    fn step() -> bool {
        false
    }

    /// What a shard still keeps of channels, where that can be told.
    fn channel_logs(_policy: &Self::Policy) -> usize {
        0
    }
}

pub(crate) enum ShardedFactory {}

impl PolicyFactory for ShardedFactory {
    type Policy = Sharded<FakeOutlet, FakeEncode>;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        (0..count).map(|shard| Sharded::new(shard, count, limits.clone(), FakeEncode)).collect()
    }

    fn channel_logs(policy: &Self::Policy) -> usize {
        policy.channel_logs()
    }
}
