//! Shards on glommio: listeners, sockets, the mesh between shards, the tick that flushes, the end.
//!
//! [`Server::builder`] is the entry point: a server inside a program. `examples/embed.rs` is a whole one.
//!
//! ```
//! use corecast_client::{Client, Event, Options};
//! use corecast_engine::{Protocol, Server};
//!
//! let server = Server::builder().listen(Protocol::Native, ([127, 0, 0, 1], 0)).start()?;
//! let mut client = Client::connect(server.listeners()[0].address, &Options::default())?;
//! client.subscribe("lobby")?;
//! client.publish("lobby", b"hello")?;
//! assert!(matches!(client.next_event()?, Event::Message { payload, .. } if payload == b"hello"));
//! client.close()?;
//! server.stop();
//! assert_eq!(server.wait()?.counters.deliveries, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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

mod config;
mod control;
mod error;
mod host;
mod journal;
mod mesh;
mod net;
mod runtime;
mod server;
mod shard;

pub use config::{Affinity, Config, Limits, Listener, OverRate, PolicyKind, Protocol, RateLimit, Scheduling, Tuning};
pub use control::{ConnectionInfo, Control, NoAnswer, ShardInfo};
#[cfg(feature = "baselines")]
pub use corecast_baselines::Handoff;
pub use corecast_fanout::{Backlog, ConnectionId, Counters, Lag, ParseConnectionIdError, ShardId, UnknownName};
pub use corecast_shard::State;
pub use error::{RunError, StartError};
pub use host::open_files_needed;
pub use journal::{DisconnectRecord, JOURNAL_LENGTH};
pub use server::{Server, ServerBuilder, Summary, allowed_cpus};
pub use shard::PauseReport;
