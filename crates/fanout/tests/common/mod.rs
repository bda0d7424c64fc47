//! The shared parts of the tests of every policy: a transport and a protocol that can be inspected, and a driver that
//! runs the shards of any policy in one thread.

mod driver;
mod frame;
mod outlet;
mod policy_factory;

pub(crate) use driver::{Driver, Peer, limits};
pub(crate) use frame::{FakeEncode, Frame, answer, message_bytes};
pub(crate) use outlet::FakeOutlet;
pub(crate) use policy_factory::{PolicyFactory, ShardedFactory};

use corecast_fanout::Encoding;

/// The encoding that skips under the limits of most tests.
pub(crate) const FIRST: Encoding = Encoding::new(0);
/// The encoding that disconnects under the limits of most tests.
pub(crate) const SECOND: Encoding = Encoding::new(1);
