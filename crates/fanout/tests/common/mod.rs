//! What the tests of every policy share: a transport and a protocol that can be looked into, and a driver
//! that runs the shards of any policy in one thread.

mod driver;
mod family;
mod frame;
mod outlet;

pub(crate) use driver::{Driver, Peer, limits};
pub(crate) use family::{MutexFamily, PolicyFamily, ShardedFamily, SnapshotFamily};
pub(crate) use frame::{FakeEncode, Frame, answer, message_bytes};
pub(crate) use outlet::FakeOutlet;

use corecast_fanout::Encoding;

/// Skips in the limits of most tests.
pub(crate) const FIRST: Encoding = Encoding::new(0);
/// Disconnects in the limits of most tests.
pub(crate) const SECOND: Encoding = Encoding::new(1);

/// Makes of each generic function a test for each policy.
#[macro_export]
macro_rules! for_every_policy {
    ($($(#[$attribute:meta])* $test:ident),+ $(,)?) => {
        mod sharded {
            $(#[test] $(#[$attribute])* fn $test() { super::$test::<$crate::common::ShardedFamily>(); })+
        }
        mod mutex {
            $(#[test] $(#[$attribute])* fn $test() { super::$test::<$crate::common::MutexFamily>(); })+
        }
        mod snapshot {
            $(#[test] $(#[$attribute])* fn $test() { super::$test::<$crate::common::SnapshotFamily>(); })+
        }
    };
}
