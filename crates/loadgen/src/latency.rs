//! Times in a histogram.

use crate::figures::float;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Nanoseconds from 1 to 60 s (longer counts as 60 s), to 3 significant digits.
///
/// Equal times in a row are recorded at once: what one publisher sent in one go arrives in one receive.
#[derive(Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
    last_ns: u64,
    /// How often `last_ns` came and is not in the histogram yet.
    repeats: u64,
}

/// The longest time told apart, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
/// How far a curve goes: to the 99.9999th percentile.
const CURVE_DECADES: i32 = 6;
/// The points of a curve between 90 % and 99 %, between 99 % and 99.9 %, and so on.
const CURVE_STEPS: i32 = 10;

/// The part of the times that a point of the curve has above it: 1, then a tenth with every decade.
fn tail(step: i32) -> f64 {
    10_f64.powf(-f64::from(step) / f64::from(CURVE_STEPS))
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, SIGNIFICANT_DIGITS).expect("constant bounds");
        Self { histogram, last_ns: 0, repeats: 0 }
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        if ns != self.last_ns {
            self.histogram.saturating_record_n(self.last_ns, self.repeats);
            (self.last_ns, self.repeats) = (ns, 0);
        }
        self.repeats += 1;
    }

    /// The summary, and the curve as [`Report::latency_curve`](crate::Report::latency_curve) has it.
    pub(crate) fn summary_and_curve(mut self) -> (Percentiles, Vec<(f64, f64)>) {
        self.record_repeats();
        let resolved = |step: &i32| tail(*step) * float(self.histogram.len()) >= 1.0;
        let steps = (0..=CURVE_DECADES * CURVE_STEPS).take_while(resolved);
        let at = |step| float(self.histogram.value_at_quantile(1.0 - tail(step))) / 1000.0;
        let curve = steps.map(|step| (100.0 * (1.0 - tail(step)), at(step))).collect();
        (self.summary(), curve)
    }

    fn record_repeats(&mut self) {
        self.histogram.saturating_record_n(self.last_ns, std::mem::take(&mut self.repeats));
    }

    pub(crate) fn summary(mut self) -> Percentiles {
        self.record_repeats();
        let at = |quantile: f64| float(self.histogram.value_at_quantile(quantile)) / 1000.0;
        Percentiles {
            count: self.histogram.len(),
            mean: self.histogram.mean().round() / 1000.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: float(self.histogram.max()) / 1000.0,
        }
    }
}

/// A distribution of times, in microseconds, to 3 significant digits; all zero if nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many times were recorded.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// Half were at most this.
    pub p50: f64,
    /// 90 % were at most this.
    pub p90: f64,
    /// 99 % were at most this.
    pub p99: f64,
    /// 99.9 % were at most this.
    pub p999: f64,
    /// 99.99 % were at most this.
    pub p9999: f64,
    /// The greatest.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_out_in_microseconds_to_three_digits() {
        let mut latency = Latency::new();
        for micro in 1..=10_000 {
            latency.record(micro * 1000);
        }
        let summary = latency.summary();
        assert_eq!(summary.count, 10_000);
        for (value, expected) in [(summary.p50, 5000.0), (summary.p99, 9900.0), (summary.max, 10_000.0)] {
            assert!((value / expected - 1.0).abs() < 1e-3, "{value} for {expected}");
        }
    }

    #[test]
    fn a_curve_ends_where_no_single_time_is_left_above_it() {
        let mut latency = Latency::new();
        for micro in 1..=1000 {
            latency.record(micro * 1000);
        }
        let (summary, curve) = latency.summary_and_curve();
        assert_eq!(curve.len(), 31, "0 %, and ten points a decade to 99.9 %");
        for (percentile, us) in [(0.0, 1.0), (90.0, summary.p90), (99.0, summary.p99), (99.9, summary.p999)] {
            let close = |(at, value): &(f64, f64)| (at - percentile).abs() < 1e-9 && (value / us - 1.0).abs() < 2e-3;
            assert!(curve.iter().any(close), "{percentile} % is not at {us} in {curve:?}");
        }
        assert_eq!(Latency::new().summary_and_curve().1, []);
    }
}
