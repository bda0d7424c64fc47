//! Figures as people read them.

use crate::Percentiles;

/// Three significant digits with a unit of thousands: `1.23 M`, `45.6 k`, `789`.
pub(crate) fn scaled(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{} G", three_digits(v / 1e9)),
        v if v >= 1e6 => format!("{} M", three_digits(v / 1e6)),
        v if v >= 1e4 => format!("{} k", three_digits(v / 1e3)),
        v => three_digits(v),
    }
}

/// Three significant digits, and no fewer than the whole part has.
pub(crate) fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A time given in microseconds, in µs or ms.
pub(crate) fn time(us: f64) -> String {
    if us >= 9999.5 { format!("{} ms", three_digits(us / 1000.0)) } else { format!("{} µs", three_digits(us)) }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept() {
        let cases =
            [(0.0, "0"), (0.03456, "0.0346"), (1.234, "1.23"), (12.34, "12.3"), (99.97, "100"), (1234.0, "1234")];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!(scaled(12_345_678.0), "12.3 M");
        assert_eq!(scaled(45_600.0), "45.6 k");
        assert_eq!(time(12_345.0), "12.3 ms");
    }
}
