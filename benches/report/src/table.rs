//! Results as text, in lines of at most [`TABLE_WIDTH`] columns.

use std::fmt::{self, Write};

use crate::{Entry, Load, Metric, Results, Run};
use corecast_command::figures::{counted, three_digits};

/// The number of columns of a terminal that the tables fit in.
pub const TABLE_WIDTH: usize = 100;

/// The longest name in a table; a longer one is cut there, and listed in full above it.
const LONGEST_NAME: usize = 18;

/// Returns the medians that are shown.
fn columns(load: &Load) -> [Metric; 6] {
    let rate = if load.is_ramp() { Metric::Knee } else { Metric::Deliveries };
    [rate, Metric::P50, Metric::P99, Metric::P999, Metric::Max, Metric::Cpu]
}

/// Returns the medians that are also divided by the reference's.
fn divided(load: &Load) -> [Metric; 2] {
    let [rate, ..] = columns(load);
    [if load.is_paced() { Metric::P99 } else { rate }, Metric::Cpu]
}

/// Returns the figures whose ranges over the rounds are shown.
fn ranged(load: &Load) -> [Metric; 3] {
    let [first, cpu] = divided(load);
    [first, if load.is_paced() { Metric::P50 } else { Metric::P99 }, cpu]
}

impl fmt::Display for Results {
    /// Writes a table for each load, with ranges if there are several rounds, and the remarks on the runs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(names) = self.write_head(out)? else { return Ok(()) };
        writeln!(
            out,
            "Medians of the rounds; CPU: of the server, per delivery; ×: of the reference's; rate: deliveries/s."
        )?;
        let curve = self.curve();
        if let Some(curve) = &curve {
            curve.write(&names, out)?;
        }
        for (load, entries) in self.by_load() {
            if curve.is_some() && load.rate().is_some() {
                continue;
            }
            writeln!(out, "\n{load}")?;
            if load.is_ramp() {
                writeln!(
                    out,
                    "  knee: messages a second, the last rate that was kept up; the other figures are of that rate"
                )?;
            }
            write_aligned(&self.medians(load, &entries, &names), out)?;
            if entries.iter().any(|entry| entry.runs.len() > 1) {
                writeln!(out, "  least to greatest")?;
                write_aligned(&ranges(load, &entries, &names), out)?;
            }
        }
        if let Some(curve) = &curve {
            curve.write_remarks(&names, out)?;
        }
        for (entry, remarks) in self.remarks() {
            if curve.is_some() && entry.load.rate().is_some() {
                continue;
            }
            writeln!(out, "\n{}, {}", names.of(entry).trim_start(), entry.load)?;
            remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))?;
        }
        Ok(())
    }
}

impl Results {
    /// The conditions of the figures, a line each: the load, the machine, and the versions of the servers.
    pub fn conditions_text(&self) -> String {
        struct Conditions<'a>(&'a Results);
        impl fmt::Display for Conditions<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_head(out).map(drop)
            }
        }
        Conditions(self).to_string()
    }

    /// Writes the conditions of the figures, and returns the names of the contestants.
    fn write_head(&self, out: &mut fmt::Formatter<'_>) -> Result<Option<Names>, fmt::Error> {
        let Some(run) = self.first_run() else { return Ok(None) };
        write_conditions(run, self.rounds(), out)?;
        let names = Names::new(&self.entries, out)?;
        write_versions(&self.entries, &names, out)?;
        Ok(Some(names))
    }

    fn medians(&self, load: &Load, entries: &[&Entry], names: &Names) -> Vec<Vec<String>> {
        let divided = divided(load);
        let mut header = vec![String::new()];
        header.extend(columns(load).iter().map(|metric| short_title(*metric).to_owned()));
        header.extend(divided.map(|metric| ratio_title(metric).to_owned()));
        header.push("checks".to_owned());
        let row = |entry: &&Entry| {
            let mut row = vec![names.of(entry)];
            let median = |entry: &Entry, metric| entry.spread(metric).map(|spread| spread.median);
            row.extend(columns(load).iter().map(|metric| or_dash(median(entry, *metric).map(|it| metric.format(it)))));
            let ratio = |metric| {
                let reference = self.reference_under(load).filter(|reference| entry.usable() && reference.usable())?;
                let reference = median(reference, metric).filter(|value| *value > 0.0)?;
                Some(three_digits(median(entry, metric)? / reference))
            };
            row.extend(divided.map(|metric| or_dash(ratio(metric))));
            row.push(entry.verdict_on_checks());
            row
        };
        std::iter::once(header).chain(entries.iter().map(row)).collect()
    }
}

