//! Latency over the time of a run.

use serde::Deserialize;

use crate::outside::figure;

/// One stretch of a run: an element of a report's `timeline`, such as
/// `{"from_seconds": 0.5, "p50_us": 120.0, "p99_us": 480.0, "max_us": 900.0}`. Times of deliveries are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Moment {
    /// When it began, from the beginning of the measured window.
    #[serde(rename = "from_seconds", deserialize_with = "figure")]
    pub at_seconds: f64,
    /// Half of the deliveries took at most this long.
    #[serde(rename = "p50_us", deserialize_with = "figure")]
    pub p50: f64,
    /// 99 % of them did.
    #[serde(rename = "p99_us", deserialize_with = "figure")]
    pub p99: f64,
    /// All of them did.
    #[serde(rename = "max_us", deserialize_with = "figure")]
    pub max: f64,
}
