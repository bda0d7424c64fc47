//! The interval of a median.
//!
//! This is the percentile bootstrap: draw as many values as there are, with replacement, take their median, and repeat
//! that [`RESAMPLES`] times. The interval lies between the 2.5th and the 97.5th percentile of those medians. B. Efron,
//! "Bootstrap Methods: Another Look at the Jackknife", The Annals of Statistics 7 (1979), 1–26; the percentile interval
//! is in B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. It assumes nothing about
//! the distribution except that the pairs are independent of each other. With few pairs it is somewhat too narrow: take
//! more rounds before a close call.

/// The number of resamples.
pub const RESAMPLES: usize = 10_000;

/// The fewest values that have an interval.
///
/// The median lies outside the range of n values with probability 2·½ⁿ. At five values that is 6.25 %, so not even the
/// whole range contains it with 95 %. At six it is 3.1 %.
pub const MIN_PAIRS: usize = 6;

/// The number of resamples outside the interval at each end: 2.5 %.
const CUT: usize = RESAMPLES / 40;

/// The seed of the resampling. The same results give the same interval, today and on another machine.
const SEED: u64 = 1979;

/// An interval that holds the median with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Returns true if a value lies in the interval, including its ends.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Returns the middle value; the mean of the two in the middle for an even number; none if there are no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    median_of(&mut values)
}

fn median_of(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[last.div_ceil(2)]))
}

/// Returns the interval of the median of these values, whose order does not matter. None for fewer than [`MIN_PAIRS`].
pub fn interval_of_median(values: &[f64]) -> Option<Interval> {
    if values.len() < MIN_PAIRS {
        return None;
    }
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut resample = vec![0.0; values.len()];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        resample.fill_with(|| values[random.usize(..values.len())]);
        medians.extend(median_of(&mut resample));
    }
    medians.sort_unstable_by(f64::total_cmp);
    Some(Interval { low: medians[CUT], high: medians[RESAMPLES - 1 - CUT] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::float;

    #[test]
    fn the_fewest_pairs_are_the_first_whose_range_has_95_percent() {
        let confidence_of_range = |pairs| 1.0 - 2.0 * 0.5_f64.powf(float(pairs));
        assert!(confidence_of_range(MIN_PAIRS - 1) < 0.95 && confidence_of_range(MIN_PAIRS) >= 0.95);
    }
}
