//! All policies, to write a test once.

use super::executor::stepped;
use super::{FakeEncode, FakeOutlet};
use corecast_fanout::policy::{
    Directory, Handoff, MutexDirectory, Policy, Sharded, Shared, SnapshotDirectory, SubjectorDirectory,
};
use corecast_fanout::{Limits, ShardId};
use std::marker::PhantomData;
use subjector::{Alone, Channel, Portal, Spin};

/// A policy, and how to make its shards.
pub(crate) trait PolicyFactory {
    type Policy: Policy<FakeOutlet>;

    /// Whether what a shard's subscriber gets is a stretch of what any other gets that was there before and stays.
    /// Where the owner writes it is not: a message of another shard, published before a subscription, may reach
    /// those who were there behind later ones of this shard.
    const STRETCHES: bool = true;

    /// The sides of so many shards.
    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy>;

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

/// How a baseline gets its registry.
pub(crate) trait MakeDirectory {
    type Directory: Directory<FakeOutlet>;

    fn make() -> Self::Directory;
}

/// A baseline, by its registry.
pub(crate) struct Direct<M>(PhantomData<M>);

/// Likewise, while the owning shard writes.
pub(crate) struct ByOwner<M>(PhantomData<M>);

impl<M: MakeDirectory> PolicyFactory for Direct<M> {
    type Policy = Shared<FakeOutlet, FakeEncode, M::Directory>;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        let directory = M::make();
        (0..count).map(|shard| Shared::new(shard, count, limits.clone(), FakeEncode, directory.clone())).collect()
    }
}

impl<M: MakeDirectory> PolicyFactory for ByOwner<M> {
    type Policy = Shared<FakeOutlet, FakeEncode, M::Directory>;

    const STRETCHES: bool = false;

    fn shards(count: ShardId, limits: &Limits) -> Vec<Self::Policy> {
        Direct::<M>::shards(count, limits).into_iter().map(|policy| policy.with_handoff(Handoff::Owner)).collect()
    }
}

macro_rules! registries {
    ($($name:ident: $directory:ty = $make:expr;)+) => {
        $(pub(crate) enum $name {}

        impl MakeDirectory for $name {
            type Directory = $directory;

            fn make() -> Self::Directory {
                $make
            }
        })+
    };
}

registries! {
    InMutex: MutexDirectory<FakeOutlet> = MutexDirectory::default();
    InSnapshot: SnapshotDirectory<FakeOutlet> = SnapshotDirectory::default();
    UnderSpin: SubjectorDirectory<FakeOutlet, Spin> = SubjectorDirectory::new(Spin);
    UnderMutex: SubjectorDirectory<FakeOutlet, subjector::Mutex> = SubjectorDirectory::new(subjector::Mutex);
    UnderAlone: SubjectorDirectory<FakeOutlet, Alone> = SubjectorDirectory::new(Alone::default());
    UnderPortal: SubjectorDirectory<FakeOutlet, Portal> = SubjectorDirectory::new(Portal::on(stepped()));
    UnderChannel: SubjectorDirectory<FakeOutlet, Channel> = SubjectorDirectory::new(Channel::on(stepped()));
}
