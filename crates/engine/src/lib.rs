//! Shards on glommio: listeners, sockets, the mesh between shards, the tick that flushes, the end.
//!
//! One shard is one thread pinned to one CPU (as firmly as [`Affinity`] says) with its own executor, its own SO_REUSEPORT listeners and
//! its own connections. What a shard keeps of a message and whom it sends it is `corecast_fanout`'s;
//! what a frame means is `corecast_session`'s; here bytes and wake-ups move.
//!
//! Invariants: a descriptor is owned by one shard, read by it alone and closed by it alone, at the end
//! of a tick. No borrow lives across an `.await`. No shard ever waits for another: what a full mailbox
//! does not take stays with the sender, which stops reading its publishers until it can go.
//!
//! The policies with a shared registry (`corecast_baselines`) are there with the feature `baselines`, which is on by default.
//!
//! Absent here: protocols' layouts (`corecast_wire`), configuration files and logs' formats (the binary).
#![deny(unsafe_code)]

mod accept;
mod affinity;
mod batch;
mod closing;
mod config;
mod connection;
mod control;
mod driver;
mod error;
mod io_uring;
mod journal;
mod listener;
mod mesh;
mod open_files;
mod pause;
mod policy;
mod reactor;
mod schedstat;
mod send_queue;
mod server;
mod signal;
mod socket;
mod tick;
mod timers;
mod waker;

pub use config::{Affinity, Config, Limits, Listener, OverRate, PolicyKind, Protocol, RateLimit, Scheduling, Tuning};
pub use control::{ConnectionInfo, Control, NoAnswer, ShardInfo};
#[cfg(feature = "baselines")]
pub use corecast_baselines::Handoff;
pub use corecast_fanout::{Backlog, ConnectionId, Counters, Lag, ParseConnectionIdError, ShardId, UnknownName};
pub use corecast_shard::State;
pub use error::{RunError, StartError};
pub use journal::{DisconnectRecord, JOURNAL_LENGTH};
pub use open_files::open_files_needed;
pub use pause::PauseReport;
pub use server::{Server, Summary};
