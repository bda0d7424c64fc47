//! Figures that only the load generator needs in a readable form, and conversions of counts.

use crate::Percentiles;
use corecast_command::figures::time;

/// Formats a distribution on one line.
pub(crate) fn distribution(percentiles: &Percentiles) -> String {
    let Percentiles { mean, p50, p90, p99, p999, p9999, max, .. } = *percentiles;
    let named =
        [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("p99.99", p9999), ("max", max), ("mean", mean)];
    named.map(|(name, us)| format!("{name} {}", time(us))).join(", ")
}

/// Converts a count to a figure.
#[expect(clippy::cast_precision_loss, reason = "counts, bytes and nanoseconds of a run are below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Converts a figure to a count, without its fraction. A negative figure is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates, which is meant")]
pub(crate) fn whole(figure: f64) -> usize {
    figure as usize
}
