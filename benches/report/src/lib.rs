//! The evaluation of results: verdicts with intervals, requirements, baselines, tables, an HTML page.
//!
//! [`collect`] is the entry point: it sorts result files into [`Experiment`]s. [`Results`] are read from the JSON of `corecast-bench
//! compare`. A [`Verdict`] compares one metric of two contestants, a [`Requirement`] is a bound on a verdict, and a [`Baseline`] keeps the
//! runs of one contestant for a later comparison. [`page`] draws everything, [`curve_chart`] only the latency over the rate.
//!
//! ```
//! use corecast_report::{Metric, Requirement, Verdict};
//!
//! let verdict = Verdict::new(Metric::P99, "mutex", vec![0.31, 0.27, 0.33, 0.30, 0.36, 0.29, 0.32]);
//! assert_eq!(verdict.to_string(), "p99 0.310 × mutex, 95 % 0.290 to 0.330");
//! let requirement: Requirement = "p99<=0.8".parse()?;
//! assert!(requirement.judge(&verdict).held);
//! # Ok::<(), corecast_report::RequirementError>(())
//! ```
//!
//! Invariants: results are JSON, and a figure that they lack is absent, never zero. A run whose checks failed or whose figures are
//! invalid takes part in no ratio, and is counted where it is left out. Control characters in the texts of result files are escaped as
//! they are read. The same results always give the same text: the resampling has a fixed seed, and no clock is read.
//!
//! Absent here: sockets, processes, files, threads. The load belongs to `corecast-loadgen`, the files to the binary.
#![forbid(unsafe_code)]

mod baseline;
mod bootstrap;
mod chart;
mod contention;
mod curve;
mod curve_table;
mod error;
mod experiment;
mod figures;
mod html;
mod ladder_table;
mod load;
mod markdown;
mod metric;
mod outside;
mod ramp;
mod requirement;
mod results;
mod run;
mod shard;
mod spread;
mod table;
mod timeline;
mod verdict;

pub use baseline::Baseline;
pub use bootstrap::{Interval, MIN_PAIRS, RESAMPLES, interval_of_median, median};
pub use contention::Timing;
pub use error::{Error, RequirementError};
pub use experiment::{Experiment, collect};
pub use html::{contention_page, curve_chart, page};
pub use load::Load;
pub use markdown::escaped as markdown_escaped;
pub use metric::Metric;
pub use outside::shown;
pub use ramp::{Ramp, RampStep};
pub use requirement::{Judgement, Requirement};
pub use results::{Entry, Results};
pub use run::Run;
pub use shard::Shard;
pub use spread::Spread;
pub use table::TABLE_WIDTH;
pub use timeline::Moment;
pub use verdict::Verdict;
