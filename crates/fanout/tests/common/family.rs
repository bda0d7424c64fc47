//! All policies, to write a test once.

use super::{FakeEncode, FakeOutlet};
use corecast_fanout::policy::{Directory, Mutex, MutexDirectory, Policy, Sharded, Shared, Snapshot, SnapshotDirectory};
use corecast_fanout::{Limits, ShardId};

/// A policy, and how to make its shards.
pub(crate) trait PolicyFamily {
    type Policy: Policy<FakeOutlet>;

    /// The sides of so many shards.
    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy>;

    /// What a shard still keeps of channels, where that can be told.
    fn feeds(_policy: &Self::Policy) -> usize {
        0
    }
}

pub(crate) enum ShardedFamily {}
pub(crate) enum MutexFamily {}
pub(crate) enum SnapshotFamily {}

impl PolicyFamily for ShardedFamily {
    type Policy = Sharded<FakeOutlet, FakeEncode>;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        (0..count).map(|shard| Sharded::new(shard, count, limits.clone(), FakeEncode)).collect()
    }

    fn feeds(policy: &Self::Policy) -> usize {
        policy.feeds()
    }
}

impl PolicyFamily for MutexFamily {
    type Policy = Mutex<FakeOutlet, FakeEncode>;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        baseline::<MutexDirectory<FakeOutlet>>(count, limits)
    }
}

impl PolicyFamily for SnapshotFamily {
    type Policy = Snapshot<FakeOutlet, FakeEncode>;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        baseline::<SnapshotDirectory<FakeOutlet>>(count, limits)
    }
}

fn baseline<D: Directory<FakeOutlet>>(count: ShardId, limits: &Limits) -> Vec<Shared<FakeOutlet, FakeEncode, D>> {
    let directory = D::new();
    (0..count).map(|shard| Shared::new(shard, count, limits.clone(), FakeEncode, directory.clone())).collect()
}
