//! Who gets what: channels, logs, cursors and the policies that find a message's subscribers.
//!
//! A plain state machine: commands in ([`Policy`]'s methods), [`Effect`]s and [`ShardBatch`]s out. The
//! only way to the outside is [`Outlet::send`], which never blocks, so a simulator can run many
//! shards in one thread, in any order, with short writes and cut connections.
//!
//! Invariants: a cursor stands at a message boundary, always; what a short write left of a message
//! is kept with the connection and leaves before anything else. An answer given to a connection
//! leaves before any message that was published after it. Logs and subscriptions have their bounds in
//! [`Limits`]; answers ([`Policy::pending_bytes`]) and shard batches that are not taken ([`Policy::shard_batch`]) grow only with
//! what the owner reads, which it stops reading.
//!
//! Absent here: sockets, clocks, runtimes, protocols. How a message looks on the wire is the
//! caller's [`Encode`].
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
pub use limits::{Lag, Limits};
pub use log::Log;
pub use named::UnknownName;
pub use outlet::{Outgoing, Outlet, Sent};
pub use policy::{Backlog, Effect, Hooks, Policy, Publication, TooManySubscriptions};
pub use shard_batch::{EncodedBatch, Item, ShardBatch};
pub use slots::Slots;
