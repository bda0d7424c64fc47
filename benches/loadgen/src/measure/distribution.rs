//! A whole distribution, and the text format of `HdrHistogram`'s plotter.
//!
//! The format is that of `AbstractHistogram.outputPercentileDistribution` of the Java library, with its five steps per
//! half distance, which <https://hdrhistogram.github.io/HdrHistogram/plotFiles.html> plots.

use crate::measure::latency::{Latency, SIGNIFICANT_DIGITS};
use crate::report::figures::float;
use hdrhistogram::Histogram;
use std::fmt::{self, Write};

/// A distribution of times, to 3 significant digits. Its `Display` form is a percentile distribution in milliseconds,
/// the content of an `.hgrm` file.
#[derive(Clone, Debug)]
pub struct Distribution {
    histogram: Histogram<u64>,
}

/// The nanoseconds of the unit in which times are written.
const UNIT_NS: f64 = 1e6;
const STEPS_PER_HALF_DISTANCE: u32 = 5;
/// The number of sub-buckets of a histogram with 3 significant digits: the next power of two from 2 * 10^3 on.
const SUB_BUCKETS: u32 = (2 * 10_u32.pow(SIGNIFICANT_DIGITS as u32)).next_power_of_two();

impl Distribution {
    pub(crate) fn of(latency: &mut Latency) -> Self {
        Self { histogram: latency.histogram().clone() }
    }

    /// Returns the number of recorded times.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: f64| ns / UNIT_NS;
        writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
        let mut total = 0;
        for step in self.histogram.iter_quantiles(STEPS_PER_HALF_DISTANCE) {
            total += step.count_since_last_iteration();
            let quantile = step.quantile_iterated_to();
            write!(out, "{:12.3} {quantile:14.12} {total:10}", ms(float(step.value_iterated_to())))?;
            if quantile < 1.0 {
                write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
            }
            out.write_char('\n')?;
        }
        let (mean, deviation) = (ms(self.histogram.mean()), ms(self.histogram.stdev()));
        let (max, buckets) = (ms(float(self.histogram.max())), self.histogram.buckets());
        writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
        writeln!(out, "#[Max     = {max:12.3}, Total count    = {:12}]", self.histogram.len())?;
        writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {SUB_BUCKETS:12}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are computed by hand. The quantile rises by 0.1 up to 0.5, then by 0.05 up to 0.75 (a fifth
    /// of a half, of a quarter). The sum that is written as 0.75 is slightly above it, and so belongs to the fourth
    /// time. A time stands for its whole bucket, whose end is written: with 1,024 buckets from one power of two to the
    /// next, 1 ms ends at 1,000,447 ns, 2 ms at 2,000,895, 3 ms at 3,000,319 and 4 ms at 4,001,791.
    #[test]
    fn four_times_by_hand() {
        let mut latency = Latency::new();
        for ms in 1..=4 {
            latency.record(ms * 1_000_000);
        }
        let expected = "       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       1.000 0.200000000000          1           1.25
       2.001 0.300000000000          2           1.43
       2.001 0.400000000000          2           1.67
       2.001 0.500000000000          2           2.00
       3.000 0.550000000000          3           2.22
       3.000 0.600000000000          3           2.50
       3.000 0.650000000000          3           2.86
       3.000 0.700000000000          3           3.33
       4.002 0.750000000000          4           4.00
       4.002 1.000000000000          4
#[Mean    =        2.500, StdDeviation   =        1.118]
#[Max     =        4.002, Total count    =            4]
#[Buckets =           26, SubBuckets     =         2048]
";
        assert_eq!(Distribution::of(&mut latency).to_string(), expected);
    }

    #[test]
    fn nothing_recorded_is_still_a_file() {
        let text = Distribution::of(&mut Latency::new()).to_string();
        assert!(text.contains("Total count    =            0]"), "{text}");
    }
}
