//! One shard without I/O: it decides what happens next, under any driver.
//!
//! Entry point: [`Shard`]. Time, bytes and the contents of the mailbox go in; [`ShardEffect`]s and the [`Step`]s of each
//! [`Connection`] come out. The engine drives it with sockets and timers, the simulator with a seed. Neither decides
//! anything that is decided here: the order of a tick, which connections are not read, when a deadline has passed, how a
//! connection ends, and how the server drains.
//!
//! A shard consists of parts, each with its own invariants: the table of connections (`connections`), the connections that
//! wait (`waits`), the messages that wait for room in other shards' mailboxes (`outbound`), the deadlines (`deadlines`,
//! `activity`) and their clock (`clock`), the stages of the drain (`drain`), the effects for the driver (`effects`), and
//! the statistics (`stats`).
//!
//! Invariants: an event that is sure to come wakes each connection that is not read. A tick is requested whenever it has
//! something to do. Nothing is read once a connection has a reason to end. A deadline counts only time in which the shard
//! could have heard the peer.
//!
//! ```
//! use corecast_fanout::policy::Sharded;
//! use corecast_fanout::{Item, FanoutLimits, Outlet, Sent, ShardId};
//! use corecast_session::{Codec, Plain};
//! use corecast_shard::{Endpoint, HangUp, MailboxMessage, Mailboxes, Received, Shard, ShardLimits, ShardMessage, Step};
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
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
//! impl Endpoint for Memory {
//!     type Outlet = Self;
//!
//!     fn outlet(&self) -> Self {
//!         self.clone()
//!     }
//!     fn unacknowledged(&self) -> u32 {
//!         0
//!     }
//!     fn hang_up(&self) -> Option<HangUp> {
//!         None
//!     }
//! }
//!
//! /// The mailboxes of a shard that is alone.
//! struct Alone;
//!
//! impl Mailboxes for Alone {
//!     type Item = Item;
//!     type Request = ();
//!
//!     fn post(&mut self, _: ShardId, message: ShardMessage<Item>) -> Result<(), ShardMessage<Item>> {
//!         Err(message)
//!     }
//!     fn receive(&mut self) -> Option<MailboxMessage<Item, ()>> {
//!         None
//!     }
//!     fn has_room(&self, _: ShardId) -> bool {
//!         true
//!     }
//!     fn is_empty(&self) -> bool {
//!         true
//!     }
//! }
//!
//! let limits = ShardLimits {
//!     connections: 10,
//!     control_bytes: 64 * 1024,
//!     frames_per_second: 0,
//!     bytes_per_second: 0,
//!     close_over_rate: false,
//!     hello_timeout: Duration::from_secs(10),
//!     frame_timeout: Duration::from_secs(30),
//!     write_timeout: Duration::from_secs(30),
//!     linger: Duration::from_secs(1),
//!     reconnect_spread: Duration::ZERO,
//!     drain_timeout: Duration::from_secs(5),
//!     sweep_interval: Duration::from_millis(100),
//! };
//! let now = Duration::ZERO;
//! let mut shard = Shard::new(0, 1, Sharded::new(0, 1, FanoutLimits::default(), Codec), limits, now, 7);
//! let transport = Memory::default();
//! let session = Plain { channel: "lobby".into(), limits: corecast_wire::FrameLimits::PLAIN, lag: None };
//! let mut connection = shard.open(transport.clone(), session, Duration::ZERO, now);
//!
//! assert_eq!(connection.next(&mut shard, || now), Step::Read);
//! connection.received(&mut shard, Received::Bytes(b"\0\0\0\x05hello"), || now);
//! shard.exchange(&mut Alone, |_, ()| {});
//! while shard.flush(64, &mut Alone) {}
//! assert_eq!(*transport.0.lock().unwrap(), b"\0\0\0\x05hello");
//! ```
//!
//! Absent here: sockets, threads, clocks and tasks; who gets a message (`corecast_fanout`); the meaning of a frame
//! (`corecast_session`).
#![forbid(unsafe_code)]

mod activity;
mod clock;
mod connection;
mod connections;
mod deadlines;
mod drain;
mod effects;
mod lifecycle;
mod limits;
mod outbound;
mod rate;
mod shard;
mod stats;
mod waits;

pub use connection::{Connection, Received, Step, Turn};
pub use connections::{ConnectionState, Endpoint, HangUp};
pub use deadlines::SWEEPS_FOR_ALL;
pub use drain::Drain;
pub use effects::{Disconnect, ShardEffect};
pub use lifecycle::State;
pub use limits::ShardLimits;
pub use outbound::{MailboxMessage, Mailboxes, ShardMessage};
pub use shard::{MAX_MAILBOX_MESSAGES, Shard};
pub use stats::ShardStats;
