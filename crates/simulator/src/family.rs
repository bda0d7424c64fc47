//! All policies, to run a scenario on any of them.

use crate::Transport;
use corecast_fanout::policy::{Directory, Mutex, MutexDirectory, Sharded, Shared, Snapshot, SnapshotDirectory};
use corecast_fanout::{Limits, Policy, ShardId};
use corecast_session::Codec;

/// A policy, and how to make its shards.
pub trait Family {
    /// A shard's side of it.
    type Policy: Policy<Transport>;

    /// Whether messages cross shards in parcels; if not, a message is everywhere as soon as it is published.
    const POSTS: bool;

    /// The sides of so many shards.
    fn shards(&self, count: ShardId, limits: &Limits) -> Vec<Self::Policy>;

    /// What a shard still keeps of channels, where that can be told.
    fn feeds(_policy: &Self::Policy) -> usize {
        0
    }
}

/// The engine's own policy.
#[derive(Clone, Copy, Debug)]
pub struct ShardedFamily;

/// The baseline with a lock.
#[derive(Clone, Copy, Debug)]
pub struct MutexFamily;

/// The baseline with snapshots.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotFamily;

impl Family for ShardedFamily {
    type Policy = Sharded<Transport, Codec>;

    const POSTS: bool = true;

    fn shards(&self, count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        (0..count).map(|shard| Sharded::new(shard, count, limits.clone(), Codec)).collect()
    }

    fn feeds(policy: &Self::Policy) -> usize {
        policy.feeds()
    }
}

impl Family for MutexFamily {
    type Policy = Mutex<Transport, Codec>;

    const POSTS: bool = false;

    fn shards(&self, count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        baseline::<MutexDirectory<Transport>>(count, limits)
    }
}

impl Family for SnapshotFamily {
    type Policy = Snapshot<Transport, Codec>;

    const POSTS: bool = false;

    fn shards(&self, count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        baseline::<SnapshotDirectory<Transport>>(count, limits)
    }
}

fn baseline<D: Directory<Transport>>(count: ShardId, limits: &Limits) -> Vec<Shared<Transport, Codec, D>> {
    let directory = D::new();
    (0..count).map(|shard| Shared::new(shard, count, limits.clone(), Codec, directory.clone())).collect()
}
