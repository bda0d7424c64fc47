//! A curve as one table: a row for each rate and contestant.

use std::fmt::{self, Write};

use crate::curve::Curve;
use crate::figures::{rate, ratio};
use crate::markdown::code;
use crate::results::without_digits;
use crate::table::{Names, or_dash, short_title, write_aligned};
use crate::{Entry, Metric, Results, Run};
use corecast_command::counted;

/// The medians that are shown.
const SHOWN: [Metric; 4] = [Metric::P50, Metric::P99, Metric::Cpu, Metric::Fairness];
/// The metrics that are also divided by the reference's.
const DIVIDED: [(Metric, &str); 3] = [(Metric::P50, "p50 ×"), (Metric::P99, "p99 ×"), (Metric::Cpu, "CPU ×")];
/// The metrics whose ranges over the rounds and intervals of the ratios are shown.
const RANGED: [(Metric, &str); 2] = [(Metric::P50, "p50 × 95 %"), (Metric::P99, "p99 × 95 %")];

impl Curve<'_> {
    /// Writes the medians, and the ranges if there are several rounds.
    pub(crate) fn write(&self, names: &Names, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\nlatency over the rate; msg/s: messages offered a second")?;
        writeln!(out, "  ×: the median of the rounds' ratios to {}", self.reference())?;
        write_aligned(&self.medians(|entry| names.of(entry)), out)?;
        if self.points().any(|(_, entry)| entry.runs.len() > 1) {
            writeln!(out, "  least to greatest; 95 %: the interval of the ratio")?;
            write_aligned(&self.ranges(names), out)?;
        }
        Ok(())
    }

    /// Writes the remarks about the runs, by contestant. Remarks that differ only in figures are merged.
    pub(crate) fn write_remarks(&self, names: &Names, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for contestant in &self.names {
            let mut remarks: Vec<Remark> = Vec::new();
            let own = || self.points().filter(|(_, entry)| entry.name == *contestant);
            for (at, entry) in own() {
                let ends = entry.unclean_ends.iter().map(|end| format!("the server did not end cleanly: {end}"));
                let of_runs = entry.runs.iter().flat_map(Run::remarks);
                of_runs.chain(ends).for_each(|text| Remark::add(&mut remarks, text, rate(at)));
            }
            if let Some((_, entry)) = own().next().filter(|_| !remarks.is_empty()) {
                writeln!(out, "\n{} over the rate", names.of(entry).trim_start())?;
            }
            remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))?;
        }
        Ok(())
    }

    fn medians(&self, name: impl Fn(&Entry) -> String) -> Vec<Vec<String>> {
        let mut header = vec![String::new(), "msg/s".to_owned()];
        header.extend(SHOWN.map(|metric| short_title(metric).to_owned()));
        header.extend(DIVIDED.map(|(_, title)| title.to_owned()));
        header.push("checks".to_owned());
        let row = |(at, entry): (f64, &Entry)| {
            let mut row = vec![name(entry), rate(at)];
            let median = |metric: Metric| entry.spread(metric).map(|spread| metric.format(spread.median));
            row.extend(SHOWN.map(|metric| or_dash(median(metric))));
            row.extend(DIVIDED.map(|(metric, _)| or_dash(self.ratio(entry, metric))));
            row.push(entry.verdict_on_checks());
            row
        };
        std::iter::once(header).chain(self.points().map(row)).collect()
    }

    fn ranges(&self, names: &Names) -> Vec<Vec<String>> {
        let mut header = vec![String::new(), "msg/s".to_owned()];
        header.extend(RANGED.map(|(metric, _)| metric.title().to_owned()));
        let with_intervals = self.points().any(|(_, entry)| self.interval(entry, Metric::P99).is_some());
        header.extend(RANGED.iter().filter(|_| with_intervals).map(|(_, title)| (*title).to_owned()));
        let row = |(at, entry): (f64, &Entry)| {
            let mut row = vec![names.of(entry), rate(at)];
            let range = |metric: Metric| entry.spread(metric).map(|spread| spread.range(metric.formatter()));
            row.extend(RANGED.map(|(metric, _)| or_dash(range(metric))));
            let intervals = RANGED.iter().filter(|_| with_intervals);
            row.extend(intervals.map(|(metric, _)| or_dash(self.interval(entry, *metric))));
            row
        };
        std::iter::once(header).chain(self.points().map(row)).collect()
    }

    /// Returns the median of the ratios to the reference, which itself has 1.
    pub(crate) fn ratio(&self, entry: &Entry, metric: Metric) -> Option<String> {
        if entry.name == self.reference() {
            return entry.usable().then(|| "1".to_owned());
        }
        self.verdict(entry, metric)?.median().map(ratio)
    }

    /// Returns the interval of that ratio.
    pub(crate) fn interval(&self, entry: &Entry, metric: Metric) -> Option<String> {
        self.verdict(entry, metric)?.interval.map(|interval| interval.to_string())
    }
}

/// A remark about rounds at one or several rates.
struct Remark {
    /// The text of the first such remark.
    text: String,
    rounds: usize,
    rates: Vec<String>,
}

impl Remark {
    fn add(remarks: &mut Vec<Self>, text: String, rate: String) {
        let kind = without_digits(&text);
        match remarks.iter_mut().find(|remark| without_digits(&remark.text) == kind) {
            Some(remark) => {
                remark.rounds += 1;
                if !remark.rates.contains(&rate) {
                    remark.rates.push(rate);
                }
            }
            None => remarks.push(Self { text, rounds: 1, rates: vec![rate] }),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at {}, ", self.rates.join(", "))?;
        match self.rounds {
            1 => write!(out, "{}: {}", counted(1, "round"), self.text),
            many => write!(out, "{}, figures of the first: {}", counted(many, "round"), self.text),
        }
    }
}

impl Results {
    /// Returns the latency over the rate as a Markdown table for a document: a row for each rate and contestant, with
    /// medians and ranges of the rounds. None if no contestant ran at two rates or more.
    pub fn curve_table(&self) -> Option<String> {
        let curve = self.curve()?;
        let mut text = String::from("| messages a second | contestant |");
        let titles = SHOWN.map(Metric::title).into_iter().chain(DIVIDED.map(|(_, title)| title));
        for title in titles {
            write!(text, " {title} |").expect("a String takes all");
        }
        text.push_str(" checks |\n");
        text.push_str(&"| --- ".repeat(3 + SHOWN.len() + DIVIDED.len()));
        text.push_str("|\n");
        for (at, entry) in curve.points() {
            let figure = |metric: Metric| {
                let spread = entry.spread(metric)?;
                let (median, range) = (metric.format(spread.median), spread.range(metric.formatter()));
                Some(if range == median { median } else { format!("{median} ({range})") })
            };
            let divided = |(metric, _)| {
                let interval = curve.interval(entry, metric).map(|interval| format!(" ({interval})"));
                Some(curve.ratio(entry, metric)? + &interval.unwrap_or_default())
            };
            let cells = SHOWN.map(figure).into_iter().chain(DIVIDED.map(divided)).map(or_dash).collect::<Vec<_>>();
            let (rate, cells, checks) = (rate(at), cells.join(" | "), entry.verdict_on_checks());
            writeln!(text, "| {rate} | {} | {cells} | {checks} |", code(&entry.name)).expect("a String takes all");
        }
        Some(text)
    }
}
