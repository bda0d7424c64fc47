//! A verdict: the ratios of the rounds in one metric of two contestants.

use std::fmt;

use corecast_command::counted;

use crate::figures;
use crate::{Entry, Interval, MIN_PAIRS, Metric, interval_of_median, median};

/// The ratio of a metric of A to that of B, pair by pair.
///
/// A pair is one round: both ran within minutes, first A then B, and in the next round first B then A. A disturbance of
/// the machine affects both, and a trend over the rounds favours neither.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The metric.
    pub metric: Metric,
    /// The name of B, which A is divided by; empty if A is divided by nothing.
    pub against: String,
    /// The ratio A ÷ B of each pair.
    pub ratios: Vec<f64>,
    /// The number of pairs in which a run failed its checks or has invalid figures.
    pub left_out: usize,
    /// The interval of the median of the ratios; none with fewer than [`MIN_PAIRS`].
    pub interval: Option<Interval>,
}

impl Verdict {
    /// Creates a verdict from ratios.
    pub fn new(metric: Metric, against: impl Into<String>, ratios: Vec<f64>) -> Self {
        let interval = interval_of_median(&ratios);
        Self { metric, against: against.into(), ratios, left_out: 0, interval }
    }

    /// Creates a verdict on two contestants. Rounds that only one of them ran are not used. A pair in which one run
    /// lacks the metric, or in which B's is zero, has no ratio.
    pub fn of(metric: Metric, a: &Entry, b: &Entry) -> Self {
        let pairs = || a.pairs(b);
        let usable = || pairs().filter(|(a, b)| a.usable() && b.usable());
        let ratio = |(a, b)| metric.of(b).filter(|b| *b > 0.0).and_then(|b| Some(metric.of(a)? / b));
        let left_out = pairs().count() - usable().count();
        Self { left_out, ..Self::new(metric, b.name.clone(), usable().filter_map(ratio).collect()) }
    }

    /// Creates a verdict on one contestant alone, in a metric that itself [is a ratio](Metric::is_ratio), from the
    /// figures of the usable rounds.
    pub fn of_one(metric: Metric, entry: &Entry) -> Self {
        let usable = || entry.runs.iter().filter(|run| run.usable());
        let left_out = entry.runs.len() - usable().count();
        Self { left_out, ..Self::new(metric, "", usable().filter_map(|run| metric.of(run)).collect()) }
    }

    /// Returns the middle ratio, if there is any.
    pub fn median(&self) -> Option<f64> {
        median(&self.ratios)
    }

    /// Returns true if A and B differ: there is an interval, and 1 is not in it.
    pub fn differs(&self) -> bool {
        self.interval.is_some_and(|interval| !interval.holds(1.0))
    }
}

impl fmt::Display for Verdict {
    /// Writes `p99 0.310 × mutex, 95 % 0.270 to 0.360`, or that no difference is shown or can be determined.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, against, ratios, interval, .. } = self;
        match (self.median(), interval) {
            (None, _) => write!(out, "{metric}: no pair of runs has figures to divide")?,
            (Some(ratio), None) => {
                let (ratio, pairs) = (figures::ratio(ratio), counted(ratios.len(), "pair"));
                write!(out, "{metric}: too few pairs to tell: {ratio} × {against} in {pairs}; ")?;
                write!(out, "an interval needs {MIN_PAIRS}")?;
            }
            (Some(ratio), Some(interval)) => {
                let shown =
                    if self.differs() { format!("{metric}") } else { format!("{metric}: no difference shown:") };
                write!(out, "{shown} {} × {against}, 95 % {interval}", figures::ratio(ratio))?;
            }
        }
        match self.left_out {
            0 => Ok(()),
            1 => write!(out, "; 1 pair left out: a run failed or is invalid"),
            many => write!(out, "; {many} pairs left out: a run of each failed or is invalid"),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} to {}", figures::ratio(self.low), figures::ratio(self.high))
    }
}
