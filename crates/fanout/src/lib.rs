//! Channels, logs, cursors and the policies that find a message's subscribers.
//!
//! A plain state machine: calls of [`Policy`]'s methods in, [`Effect`]s and [`ShardBatch`]es out. The only way to the outside is
//! [`Outlet::send`], which never blocks. So a simulator can run many shards in one thread, in any order, with short writes and cut
//! connections.
//!
//! [`policy::Sharded`] is the entry point; its methods are those of [`Policy`].
//!
//! ```
//! use corecast_fanout::policy::{Hooks as _, Sharded};
//! use corecast_fanout::{Encode, Encoding, FanoutLimits, Outlet, Policy, Publication, Sent};
//! use std::sync::{Arc, Mutex};
//!
//! /// A message is its payload and a line feed.
//! #[derive(Clone)]
//! struct Lines;
//!
//! impl Encode for Lines {
//!     fn message(&self, _: Encoding, _channel: &str, payload: &[u8], out: &mut Vec<u8>) {
//!         out.extend_from_slice(payload);
//!         out.push(b'\n');
//!     }
//!     fn gap(&self, _: Encoding, _channel: &str, count: u64, out: &mut Vec<u8>) {
//!         out.extend_from_slice(format!("{count} missed\n").as_bytes());
//!     }
//! }
//!
//! /// A transport that takes everything.
//! #[derive(Clone, Default)]
//! struct Memory(Arc<Mutex<Vec<u8>>>);
//!
//! impl Outlet for Memory {
//!     fn send(&self, bytes: &[u8]) -> Sent {
//!         self.0.lock().unwrap().extend_from_slice(bytes);
//!         Sent::Took(bytes.len())
//!     }
//! }
//!
//! let mut shard = Sharded::new(0, 1, FanoutLimits::default(), Lines);
//! let (outlet, encoding) = (Memory::default(), Encoding::new(0));
//! let subscriber = shard.open(outlet.clone(), encoding);
//! shard.subscribe(subscriber, "lobby", b"subscribed\n")?;
//! shard.publish(subscriber, &Publication { channel: "lobby", payload: b"hello", no_echo: false });
//! shard.commit(subscriber);
//! while shard.flush(64) {}
//! assert_eq!(*outlet.0.lock().unwrap(), b"subscribed\nhello\n");
//! # Ok::<(), corecast_fanout::TooManySubscriptions>(())
//! ```
//!
//! Invariants: a cursor always stands at a message boundary. The rest of a message that a short write cut is kept with the
//! connection and leaves before anything else. An answer to a connection leaves before any message that was published after it.
//! [`FanoutLimits`] bounds logs and subscriptions. Answers ([`Policy::pending_bytes`]) and shard batches that are not taken
//! ([`Policy::shard_batch`]) grow only while their owner reads; it stops reading connections that have too many.
//!
//! Absent here: sockets, clocks, runtimes, protocols. The caller's [`Encode`] defines the encoding of a message.
#![forbid(unsafe_code)]

mod connection_id;
mod counters;
mod encode;
mod limits;
mod log;
mod named;
mod outlet;
pub mod policy;
mod shard_batch;
mod slots;

pub use connection_id::{ConnectionId, ParseConnectionIdError, ShardId};
pub use counters::Counters;
pub use encode::{Encode, Encoding, MAX_ENCODINGS};
pub use limits::{FanoutLimits, LagRule};
pub use log::Log;
pub use named::UnknownName;
pub use outlet::{Outgoing, Outlet, Sent};
pub use policy::{Backlog, Effect, Hooks, Policy, Publication, TooManySubscriptions};
pub use shard_batch::{EncodedBatch, Item, ShardBatch};
pub use slots::Slots;
