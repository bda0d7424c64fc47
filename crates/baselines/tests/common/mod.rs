//! The baselines, for the tests that every policy passes; `crates/fanout/tests/common` has the shared parts.

#[path = "../../../fanout/tests/common/mod.rs"]
mod every_policy;
mod executor;

pub(crate) use every_policy::*;
pub(crate) use executor::step;

use corecast_baselines::{Directory, Handoff, MutexDirectory, Shared, SnapshotDirectory, SubjectorDirectory};
use corecast_fanout::{FanoutLimits, ShardId};
use executor::stepped;
use std::marker::PhantomData;
use subjector::{Alone, Channel, Portal, Spin};

/// Creates the registry of a baseline.
pub(crate) trait MakeDirectory {
    type Directory: Directory<FakeOutlet>;

    fn make() -> Self::Directory;
}

/// A baseline, by its registry, in which the thread of the fan-out writes.
pub(crate) struct Direct<M>(PhantomData<M>);

/// A baseline, by its registry, in which the owning shard writes.
pub(crate) struct ByOwner<M>(PhantomData<M>);

impl<M: MakeDirectory> PolicyFactory for Direct<M> {
    type Policy = Shared<FakeOutlet, FakeEncode, M::Directory>;

    fn step() -> bool {
        executor::step()
    }

    fn shards(count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        let directory = M::make();
        (0..count).map(|shard| Shared::new(shard, count, limits.clone(), FakeEncode, directory.clone())).collect()
    }
}

impl<M: MakeDirectory> PolicyFactory for ByOwner<M> {
    type Policy = Shared<FakeOutlet, FakeEncode, M::Directory>;

    const STRETCHES: bool = false;

    fn step() -> bool {
        executor::step()
    }

    fn shards(count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
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
