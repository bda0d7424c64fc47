//! What the tests of every policy share: a transport and a protocol that can be looked into, and a driver
//! that runs the shards of any policy in one thread.

mod driver;
mod executor;
mod frame;
mod outlet;
mod policy_factory;

pub(crate) use driver::{Driver, Peer, limits};
pub(crate) use executor::step;
pub(crate) use frame::{FakeEncode, Frame, answer, message_bytes};
pub(crate) use outlet::FakeOutlet;
pub(crate) use policy_factory::{
    ByOwner, Direct, InMutex, InSnapshot, PolicyFactory, ShardedFactory, UnderAlone, UnderChannel, UnderMutex,
    UnderPortal, UnderSpin,
};

use corecast_fanout::Encoding;

/// Skips in the limits of most tests.
pub(crate) const FIRST: Encoding = Encoding::new(0);
/// Disconnects in the limits of most tests.
pub(crate) const SECOND: Encoding = Encoding::new(1);

/// Makes of each generic function a test for each policy.
#[macro_export]
macro_rules! for_every_policy {
    ($($test:ident),+ $(,)?) => {
        $crate::for_every_policy! { @ ($($test)+)
            sharded: ShardedFactory;
            mutex: Direct<InMutex>;
            snapshot: Direct<InSnapshot>;
            subjector_spin: Direct<UnderSpin>;
            subjector_mutex: Direct<UnderMutex>;
            subjector_portal: Direct<UnderPortal>;
            subjector_alone: Direct<UnderAlone>;
            subjector_channel: Direct<UnderChannel>;
            mutex_by_owner: ByOwner<InMutex>;
            snapshot_by_owner: ByOwner<InSnapshot>;
            subjector_spin_by_owner: ByOwner<UnderSpin>;
            subjector_mutex_by_owner: ByOwner<UnderMutex>;
            subjector_portal_by_owner: ByOwner<UnderPortal>;
            subjector_alone_by_owner: ByOwner<UnderAlone>;
            subjector_channel_by_owner: ByOwner<UnderChannel>;
        }
    };
    (@ $tests:tt $($policy:ident: $factory:ty;)+) => {
        $(mod $policy {
            use $crate::common::*;
            $crate::for_every_policy! { @@ $factory, $tests }
        })+
    };
    (@@ $factory:ty, ($($test:ident)+)) => {
        $(#[test] fn $test() { super::$test::<$factory>(); })+
    };
}
