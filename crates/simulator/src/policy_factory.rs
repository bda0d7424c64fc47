//! All policies, to run a scenario on any of them.

use crate::Transport;
use corecast_baselines::{Directory, Handoff, Shared};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{FanoutLimits, Policy, ShardId};
use corecast_session::Codec;

/// A policy, and how to make its shards.
pub trait PolicyFactory {
    /// A shard's side of it.
    type Policy: Policy<Transport>;

    /// Returns true if messages cross shards in shard batches; if not, a message is everywhere as soon as it is published.
    fn posts(&self) -> bool;

    /// Whether a subscriber that is behind is kept whole batches, of which the last may be beyond the bound; if not, it
    /// is kept a log.
    fn keeps_batches(&self) -> bool;

    /// The sides of so many shards.
    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy>;

    /// What a shard still keeps of channels, where that can be told.
    fn channel_logs(_policy: &Self::Policy) -> usize {
        0
    }
}

/// The engine's own policy.
#[derive(Clone, Copy, Debug)]
pub struct ShardedFactory;

/// A baseline: how its registry is made, and who writes.
#[derive(Clone, Copy, Debug)]
pub struct SharedFactory<M> {
    /// Makes an empty registry.
    pub directory: M,
    /// Who writes.
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
