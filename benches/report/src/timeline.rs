//! Latency over the time of a run.

use serde::Deserialize;

use crate::outside::figure;

/// One interval of a run: an element of a report's `timeline`, such as `{"from_seconds": 0.5, "p50_us": 120.0,
/// "p99_us": 480.0, "max_us": 900.0}`. Times of deliveries are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Moment {
    /// The beginning, from the beginning of the measured window.
    #[serde(rename = "from_seconds", deserialize_with = "figure")]
    pub at_seconds: f64,
    /// The latency that half of the deliveries did not exceed.
    #[serde(rename = "p50_us", deserialize_with = "figure")]
    pub p50: f64,
    /// The latency that 99 % of the deliveries did not exceed.
    #[serde(rename = "p99_us", deserialize_with = "figure")]
    pub p99: f64,
    /// The latency that no delivery exceeded.
    #[serde(rename = "max_us", deserialize_with = "figure")]
    pub max: f64,
}
