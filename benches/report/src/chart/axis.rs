//! The mapping of values to positions along an axis, and the ticks beside it.

use std::ops::RangeInclusive;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
    /// Percentiles, each further nine as wide as the one before: the logarithm of 1/(1-p).
    Nines,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
            Self::Nines => -(1.0 - value / 100.0).log10(),
        }
    }
}

/// An axis: its title with the unit, and its ticks.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: String,
    scale: Scale,
    low: f64,
    high: f64,
    /// The values with their labels.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// The values that an axis can span: a few dozen powers of ten.
const MEASURABLE: RangeInclusive<f64> = 1e-9..=1e18;

/// The most ticks of a linear axis.
const MOST_TICKS: f64 = 6.0;
/// The number of decades below which a logarithmic axis has ticks between the powers of ten.
const FEW_DECADES: f64 = 2.5;

impl Axis {
    /// Creates a logarithmic axis of latency in microseconds around these values. None if no value is above zero.
    pub(crate) fn latency(title: &str, values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        Self::logarithmic(title, values, round_time)
    }

    /// Creates a logarithmic axis of a rate around these values. None if no value is above zero.
    pub(crate) fn rate(title: &str, values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        Self::logarithmic(title, values, round_rate)
    }

    fn logarithmic(title: &str, values: impl Iterator<Item = f64> + Clone, label: fn(f64) -> String) -> Option<Self> {
        let positive = values.filter(|value| MEASURABLE.contains(value));
        let least = positive.clone().min_by(f64::total_cmp)?;
        let greatest = positive.max_by(f64::total_cmp)?;
        let steps: &[f64] = if (greatest / least).log10() < FEW_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let ticks = ticks_around(least, greatest, steps);
        let (low, high) = (*ticks.first()?, *ticks.last()?);
        let ticks = ticks.into_iter().map(|tick| (tick, label(tick))).collect();
        Some(Self { title: title.to_owned(), scale: Scale::Logarithmic, low, high, ticks })
    }

    /// Creates an axis of percentiles up to the greatest of the values.
    pub(crate) fn percentiles(title: &str, values: impl Iterator<Item = f64>) -> Option<Self> {
        let high = values.filter(|value| *value < 100.0).max_by(f64::total_cmp)?.max(90.0);
        let known = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999];
        // A tiny tolerance is added, because percentiles are computed from powers of ten.
        let ticks = known.into_iter().filter(|tick| *tick <= high + 1e-7);
        let ticks = ticks.map(|tick| (tick, format!("{tick}"))).collect();
        Some(Self { title: title.to_owned(), scale: Scale::Nines, low: 0.0, high, ticks })
    }

    /// Creates a linear axis from zero to the greatest of the values. None if no value is above zero.
    pub(crate) fn linear(title: &str, values: impl Iterator<Item = f64>) -> Option<Self> {
        let greatest = values.filter(|value| MEASURABLE.contains(value)).max_by(f64::total_cmp)?;
        let power = 10_f64.powf((greatest / MOST_TICKS).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|s| greatest / s <= MOST_TICKS);
        let step = step.unwrap_or(greatest);
        let ticks = std::iter::successors(Some(0.0), |tick| Some(tick + step)).take_while(|tick| *tick <= greatest);
        let ticks = ticks.map(|tick| (tick, format!("{}", (tick * 1e6).round() / 1e6))).collect();
        Some(Self { title: title.to_owned(), scale: Scale::Linear, low: 0.0, high: greatest, ticks })
    }

    /// Returns the position of a value, from 0 at the low end to 1 at the high end. A value beyond an end is placed at
    /// that end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.scale.place(self.low), self.scale.place(self.high));
        ((self.scale.place(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Returns true if a value has a position. Zero has none on a logarithmic axis, and 100 % has none among nines.
    pub(crate) fn shows(&self, value: f64) -> bool {
        self.scale.place(value).is_finite()
    }
}

/// Formats a round number of microseconds in the unit that keeps it short.
fn round_time(us: f64) -> String {
    let (value, unit) = match us {
        v if v >= 1e6 => (v / 1e6, "s"),
        v if v >= 1e3 => (v / 1e3, "ms"),
        v => (v, "µs"),
    };
    round(value, unit)
}

/// Formats a round rate likewise.
fn round_rate(rate: f64) -> String {
    match rate {
        v if v >= 1e6 => round(v / 1e6, "M"),
        v if v >= 1e3 => round(v / 1e3, "k"),
        v => round(v, ""),
    }
}

fn round(value: f64, unit: &str) -> String {
    format!("{} {unit}", (value * 1e6).round() / 1e6).trim_end().to_owned()
}

/// Returns multiples of powers of ten, from the last at or below `least` to the first above `greatest`.
fn ticks_around(least: f64, greatest: f64, steps: &[f64]) -> Vec<f64> {
    let first = 10_f64.powf(least.log10().floor());
    let powers = std::iter::successors(Some(first), |power| Some(power * 10.0));
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
    let mut ticks: Vec<f64> = Vec::new();
    for tick in all {
        if tick <= least {
            ticks.clear();
        }
        ticks.push(tick);
        if tick > greatest {
            break;
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_logarithmic_axis_encloses_its_values() {
        let axis = Axis::latency("latency", [130.0, 900.0].into_iter()).unwrap();
        assert_eq!(labels(&axis), ["100 µs", "200 µs", "500 µs", "1 ms"]);
        assert!(axis.place(130.0) > 0.0 && axis.place(900.0) < 1.0);
        let axis = Axis::latency("latency", [3.0, 45_000.0].into_iter()).unwrap();
        assert_eq!(labels(&axis), ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms"]);
        assert!(Axis::latency("latency", [0.0].into_iter()).is_none());
    }

    #[test]
    fn each_nine_is_as_wide_as_the_one_before() {
        let axis = Axis::percentiles("percentile", [0.0, 99.99].into_iter()).unwrap();
        assert_eq!(labels(&axis), ["0", "50", "90", "99", "99.9", "99.99"]);
        for (percentile, place) in [(90.0, 0.25), (99.0, 0.5), (99.9, 0.75), (99.99, 1.0)] {
            assert!((axis.place(percentile) - place).abs() < 1e-6, "{percentile}");
        }
        assert!(!axis.shows(100.0));
    }

    #[test]
    fn a_linear_axis_begins_at_zero_with_round_steps() {
        let axis = Axis::linear("seconds", [0.0, 5.0].into_iter()).unwrap();
        assert_eq!(labels(&axis), ["0", "1", "2", "3", "4", "5"]);
    }
}
