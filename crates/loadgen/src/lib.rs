//! Load for broadcast servers: open and closed loop, every delivery verified, latency without
//! coordinated omission.
//!
//! [`run`] puts the load of [`Settings`] on a running server and gives a [`Report`]; [`measure`] gives the
//! distributions with it and tells of its progress. A [`Scenario`] is a named load, a [`Ladder`] climbs to the
//! greatest rate that holds, a [`Curve`] runs each of a list of rates. [`ServerProcess`]
//! starts one. [`Comparison`] runs several contestants in turns.
//!
//! ```no_run
//! use corecast_loadgen::{Load, Protocol, Settings, run};
//!
//! let address = "127.0.0.1:7070".parse().expect("an address");
//! let load = Load::Paced { rate: 1000 };
//! let settings = Settings { subscribers: 200, ..Settings::new(address, Protocol::Native, load) };
//! let report = run(&settings)?;
//! println!("{report}");
//! assert!(report.passed());
//! # Ok::<(), corecast_loadgen::Error>(())
//! ```
//!
//! One thread does it all, around one epoll instance and one receive buffer. On the path of a delivery
//! it allocates nothing, copies nothing but the tail of an incomplete frame and what the other subscribers of the
//! channel are compared with, and reads the clock once per receive. [`Rehearsal`] is that path without sockets, for
//! benchmarks.
//!
//! Invariants: a delivery is counted only after every byte of it was compared with what was sent, or with a
//! delivery of which that is true. In an open loop a message's time is when it was *due*; a server that stalls is
//! charged for everything that had to wait, and a generator that is late says so and invalidates its run. What the
//! load finds wrong is a count in [`Checks`], never an early end; only an [`interruption`] is one.
//!
//! Absent here: servers, other than as child processes; publishers that come and go; more than one
//! generator thread.
#![deny(unsafe_code)]

mod absence;
mod attach;
mod clock;
mod comparison;
mod completion;
mod connection;
mod curve;
mod deadline;
mod dialect;
mod distribution;
mod disturbance;
mod environment;
mod error;
mod evaluation;
mod fairness;
mod figures;
mod fleet;
mod flight;
mod host;
mod intake;
mod interruption;
mod ladder;
mod latency;
mod ledger;
mod load;
mod membership;
mod offspring;
mod pace;
mod payload;
mod popularity;
mod progress;
mod protocol;
mod reader;
mod receiver;
mod rehearsal;
mod report;
mod run;
mod scenario;
mod sender;
mod server_process;
mod settings;
mod shards;
mod text;
mod timeline;
mod transcript;
mod usage;
mod validity;
mod visitors;

pub use comparison::{Comparison, Contestant, Entry, Origin, Plan};
pub use curve::{Curve, Rates};
pub use distribution::Distribution;
pub use disturbance::Disturbance;
pub use environment::Environment;
pub use error::Error;
pub use fairness::Fairness;
pub use host::{Host, allowed_cpus};
pub use interruption::interruption;
pub use ladder::{Climb, Ladder};
pub use latency::Percentiles;
pub use load::Load;
pub use membership::Reconnections;
pub use popularity::Popularity;
pub use progress::{Progress, RunStage};
pub use protocol::Protocol;
pub use rehearsal::Rehearsal;
pub use report::{Checks, Deliveries, GeneratorCost, Messages, Report, ServerCost, Stalled, Validity};
pub use run::{Measurement, measure, run};
pub use scenario::{Scenario, builtin_scenarios};
pub use server_process::{ServerOptions, ServerProcess};
pub use settings::Settings;
pub use shards::ShardLoad;
pub use timeline::{Interval, Phase};
pub use validity::LATENESS_BOUND_US;
