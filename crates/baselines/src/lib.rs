//! The baselines: policies with one registry of subscribers for the process, to which `sharded` is compared.
//!
//! | policy | registry of subscribers | who writes the socket |
//! | --- | --- | --- |
//! | [`Mutex`] | one for the process, locked for the whole fan-out | the publisher's thread, once per subscriber and read batch |
//! | [`Snapshot`] | one for the process, copy-on-write, locked to clone an `Arc` | the publisher's thread, likewise |
//! | [`Subjected`] | one for the process, an object under a policy of `subjector` | the thread on which the fan-out runs, likewise |
//!
//! [`Shared`] is the entry point. It batches per read, encodes once, and handles short writes and answers; its [`Directory`] is the
//! way in which the process shares the registry. Under [`Handoff::Owner`] the fan-out only names the subscribers, and the shard
//! that owns them writes. A driver that runs [`corecast_fanout::Policy`] with [`corecast_fanout::Hooks`] runs every baseline.
//!
//! ```
//! use corecast_baselines::{Mutex, MutexDirectory};
//! use corecast_fanout::{Encode, Encoding, FanoutLimits, Outlet, Policy, Publication, Sent};
//! use std::sync::{Arc, Mutex as Lock};
//!
//! #[derive(Clone)]
//! struct Lines;
//!
//! impl Encode for Lines {
//!     fn message(&self, _: Encoding, _channel: &str, payload: &[u8], out: &mut Vec<u8>) {
//!         out.extend_from_slice(payload);
//!         out.push(b'\n');
//!     }
//!     fn gap(&self, _: Encoding, _channel: &str, count: u64, out: &mut Vec<u8>) {
//!         out.extend_from_slice(format!("{count} missing\n").as_bytes());
//!     }
//! }
//!
//! #[derive(Clone, Default)]
//! struct Buffer(Arc<Lock<Vec<u8>>>);
//!
//! impl Outlet for Buffer {
//!     fn send(&self, bytes: &[u8]) -> Sent {
//!         self.0.lock().unwrap().extend_from_slice(bytes);
//!         Sent::Took(bytes.len())
//!     }
//! }
//!
//! // Both shards have a clone of the same directory.
//! use corecast_fanout::Hooks;
//! let directory = MutexDirectory::default();
//! let shard = |number| Mutex::new(number, 2, FanoutLimits::default(), Lines, directory.clone());
//! let (mut first, mut second) = (shard(0), shard(1));
//! let buffer = Buffer::default();
//! let subscriber = first.open(buffer.clone(), Encoding::new(0));
//! first.subscribe(subscriber, "news", b"subscribed\n")?;
//! let publisher = second.open(Buffer::default(), Encoding::new(0));
//! second.publish(publisher, &Publication { channel: "news", payload: b"hello", no_echo: false });
//! second.commit(publisher);
//! assert_eq!(*buffer.0.lock().unwrap(), b"subscribed\nhello\n");
//! # Ok::<(), corecast_fanout::TooManySubscriptions>(())
//! ```
//!
//! Invariants: the thread of a fan-out may write to a socket of another shard, but only the shard that owns a connection
//! drops its last outlet, which closes its descriptor. A publisher's messages keep their order under every policy.
//!
//! Absent here: logs and cursors (`corecast_fanout`), executors, sockets, protocols.
#![forbid(unsafe_code)]

mod fan_out;
mod item;
mod leave;
mod registry;
mod shared;
mod writer;

pub use fan_out::{Delivery, FanOut, Handoff, Outcome};
pub use item::{Item, Notice};
pub use registry::{Directory, Members, MutexDirectory, Registry, SnapshotDirectory, SubjectorDirectory};
pub use shared::Shared;
pub use writer::{Membership, Writer};

/// The baseline with one registry behind a lock that is held for the whole fan-out.
pub type Mutex<O, E> = Shared<O, E, MutexDirectory<O>>;
/// The baseline with one copy-on-write registry.
pub type Snapshot<O, E> = Shared<O, E, SnapshotDirectory<O>>;
/// The baselines with one registry as an object under a policy of `subjector`.
pub type Subjected<O, E, P> = Shared<O, E, SubjectorDirectory<O, P>>;
