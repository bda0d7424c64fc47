//! Latency over the time of a run.

use serde::Deserialize;

/// One stretch of a run: an element of a report's `timeline`, such as
/// `{"at_seconds": 0.5, "p50": 120.0, "p99": 480.0, "max": 900.0}`. Times of deliveries are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Moment {
    /// When it began, from the beginning of the measured window.
    pub at_seconds: f64,
    /// Half of the deliveries took at most this long.
    pub p50: f64,
    /// 99 % of them did.
    pub p99: f64,
    /// All of them did.
    pub max: f64,
}
