//! The metrics by which two contestants can be compared.

use std::fmt;
use std::str::FromStr;

use crate::figures::{a_second, microseconds, ratio};
use crate::{Load, Run};
use corecast_command::figures::{scaled, time};

/// A figure of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The greatest rate of messages that was sustained when rates rose step by step.
    Knee,
    /// Deliveries a second in the measured window.
    Deliveries,
    /// The latency that half of the deliveries did not exceed.
    P50,
    /// The latency that 99 % of the deliveries did not exceed.
    P99,
    /// The latency that 99.9 % of the deliveries did not exceed.
    P999,
    /// The latency that no delivery exceeded.
    Max,
    /// The time after which 99 % of the messages had reached their last subscriber.
    CompletionP99,
    /// The greatest mean latency of a single subscriber ÷ the mean of the subscriber in the middle.
    Fairness,
    /// The CPU time of the server for one delivery.
    Cpu,
}

impl Metric {
    /// Every metric, in the order of tables.
    pub const ALL: [Self; 9] = [
        Self::Knee,
        Self::Deliveries,
        Self::P50,
        Self::P99,
        Self::P999,
        Self::Max,
        Self::CompletionP99,
        Self::Fairness,
        Self::Cpu,
    ];

    /// Returns the name in a requirement.
    pub fn name(self) -> &'static str {
        match self {
            Self::Knee => "knee",
            Self::Deliveries => "deliveries",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
            Self::CompletionP99 => "completion-p99",
            Self::Fairness => "fairness",
            Self::Cpu => "cpu",
        }
    }

    /// Returns the name in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries/s",
            Self::CompletionP99 => "completion p99",
            Self::Cpu => "CPU/delivery",
            other => other.name(),
        }
    }

    /// Returns the figure of a run in its unit: a second's, or microseconds. None if the run does not have it.
    pub fn of(self, run: &Run) -> Option<f64> {
        run.number(match self {
            Self::Knee => "/ramp/knee",
            Self::Deliveries => "/deliveries/measured_per_second",
            Self::P50 => "/latency_us/p50",
            Self::P99 => "/latency_us/p99",
            Self::P999 => "/latency_us/p999",
            Self::Max => "/latency_us/max",
            Self::CompletionP99 => "/completion_us/p99",
            Self::Fairness => "/fairness/greatest_to_median",
            Self::Cpu => "/server/cpu_us_per_delivery",
        })
    }

    /// Returns true if comparing the metric is meaningful under this load. An open loop gives all contestants the same
    /// deliveries. In a closed loop latency is that of a full pipe, and follows from the deliveries. At knees it is
    /// that of different rates.
    pub fn applies(self, load: &Load) -> bool {
        match self {
            Self::Cpu => true,
            Self::Knee => load.is_ramp(),
            Self::Deliveries => !load.is_paced() && !load.is_ramp(),
            _ => !load.is_saturating() && !load.is_ramp(),
        }
    }

    /// Returns true if one contestant's figure is itself a ratio. A requirement bounds that figure directly and does
    /// not divide it by another contestant's.
    pub fn is_ratio(self) -> bool {
        self == Self::Fairness
    }

    /// Returns true if a lower figure is better.
    pub fn less_is_better(self) -> bool {
        !matches!(self, Self::Deliveries | Self::Knee)
    }

    pub(crate) fn format(self, value: f64) -> String {
        self.formatter()(value)
    }

    pub(crate) fn formatter(self) -> fn(f64) -> String {
        match self {
            Self::Knee => a_second,
            Self::Deliveries => scaled,
            Self::Cpu => microseconds,
            Self::Fairness => ratio,
            _ => time,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.title())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| format!("unknown metric '{name}'; expected one of {}", known()))
    }
}
