//! The measurements of a run: latency, completion, fairness, time series, and the resources that the host and the
//! processes used.
//!
//! Absent here: the judgement of the figures (`report/validity.rs`).

pub(crate) mod clock;
pub(crate) mod completion;
pub(crate) mod distribution;
pub(crate) mod environment;
pub(crate) mod fairness;
pub(crate) mod host;
pub(crate) mod latency;
pub(crate) mod scheduling_stall;
pub(crate) mod shards;
pub(crate) mod timeline;
pub(crate) mod usage;
