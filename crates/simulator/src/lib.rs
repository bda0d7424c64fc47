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
//! Owns the scenario, the transports between clients and shards, a driver that stands for the engine's sockets, tasks and timers, and
//! the model. The shards, the policies, the sessions and their decoders are the product's own. A [`Step`] decides every interleaving:
//! which shard ticks, how much its mailbox takes, how many bytes a send or a receive moves, and whose slot is used again.
//!
//! Invariants: a scenario always runs the same way, so a seed identifies a failure. The model knows what clients wrote and how much of it was
//! received, and nothing of how a policy works. Everything is checked after every step, except that what is missing is known only at the
//! end; see [`Promise`].
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
