//! The mean latency of each subscriber, and the spread of these means.
//!
//! A subscriber costs a sum and a count, and a receive adds to them once. There is no histogram for each.

use crate::report::figures::float;
use serde::{Deserialize, Serialize};

/// A comparison of the mean latencies of single subscribers: for each, the mean over its deliveries of messages that
/// were due in the measured window. Subscribers with fewer than [`Fairness::MIN_DELIVERIES`] of them are left out, and
/// so are those that stall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// The number of subscribers that are compared.
    pub subscribers: u64,
    /// The least of their means.
    pub least_mean_us: f64,
    /// The mean in the middle; for an even number, the mean of the two in the middle.
    pub median_mean_us: f64,
    /// The greatest of their means.
    pub greatest_mean_us: f64,
    /// The greatest ÷ the median; 1 if all wait equally long.
    pub greatest_to_median: f64,
}

impl Fairness {
    /// The fewest deliveries whose mean describes the subscriber rather than single messages.
    pub const MIN_DELIVERIES: u64 = 100;
}

/// The latencies of each subscriber, summed up.
#[derive(Debug)]
pub(crate) struct Means {
    of: Vec<Sum>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// The sum of latencies. A `u64` would hold 1,000,000 deliveries a second, each a second late, for five hours.
    total_ns: u128,
    deliveries: u64,
}

impl Means {
    pub(crate) fn new(subscribers: usize) -> Self {
        Self { of: vec![Sum::default(); subscribers] }
    }

    /// Adds the deliveries of one receive to a subscriber.
    #[inline]
    pub(crate) fn add(&mut self, subscriber: usize, total_ns: u64, deliveries: u64) {
        let sum = &mut self.of[subscriber];
        sum.total_ns += u128::from(total_ns);
        sum.deliveries += deliveries;
    }

    /// Returns the comparison; none if no subscriber has enough deliveries.
    pub(crate) fn fairness(&self) -> Option<Fairness> {
        let enough = self.of.iter().filter(|sum| sum.deliveries >= Fairness::MIN_DELIVERIES);
        let mut means: Vec<f64> = enough.map(|sum| sum.mean_us()).collect();
        means.sort_unstable_by(f64::total_cmp);
        let last = means.len().checked_sub(1)?;
        let median = f64::midpoint(means[last / 2], means[last.div_ceil(2)]);
        (median > 0.0).then(|| Fairness {
            subscribers: means.len() as u64,
            least_mean_us: means[0],
            median_mean_us: median,
            greatest_mean_us: means[last],
            greatest_to_median: means[last] / median,
        })
    }
}

impl Sum {
    fn mean_us(self) -> f64 {
        let mean_ns = self.total_ns / u128::from(self.deliveries.max(1));
        float(u64::try_from(mean_ns).unwrap_or(u64::MAX)) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_mean_is_held_against_the_one_in_the_middle() {
        let mut means = Means::new(5);
        for (subscriber, us) in [500, 100, 300, 900].into_iter().enumerate() {
            // There are two receives, one of which is late and the other early.
            means.add(subscriber, us * 1000 * 90 + 7000, 90);
            means.add(subscriber, us * 1000 * 10 - 7000, 10);
        }
        means.add(4, 1_000_000_000, Fairness::MIN_DELIVERIES - 1);
        let fairness = means.fairness().unwrap();
        let expected = Fairness {
            subscribers: 4,
            least_mean_us: 100.0,
            median_mean_us: 400.0,
            greatest_mean_us: 900.0,
            greatest_to_median: 2.25,
        };
        assert_eq!(fairness, expected, "one with too few deliveries is left out");
    }

    #[test]
    fn without_enough_deliveries_nobody_is_compared() {
        assert_eq!(Means::new(3).fairness(), None);
        let mut means = Means::new(1);
        means.add(0, 5000, Fairness::MIN_DELIVERIES - 1);
        assert_eq!(means.fairness(), None);
    }
}
