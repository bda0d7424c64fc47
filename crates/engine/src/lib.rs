//! Shards on glommio: listeners, sockets, the mesh between shards, the ticks, and the end of a server.
//!
//! [`Server::builder`] is the entry point: it starts a server inside a program. `examples/embed.rs` is a complete program.
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
//! A shard is one thread on one CPU, with its own executor, its own SO_REUSEPORT listeners and its own connections.
//! [`Affinity`] sets how firmly the thread is bound to the CPU. `corecast_shard` decides what a shard does next,
//! `corecast_fanout` who gets a message, `corecast_session` what a frame means. This crate drives them: it moves bytes and
//! wakes tasks.
//!
//! Invariants: one shard owns a descriptor; only that shard reads it and closes it, at the end of a tick or in a sweep. No
//! borrow lives across an `.await`. No shard waits for another: messages for a full mailbox stay with the sender, which
//! does not read its publishers until there is room.
//!
//! The feature `baselines`, on by default, adds the policies with a shared registry (`corecast_baselines`).
//!
//! Absent here: the layouts of frames (`corecast_wire`), configuration files and log formats (the binary).
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
pub use corecast_fanout::{Backlog, ConnectionId, Counters, LagRule, ParseConnectionIdError, ShardId, UnknownName};
pub use corecast_shard::State;
pub use error::{RunError, StartError};
pub use host::open_files_needed;
pub use journal::{DisconnectRecord, JOURNAL_LENGTH};
pub use server::{Server, ServerBuilder, Summary, allowed_cpus};
pub use shard::PauseReport;
