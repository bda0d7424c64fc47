//! A server of several shards in one thread, driven by a seed and held against a naive model.
//!
//! Owns the [`Scenario`] that a seed stands for, the transports between clients and shards, the part of the
//! engine that cannot be run without sockets, and the model. The policies, the sessions and their decoders are
//! the product's own. Which shard ticks, what its mailbox takes, how much a send or a receive brings, when
//! something is reaped and whose slot is used again: every interleaving is a [`Step`].
//!
//! Invariants: a scenario always runs the same way, so that a failure is its seed. The model knows what
//! clients wrote and what was received of it, and nothing of how a policy works. Everything is checked after
//! every step, what should have come at the end; see [`Promise`].
//!
//! Absent here: sockets, clocks, threads, glommio. What only they can show is tested in `corecast_engine`.
#![forbid(unsafe_code)]

mod conversation;
mod driver;
mod mailbox;
mod model;
mod observer;
mod policy_factory;
mod run;
mod scenario;
mod step;
mod step_weights;
mod task;
mod transport;
mod violation;
mod world;

pub use conversation::converse;
pub use policy_factory::{PolicyFactory, ShardedFactory, SharedFactory};
pub use run::{Failure, Report, run, shrink};
pub use scenario::{Scenario, Settings};
pub use step::{Arrival, Command, Offence, Step};
pub use transport::Transport;
pub use violation::{Promise, Violation};
