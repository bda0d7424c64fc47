//! One shard without I/O: what it does next, whatever drives it.
//!
//! Entry point: [`Shard`]. Time, bytes and the contents of the mailbox go in; [`ShardEffect`]s and the [`Step`]s of each
//! [`Connection`] come out. The engine drives it with sockets and timers, the simulator with a seed, and neither decides
//! anything that is decided here: the order of a tick, which connections are not read, when a deadline is over, how a
//! connection ends, how the server drains.
//!
//! Owns the connections of a shard ([`Connection`] for its task, one entry in the shard's table), the messages that wait for
//! room in other shards' mailboxes, the deadlines and the clock that they are read from, the statistics, the stages of the drain.
//!
//! Invariants: a connection that is not read is woken by something that is sure to come, and a tick is asked for whenever there
//! is something for it to do. Nothing is read once a connection has a reason to end. A deadline counts only time in which the
//! shard could have heard the peer.
//!
//! Absent here: sockets, threads, clocks, tasks; who gets a message (`corecast_fanout`), what a frame means
//! (`corecast_session`).
#![forbid(unsafe_code)]

mod activity;
mod clock;
mod connection;
mod connections;
mod drain;
mod effect;
mod lifecycle;
mod limits;
mod outbound;
mod rate;
mod shard;
mod stats;
mod sweep;

pub use connection::{Connection, Received, Step, Turn};
pub use connections::{ConnectionState, Endpoint, HangUp};
pub use drain::Drain;
pub use effect::{Disconnect, ShardEffect};
pub use lifecycle::State;
pub use limits::ShardLimits;
pub use outbound::{MailboxMessage, Mailboxes, ShardMessage};
pub use shard::{MAX_MAILBOX_MESSAGES, Shard};
pub use stats::ShardStats;
pub use sweep::SWEEPS_FOR_ALL;
