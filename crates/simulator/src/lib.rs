//! A server of several shards in one thread, driven by a seed and compared with a naive model.
//!
//! [`run`] is the entry point: it runs the [`Scenario`] of a seed with the policy of a [`PolicyFactory`].
//!
//! ```
//! use corecast_simulator::{Scenario, ShardedFactory, run};
//!
//! let scenario = Scenario::new(7, 250);
//! let report = run(&ShardedFactory, &scenario).expect("no promise is broken");
//! let again = run(&ShardedFactory, &scenario).expect("a scenario always runs the same way");
//! assert_eq!(report.deliveries, again.deliveries);
//! ```
//!
//! Owns the scenario, the transports between clients and shards, the model, and a driver that stands for the engine's
//! sockets, tasks and timers. The shards, the policies, the sessions and their decoders are the product's own. A [`Step`]
//! decides every interleaving: which shard ticks, how much it takes from its mailbox, how many bytes a send or a receive
//! moves, and whose slot is used again.
//!
//! Invariants: a scenario always runs the same way, so a seed identifies a failure. The model knows what clients wrote and
//! how much of it was received, but not how a policy works. Every promise is checked after every step, except that missing
//! messages are known only at the end; see [`Promise`].
//!
//! Absent here: sockets, clocks, threads, glommio. The tests of `corecast_engine` cover everything that needs them.
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
