//! Figures as people read them, of what only comparisons have.

use corecast_figures::three_digits;

/// A ratio: three decimals, so that 1.003 is not shown as 1.
pub(crate) fn ratio(value: f64) -> String {
    if value < 9.9995 { format!("{value:.3}") } else { three_digits(value) }
}

/// A time in microseconds that is far below one.
pub(crate) fn microseconds(us: f64) -> String {
    format!("{} µs", three_digits(us))
}

/// A count for arithmetic.
///
/// # Panics
/// Above 2³²: nothing that a page or a resample counts comes near it.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_near_one_is_not_shown_as_one() {
        assert_eq!((ratio(1.003).as_str(), ratio(0.31).as_str(), ratio(12.345).as_str()), ("1.003", "0.310", "12.3"));
    }
}
