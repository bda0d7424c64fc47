//! The contract of every policy, for the baselines: the tests of `crates/fanout/tests/contract`, for each of them.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

/// Turns each generic function into a test of each policy.
macro_rules! for_every_policy {
    ($($test:ident),+ $(,)?) => {
        $crate::for_every_policy! { @ ($($test)+)
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
pub(crate) use for_every_policy;

#[path = "../../../fanout/tests/contract/delivery.rs"]
mod delivery;
#[path = "../../../fanout/tests/contract/interest.rs"]
mod interest;
#[path = "../../../fanout/tests/contract/lag.rs"]
mod lag;
#[path = "../../../fanout/tests/contract/lifecycle.rs"]
mod lifecycle;
#[path = "../../../fanout/tests/contract/transport.rs"]
mod transport;

/// The numbers of shards with which each promise is tested.
const SHARDS: [u16; 2] = [1, 3];
