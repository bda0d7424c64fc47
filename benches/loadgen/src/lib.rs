//! Load for broadcast servers: open and closed loop, every delivery verified, latency without
//! coordinated omission.
//!
//! [`run`] puts the load of [`Settings`] on a running server and gives a [`Report`]; [`measure`] gives the
//! distributions with it and tells of its progress. A [`Scenario`] is a named load, a [`Ramp`] raises the rate
//! up to the greatest that holds, a [`Curve`] runs each of a list of rates. [`ServerProcess`]
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
//! channel are compared with, and reads the clock once per receive. [`ReceiveBenchmark`] is that path without sockets, for
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
