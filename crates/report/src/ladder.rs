//! Rates climbed one after the other, until the server no longer keeps up.

use serde::Deserialize;

/// A report's `ladder`: `{"rungs": [{"rate": 1000, "p99": 480.0, "kept": true}, …], "knee": 4000}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Ladder {
    /// In the order in which they were climbed.
    pub rungs: Vec<Rung>,
    /// The greatest rate that was kept up, if there was one.
    pub knee: Option<f64>,
}

/// One rate, and what it did to latency.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Rung {
    /// Messages a second that were offered.
    pub rate: f64,
    /// 99 % of the deliveries took at most this long, in microseconds.
    pub p99: f64,
    /// Whether the server kept up with it.
    #[serde(default = "kept")]
    pub kept: bool,
}

fn kept() -> bool {
    true
}
