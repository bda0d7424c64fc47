//! A bound on a ratio.

use std::fmt;
use std::str::FromStr;

use crate::figures;
use crate::{MIN_PAIRS, Metric, RequirementError, Verdict};

/// A metric, `<=` or `>=`, and a ratio A ÷ B: `p99<=0.8`. If the metric itself [is a ratio](Metric::is_ratio), the
/// bound is on A's own figure: `fairness<=1.25`.
///
/// The bound applies to the *median* of the ratios. It is the best estimate from any number of pairs, and one bad round
/// does not move it. The text says whether the interval agrees, but that decides nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requirement {
    /// The metric that is bounded.
    pub metric: Metric,
    at_most: bool,
    limit: f64,
}

/// The judgement of a requirement.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// True if the median is within the bound. Without any ratio, this is false.
    pub held: bool,
    /// True if the whole interval agrees.
    pub settled: bool,
    /// Both in words.
    pub text: String,
}

impl Requirement {
    fn keeps(&self, ratio: f64) -> bool {
        if self.at_most { ratio <= self.limit } else { ratio >= self.limit }
    }

    /// Compares the median of a verdict with the bound.
    pub fn judge(&self, verdict: &Verdict) -> Judgement {
        let Some(ratio) = verdict.median() else {
            let lacking =
                if self.metric.is_ratio() { "no run has the figure" } else { "no pair of runs has figures to divide" };
            let text = format!("{self}: NOT HELD: {lacking}");
            return Judgement { held: false, settled: false, text };
        };
        let held = self.keeps(ratio);
        let agrees = |ratio| self.keeps(ratio) == held;
        let settled = verdict.interval.is_some_and(|interval| agrees(interval.low) && agrees(interval.high));
        let doubt = match verdict.interval {
            Some(interval) if settled => format!(", 95 % {interval}"),
            Some(interval) => format!("; the interval does not settle it: 95 % {interval}"),
            None => {
                let of = if self.metric.is_ratio() { "rounds" } else { "pairs" };
                format!("; {} of {MIN_PAIRS} {of} for an interval: not settled", verdict.ratios.len())
            }
        };
        let state = if held { "held" } else { "NOT HELD" };
        Judgement { held, settled, text: format!("{self}: {state}: median {}{doubt}", figures::ratio(ratio)) }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", self.metric.name(), if self.at_most { "<=" } else { ">=" }, self.limit)
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| RequirementError { text: text.to_owned(), reason };
        let parts = text.split_once("<=").map(|parts| (true, parts));
        let parts = parts.or_else(|| text.split_once(">=").map(|parts| (false, parts)));
        let (at_most, (metric, limit)) = parts.ok_or_else(|| wrong("it has neither <= nor >=".to_owned()))?;
        let metric = metric.trim().parse().map_err(wrong)?;
        let limit = limit.trim();
        let number = limit.parse().ok().filter(|limit: &f64| limit.is_finite() && *limit > 0.0);
        let limit = number.ok_or_else(|| wrong(format!("invalid limit '{limit}'; write a number above 0")))?;
        Ok(Self { metric, at_most, limit })
    }
}
