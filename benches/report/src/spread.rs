//! A figure over several rounds.

use crate::bootstrap::median;

/// The least, the median and the greatest of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least value.
    pub least: f64,
    /// The middle value; for an even number, the mean of the two in the middle.
    pub median: f64,
    /// The greatest value.
    pub greatest: f64,
}

impl Spread {
    /// Returns the spread of these figures; none if there are no figures.
    pub fn of(values: &[f64]) -> Option<Self> {
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let greatest = values.iter().copied().max_by(f64::total_cmp)?;
        Some(Self { least, median: median(values)?, greatest })
    }

    /// Formats the range: `429 to 492 µs`, or one figure if both are the same.
    pub(crate) fn range(self, format: fn(f64) -> String) -> String {
        let (least, greatest) = (format(self.least), format(self.greatest));
        let (number, unit) = least.split_once(' ').unwrap_or((&least, ""));
        match greatest.split_once(' ') {
            _ if least == greatest => least,
            Some((_, same)) if same == unit => format!("{number} to {greatest}"),
            _ => format!("{least} to {greatest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corecast_command::figures::time;

    #[test]
    fn a_range_names_a_unit_that_both_ends_have_once() {
        let range = |least, greatest| Spread { least, median: least, greatest }.range(time);
        assert_eq!(range(429.0, 492.0), "429 to 492 µs");
        assert_eq!(range(429.0, 20_000.0), "429 µs to 20.0 ms");
        assert_eq!(range(429.0, 429.0), "429 µs");
    }
}
