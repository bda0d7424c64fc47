//! Times in a histogram.

use crate::report::figures::float;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Times in nanoseconds, up to 60 s (a longer one counts as 60 s), to 3 significant digits.
///
/// A time is counted in the bucket in which the histogram would put it, which takes a sixth of the instructions. The
/// histogram gets whole buckets when it is requested.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
    /// The counts by bucket that are not in the histogram yet.
    counts: Vec<u64>,
}

/// The longest time that is distinguished, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;
pub(crate) const SIGNIFICANT_DIGITS: u8 = 3;
/// The end of a curve: the 99.9999th percentile.
const CURVE_DECADES: i32 = 6;
/// The number of points of a curve between 90 % and 99 %, between 99 % and 99.9 %, and so on.
const CURVE_STEPS: i32 = 10;

/// Returns the fraction of the times above a point of the curve: 1, then a tenth with every decade.
fn tail(step: i32) -> f64 {
    10_f64.powf(-f64::from(step) / f64::from(CURVE_STEPS))
}

/// A histogram of 3 digits divides the times from one power of two to the next into 2^10 buckets. Below 2^11 ns each
/// time has its own bucket.
const BUCKET_BITS: u32 = 10;

/// Returns the bucket of a time.
#[inline]
fn bucket(ns: u64) -> usize {
    let ns = ns.min(LONGEST_NS);
    let shift = (ns | ((2 << BUCKET_BITS) - 1)).ilog2() - BUCKET_BITS;
    ((shift << BUCKET_BITS) as usize) + (ns >> shift) as usize
}

/// Returns the least time of a bucket.
fn least_ns(bucket: usize) -> u64 {
    let shift = (bucket >> BUCKET_BITS).saturating_sub(1);
    ((bucket - (shift << BUCKET_BITS)) as u64) << shift
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, SIGNIFICANT_DIGITS).expect("constant bounds");
        Self { histogram, counts: vec![0; bucket(LONGEST_NS) + 1] }
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        self.record_many(ns, 1);
    }

    #[inline]
    pub(crate) fn record_many(&mut self, ns: u64, count: u64) {
        self.counts[bucket(ns)] += count;
    }

    /// Returns the curve in the form of [`Report::latency_curve`](crate::Report::latency_curve).
    pub(crate) fn curve(&mut self) -> Vec<(f64, f64)> {
        let histogram = self.histogram();
        let resolved = |step: &i32| tail(*step) * float(histogram.len()) >= 1.0;
        let steps = (0..=CURVE_DECADES * CURVE_STEPS).take_while(resolved);
        let at = |step| float(histogram.value_at_quantile(1.0 - tail(step))) / 1000.0;
        steps.map(|step| (100.0 * (1.0 - tail(step)), at(step))).collect()
    }

    /// Returns the histogram with everything recorded so far.
    pub(crate) fn histogram(&mut self) -> &Histogram<u64> {
        for (bucket, count) in self.counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            self.histogram.saturating_record_n(least_ns(bucket), std::mem::take(count));
        }
        &self.histogram
    }

    /// Adds everything that another one has recorded.
    pub(crate) fn add(&mut self, other: &mut Self) {
        self.histogram.add(other.histogram()).expect("all have the same bounds");
    }

    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
        self.counts.fill(0);
    }

    /// Returns a quantile in microseconds.
    pub(crate) fn at_us(&mut self, quantile: f64) -> f64 {
        float(self.histogram().value_at_quantile(quantile)) / 1000.0
    }

    pub(crate) fn max_us(&mut self) -> f64 {
        float(self.histogram().max()) / 1000.0
    }

    pub(crate) fn summary(&mut self) -> Percentiles {
        Percentiles {
            count: self.histogram().len(),
            mean: self.histogram().mean().round() / 1000.0,
            p50: self.at_us(0.5),
            p90: self.at_us(0.9),
            p99: self.at_us(0.99),
            p999: self.at_us(0.999),
            p9999: self.at_us(0.9999),
            max: self.max_us(),
        }
    }
}

/// A distribution of times, in microseconds, to 3 significant digits; all zero if nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The number of recorded times.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The value that half of the times did not exceed.
    pub p50: f64,
    /// The value that 90 % did not exceed.
    pub p90: f64,
    /// The value that 99 % did not exceed.
    pub p99: f64,
    /// The value that 99.9 % did not exceed.
    pub p999: f64,
    /// The value that 99.99 % did not exceed.
    pub p9999: f64,
    /// The greatest time.
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
        let (summary, curve) = (latency.summary(), latency.curve());
        assert_eq!(curve.len(), 31, "0 %, and ten points a decade to 99.9 %");
        for (percentile, us) in [(0.0, 1.0), (90.0, summary.p90), (99.0, summary.p99), (99.9, summary.p999)] {
            let close = |(at, value): &(f64, f64)| (at - percentile).abs() < 1e-9 && (value / us - 1.0).abs() < 2e-3;
            assert!(curve.iter().any(close), "{percentile} % is not at {us} in {curve:?}");
        }
        assert_eq!(Latency::new().curve(), []);
    }

    #[test]
    fn buckets_are_those_of_the_histogram() {
        let histogram = Latency::new().histogram;
        let edges = (0..36).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1, (3 << bit) / 2]);
        for ns in edges.chain((0..10_000).map(|nth| nth * 7_654_321 % LONGEST_NS)).map(|ns| ns.min(LONGEST_NS)) {
            assert_eq!(least_ns(bucket(ns)), histogram.lowest_equivalent(ns), "{ns}");
        }
        assert_eq!(bucket(u64::MAX), bucket(LONGEST_NS));
    }

    #[test]
    fn what_is_added_and_cleared_counts_once() {
        let (mut all, mut part) = (Latency::new(), Latency::new());
        for _ in 0..2 {
            part.record(5000);
            part.record(5000);
            all.add(&mut part);
            part.clear();
        }
        assert_eq!((all.summary().count, part.summary().count), (4, 0));
    }
}
