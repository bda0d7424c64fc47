//! One shard without I/O: what it does next, whatever drives it.
//!
//! Entry point: [`Shard`]. Time, bytes and the contents of the mailbox go in; [`ShardEffect`]s and the [`Step`]s of each
//! [`Connection`] come out. The engine drives it with sockets and timers, the simulator with a seed, and neither decides
//! anything that is decided here: the order of a tick, which connections are not read, when a deadline is over, how a
//! connection ends, how the server drains.
//!
//! A shard is made of parts, each with its own invariants: the table of connections (`connections`), the connections that wait
//! (`waits`), the messages that wait for room in other shards' mailboxes (`outbound`), the deadlines (`deadlines`, `activity`) and
//! their clock (`clock`), the stages of the drain (`drain`), the effects for the driver (`effects`), and the statistics (`stats`).
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
