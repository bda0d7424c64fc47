//! Figures as people read them, of what is the load generator's own; and counts as figures.

use crate::Percentiles;
use corecast_command::figures::time;

/// A distribution on one line.
pub(crate) fn distribution(percentiles: &Percentiles) -> String {
    let Percentiles { mean, p50, p90, p99, p999, p9999, max, .. } = *percentiles;
    let named =
        [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("p99.99", p9999), ("max", max), ("mean", mean)];
    named.map(|(name, us)| format!("{name} {}", time(us))).join(", ")
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts, bytes and nanoseconds of a run are below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A figure as a count, its fraction cut off; what is below 0 is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates, which is meant")]
pub(crate) fn whole(figure: f64) -> usize {
    figure as usize
}