fn ranges(load: &Load, entries: &[&Entry], names: &Names) -> Vec<Vec<String>> {
    let mut header = vec![String::new()];
    header.extend(ranged(load).map(|metric| short_title(metric).to_owned()));
    let row = |entry: &&Entry| {
        let range = |metric: Metric| or_dash(entry.spread(metric).map(|spread| spread.range(metric.formatter())));
        std::iter::once(names.of(entry)).chain(ranged(load).map(range)).collect()
    };
    std::iter::once(header).chain(entries.iter().map(row)).collect()
}

impl Results {
    /// Returns the verdicts of [`Results::verdicts`] as text, a paragraph for each contestant and load.
    pub fn verdicts_text(&self) -> String {
        let paragraph = |(entry, verdicts): (&Entry, Vec<crate::Verdict>)| {
            let heading = format!("{} against {}; {}\n", entry.name, self.reference, entry.load);
            verdicts.iter().fold(heading, |text, verdict| text + &format!("  {verdict}\n"))
        };
        self.verdicts().into_iter().map(paragraph).collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

/// Returns the title of a column with ratios to the reference.
fn ratio_title(metric: Metric) -> &'static str {
    match metric {
        Metric::Knee => "knee ×",
        Metric::Deliveries => "rate ×",
        Metric::Cpu => "CPU ×",
        _ => "p99 ×",
    }
}

pub(crate) fn short_title(metric: Metric) -> &'static str {
    if metric == Metric::Cpu { "CPU" } else { metric.title() }
}

/// Returns the load without its rate, and the machine.
pub(crate) fn conditions(run: &Run) -> [String; 2] {
    let setting = |name| run.settings().get(name).map_or_else(|| "?".to_owned(), plain);
    let fact = |name| run.host().get(name).map_or_else(|| "?".to_owned(), plain);
    let numbered = |what: &str| {
        let count = run.settings().get(&format!("{what}s")).and_then(serde_json::Value::as_u64);
        count.map_or_else(|| format!("? {what}s"), |count| counted(count, what))
    };
    let load = format!(
        "{}, {}, {}, {}-byte payloads; {} s measured",
        numbered("subscriber"),
        numbered("publisher"),
        numbered("channel"),
        setting("payload_bytes"),
        setting("duration_seconds"),
    );
    [load, format!("{}, {} CPUs, Linux {}", fact("cpu"), fact("cpus"), fact("kernel"))]
}

fn write_conditions(run: &Run, rounds: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [load, machine] = conditions(run);
    writeln!(out, "{load}; rounds: {rounds}")?;
    writeln!(out, "{machine}")
}

/// Writes the versions of the servers' programs: once, if it is the same for all that were asked.
fn write_versions(entries: &[Entry], names: &Names, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut versions: Vec<(&str, String)> = Vec::new();
    for (entry, version) in entries.iter().filter_map(|entry| Some((entry, entry.version.as_deref()?))) {
        let line = (version, names.of(entry));
        if !versions.contains(&line) {
            versions.push(line);
        }
    }
    match versions.first() {
        None => Ok(()),
        Some((first, _)) if versions.iter().all(|(version, _)| version == first) => writeln!(out, "Servers: {first}"),
        Some(_) => versions.iter().try_for_each(|(version, name)| writeln!(out, "{}: {version}", name.trim_start())),
    }
}

/// Formats a JSON value in words, without quotes and brackets. Null is unknown, and an empty list (of CPUs) means any.
pub(crate) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "unknown".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(list) if list.is_empty() => "any".to_owned(),
        value => value.to_string().replace(['{', '}', '[', ']', '"'], "").replace(':', " ").replace(',', ", "),
    }
}

/// The names of the contestants in the tables.
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// Shortens names that are too long, and writes the full ones.
    fn new(entries: &[Entry], out: &mut fmt::Formatter<'_>) -> Result<Self, fmt::Error> {
        let mut names: Vec<(String, String)> = Vec::new();
        for entry in entries {
            if names.iter().any(|(name, _)| *name == entry.name) {
                continue;
            }
            let short = if entry.name.chars().count() > LONGEST_NAME {
                let mark = format!("[{}] ", names.len() + 1);
                writeln!(out, "{mark}is {}", entry.name)?;
                let kept = LONGEST_NAME - mark.chars().count() - 1;
                format!("{mark}{}…", entry.name.chars().take(kept).collect::<String>())
            } else {
                entry.name.clone()
            };
            names.push((entry.name.clone(), short));
        }
        Ok(Self(names))
    }

    pub(crate) fn of(&self, entry: &Entry) -> String {
        let found = self.0.iter().find(|(name, _)| *name == entry.name);
        format!("  {}", found.map_or(entry.name.as_str(), |(_, short)| short))
    }
}

/// Pads each column to its widest cell: the first column, and a last one of words, to the left, figures to the right.
pub(crate) fn write_aligned(rows: &[Vec<String>], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(line, "{cell:<width$}")?,
                _ => write!(line, "  {cell:>width$}")?,
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
