//! The policies on which a scenario can run.

use crate::Transport;
use corecast_baselines::{Directory, Handoff, Shared};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{FanoutLimits, Policy, ShardId};
use corecast_session::Codec;

/// Creates the shards of a policy.
pub trait PolicyFactory {
    /// A shard's side of the policy.
    type Policy: Policy<Transport>;

    /// Returns true if messages cross shards in shard batches. Otherwise a message is available on all shards as soon as it
    /// is published.
    fn posts(&self) -> bool;

    /// Returns true if whole batches are kept for a subscriber that is behind, of which the last may exceed the bound.
    /// Otherwise a log is kept.
    fn keeps_batches(&self) -> bool;

    /// Returns the sides of `count` shards.
    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy>;

    /// Returns the number of channel logs that a shard still keeps, or 0 for a policy that does not report it.
    fn channel_logs(_policy: &Self::Policy) -> usize {
        0
    }
}

/// The engine's own policy.
#[derive(Clone, Copy, Debug)]
pub struct ShardedFactory;

/// A baseline, with its registry and its handoff.
#[derive(Clone, Copy, Debug)]
pub struct SharedFactory<M> {
    /// Creates an empty registry.
    pub directory: M,
    /// The thread that writes.
    pub handoff: Handoff,
}

impl PolicyFactory for ShardedFactory {
    type Policy = Sharded<Transport, Codec>;

    fn posts(&self) -> bool {
        true
    }

    fn keeps_batches(&self) -> bool {
        false
    }

    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        (0..count).map(|shard| Sharded::new(shard, count, limits.clone(), Codec)).collect()
    }

    fn channel_logs(policy: &Self::Policy) -> usize {
        policy.channel_logs()
    }
}

impl<D: Directory<Transport>, M: Fn() -> D> PolicyFactory for SharedFactory<M> {
    type Policy = Shared<Transport, Codec, D>;

    fn posts(&self) -> bool {
        self.handoff == Handoff::Owner
    }

    fn keeps_batches(&self) -> bool {
        true
    }

    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        let directory = (self.directory)();
        let shard = |shard| Shared::new(shard, count, limits.clone(), Codec, directory.clone());
        (0..count).map(|number| shard(number).with_handoff(self.handoff)).collect()
    }
}
