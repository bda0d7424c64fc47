//! Medians and their intervals: examples worked by hand, and properties of any ratios.

use corecast_report::{Interval, MIN_PAIRS, interval_of_median, median};
use proptest::prelude::*;

#[test]
fn a_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
    assert_eq!(median(&[8.0, 2.0, 4.0, 1.0]), Some(3.0));
}

#[test]
fn too_few_values_have_no_interval() {
    assert_eq!(interval_of_median(&[0.5; MIN_PAIRS - 1]), None);
    assert_eq!(interval_of_median(&[0.5; MIN_PAIRS]), Some(Interval { low: 0.5, high: 0.5 }));
}

/// Of seven values, four must be drawn from the k least for the resample's median to be among them. That happens
/// with probability 0.010 for k = 1 and 0.102 for k = 2, so 2.5 % lies at the second, and by symmetry at the sixth.
#[test]
fn the_interval_of_seven_values_goes_from_the_second_to_the_sixth() {
    let interval = interval_of_median(&[7.0, 1.0, 4.0, 3.0, 5.0, 2.0, 6.0]);
    assert_eq!(interval, Some(Interval { low: 2.0, high: 6.0 }));
}

/// Returns ratios whose median is 1, as for two equal servers: 9 rounds of multiplicative noise.
fn noise(random: &mut fastrand::Rng) -> Vec<f64> {
    (0..9).map(|_| (0..12).map(|_| random.f64() - 0.5).map(|it: f64| it * 0.1).sum::<f64>().exp()).collect()
}

#[test]
fn the_interval_of_equal_servers_holds_1_nearly_always() {
    let mut random = fastrand::Rng::with_seed(7);
    let holds = (0..100).filter(|_| interval_of_median(&noise(&mut random)).is_some_and(|it| it.holds(1.0))).count();
    // The percentile bootstrap of a median of few values is known to fall somewhat short of 95 %.
    assert!((88..=100).contains(&holds), "{holds} of 100");
}

fn ratios() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.01_f64..100.0, MIN_PAIRS..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_interval_lies_within_the_values_and_around_the_median(ratios in ratios()) {
        let Interval { low, high } = interval_of_median(&ratios).unwrap();
        let median = median(&ratios).unwrap();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = ratios.iter().copied().fold(0.0, f64::max);
        prop_assert!(least <= low && low <= median && median <= high && high <= greatest);
    }

    #[test]
    fn the_order_of_the_rounds_changes_nothing(ratios in ratios(), seed: u64) {
        let mut shuffled = ratios.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(interval_of_median(&shuffled), interval_of_median(&ratios));
    }

    #[test]
    fn the_unit_changes_nothing(ratios in ratios()) {
        let doubled: Vec<f64> = ratios.iter().map(|ratio| ratio * 2.0).collect();
        let (once, twice) = (interval_of_median(&ratios).unwrap(), interval_of_median(&doubled).unwrap());
        prop_assert_eq!((once.low * 2.0, once.high * 2.0), (twice.low, twice.high));
    }
}
