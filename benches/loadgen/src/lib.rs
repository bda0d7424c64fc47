//! Load for broadcast servers: open and closed loop, every delivery verified, latency without
//! coordinated omission.
//!
//! [`run`] is the entry point: it puts the load of [`Settings`] on a running server and returns a [`Report`]. [`measure`] also returns
//! the distributions, and reports progress. A [`Scenario`] is a named load, a [`Ramp`] raises the rate to the greatest that holds, a
//! [`Curve`] runs each rate of a list. [`ServerProcess`] starts a server. [`Comparison`] runs several contestants in turns.
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
//! One thread does everything, around one epoll instance and one receive buffer. On the path of a delivery it allocates nothing and
//! reads the clock once per receive. It copies only the tail of an incomplete frame, and the bytes with which the other subscribers of
//! the channel are compared. [`ReceiveBenchmark`] is that path without sockets, for benchmarks.
//!
//! Invariants: a delivery is counted only after every byte of it was compared with the message that was sent, or with a delivery of
//! which that is true. In an open loop, a message's latency begins when the message was *due*. So a server that stalls is charged for
//! everything that had to wait. A generator that is late says so, which invalidates its run. A fault that the load finds is a count in
//! [`Checks`] and never ends the run; only an [`interruption`] does.
//!
//! Absent here: servers, other than as child processes; publishers that come and go; more than one generator thread.
#![deny(unsafe_code)]

mod comparison;
mod connections;
mod error;
mod interruption;
mod load;
mod measure;
mod protocol;
mod receive_benchmark;
mod report;
mod run;
mod verify;

pub use comparison::server_process::{ServerOptions, ServerProcess};
pub use comparison::{Comparison, Contestant, Entry, Origin, Plan};
pub use connections::membership::Reconnections;
pub use error::Error;
pub use interruption::interruption;
pub use load::Load;
pub use load::curve::{Curve, Rates};
pub use load::disturbance::Disturbance;
pub use load::popularity::Popularity;
pub use load::ramp::{Ramp, RampPlan};
pub use load::scenario::{Scenario, builtin_scenario, builtin_scenarios};
pub use load::settings::Settings;
pub use measure::distribution::Distribution;
pub use measure::environment::Environment;
pub use measure::fairness::Fairness;
pub use measure::host::Host;
pub use measure::latency::Percentiles;
pub use measure::shards::ShardLoad;
pub use measure::timeline::{Interval, Phase};
pub use protocol::Protocol;
pub use receive_benchmark::ReceiveBenchmark;
pub use report::progress::{Progress, RunStage};
pub use report::validity::LATENESS_BOUND_US;
pub use report::{Checks, Deliveries, GeneratorCost, Messages, Report, ServerCost, Stalled, Validity};
pub use run::{Measurement, measure, run};
