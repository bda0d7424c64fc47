//! A comparison of counts with the baseline, as a table.

use crate::counts::Counts;
use std::collections::BTreeSet;
use std::fmt;

/// Every benchmark that was counted now or in the baseline.
#[derive(Debug)]
pub(crate) struct Comparison {
    rows: Vec<Row>,
    tolerance: f64,
}

#[derive(Debug)]
struct Row {
    name: String,
    then: Option<u64>,
    now: Option<u64>,
}

/// The change of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// It changed by this many percent.
    By(f64),
    /// The baseline does not have it.
    New,
    /// It was not counted now. A missing benchmark must not pass as one that did not grow.
    Gone,
}

impl Comparison {
    /// Creates a comparison. A benchmark that grew by more than `tolerance` percent fails it.
    pub(crate) fn new(then: &Counts, now: &Counts, tolerance: f64) -> Self {
        let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let row =
            |name: &String| Row { name: name.clone(), then: then.get(name).copied(), now: now.get(name).copied() };
        Self { rows: names.into_iter().map(row).collect(), tolerance }
    }

    /// Returns true if nothing has grown and nothing is missing.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(|row| self.verdict(row).is_empty())
    }

    fn verdict(&self, row: &Row) -> &'static str {
        match row.change() {
            Change::By(percent) if percent > self.tolerance => "GREW",
            Change::Gone => "MISSING",
            Change::By(_) | Change::New => "",
        }
    }

    fn count(&self, verdict: &str) -> usize {
        self.rows.iter().filter(|row| self.verdict(row) == verdict).count()
    }
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
    fn change(&self) -> Change {
        match (self.then, self.now) {
            (Some(then), Some(now)) if then == now => Change::By(0.0),
            (Some(then), Some(now)) => Change::By((now as f64 - then as f64) / then as f64 * 100.0),
            (None, _) => Change::New,
            (Some(_), None) => Change::Gone,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        writeln!(out, "{:width$}  {:>12}  {:>12}  {:>10}", "benchmark", "baseline", "now", "change")?;
        for row in &self.rows {
            let figure = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
            let (then, now) = (figure(row.then), figure(row.now));
            let change = match row.change() {
                Change::By(0.0) => "0".to_owned(),
                Change::By(percent) => format!("{percent:+.2} %"),
                Change::New => "new".to_owned(),
                Change::Gone => "gone".to_owned(),
            };
            let line = format!("{:width$}  {then:>12}  {now:>12}  {change:>10}  {}", row.name, self.verdict(row));
            writeln!(out, "{}", line.trim_end())?;
        }
        let (grew, missing) = (self.count("GREW"), self.count("MISSING"));
        write!(out, "\n{grew} of {} grew by more than {} %", self.rows.len(), self.tolerance)?;
        if missing > 0 {
            write!(out, "; {missing} of the baseline missing")?;
        }
        writeln!(out, ".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn growth_beyond_the_tolerance_fails() {
        let then = counts(&[("a", 1_000), ("b", 1_000)]);
        for (now, tolerance, holds) in [
            (1_000, 0.0, true),
            (1_001, 0.0, false),
            (1_020, 2.0, true),
            (1_021, 2.0, false),
            (1_021, 2.1, true),
            (1, 0.0, true),
        ] {
            let comparison = Comparison::new(&then, &counts(&[("a", 1_000), ("b", now)]), tolerance);
            assert_eq!(comparison.holds(), holds, "{now} with {tolerance} %");
        }
    }

    #[test]
    fn a_benchmark_out_of_nothing_has_grown() {
        let comparison = Comparison::new(&counts(&[("a", 0)]), &counts(&[("a", 1)]), 2.0);
        assert!(!comparison.holds());
        assert!(Comparison::new(&counts(&[("a", 0)]), &counts(&[("a", 0)]), 2.0).holds());
    }

    #[test]
    fn what_is_missing_fails_and_what_is_new_does_not() {
        let (one, two) = (counts(&[("a", 1)]), counts(&[("a", 1), ("b", 2)]));
        assert!(!Comparison::new(&two, &one, 2.0).holds());
        assert!(Comparison::new(&one, &two, 2.0).holds());
    }
}
