//! A comparison as one table.

use crate::comparison::{Comparison, Entry, Spread};
use crate::figures::{scaled, three_digits, time};
use crate::{Load, Report};
use std::fmt::{self, Write};

/// A column: its title, and the figure of one run.
struct Column {
    title: &'static str,
    figure: fn(&Report) -> Option<f64>,
    format: fn(f64) -> String,
    /// Whether it has a column of its own, as a multiple of the reference's: in which loads.
    ratio: Ratio,
}

/// In which loads a figure's ratio to the reference's says something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ratio {
    Never,
    /// What a closed loop is for.
    Saturated,
    /// What an open loop is for.
    Paced,
    Always,
}

impl Ratio {
    fn applies(self, load: Load) -> bool {
        match load {
            Load::Paced { .. } => matches!(self, Self::Paced | Self::Always),
            Load::Saturate { .. } => matches!(self, Self::Saturated | Self::Always),
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column {
        title: "deliveries/s",
        figure: |report| Some(report.deliveries.measured_per_second),
        format: scaled,
        ratio: Ratio::Saturated,
    },
    Column { title: "p50", figure: |report| Some(report.latency_us.p50), format: time, ratio: Ratio::Never },
    Column { title: "p99", figure: |report| Some(report.latency_us.p99), format: time, ratio: Ratio::Paced },
    Column { title: "p99.9", figure: |report| Some(report.latency_us.p999), format: time, ratio: Ratio::Never },
    Column { title: "max", figure: |report| Some(report.latency_us.max), format: time, ratio: Ratio::Never },
    Column {
        title: "CPU/delivery",
        figure: |report| report.server.map(|server| server.cpu_us_per_delivery),
        format: |us| format!("{} µs", three_digits(us)),
        ratio: Ratio::Always,
    },
];

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.entries.first() else { return Ok(()) };
        if let Some(report) = first.reports.first() {
            write_conditions(report, first.reports.len(), out)?;
        }
        let mut rows = vec![self.header()];
        let mut load = None;
        for entry in &self.entries {
            if load.replace(entry.load) != Some(entry.load) {
                rows.push(Vec::new());
                rows.push(vec![entry.load.to_string()]);
            }
            rows.push(self.row(entry));
        }
        write_aligned(&rows, out)?;
        self.write_remarks(out)
    }
}

impl Comparison {
    fn header(&self) -> Vec<String> {
        let mut header = vec![String::new()];
        header.extend(COLUMNS.iter().map(|column| column.title.to_owned()));
        let ratios = COLUMNS.iter().filter(|column| column.ratio != Ratio::Never);
        header.extend(ratios.map(|column| format!("{} ÷ {}'s", column.title, self.reference)));
        header.push("checks".to_owned());
        header
    }

    fn row(&self, entry: &Entry) -> Vec<String> {
        let mut row = vec![format!("  {}", entry.name)];
        for column in &COLUMNS {
            let spread = entry.spread(column.figure);
            row.push(spread.map_or_else(|| "-".to_owned(), |spread| with_spread(spread, column.format)));
        }
        let reference = self.entries.iter().find(|other| other.name == self.reference && other.load == entry.load);
        for column in COLUMNS.iter().filter(|column| column.ratio != Ratio::Never) {
            let ratio = reference
                .filter(|_| column.ratio.applies(entry.load))
                .and_then(|reference| ratio(entry.spread(column.figure)?, reference.spread(column.figure)?));
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{} ×", three_digits(ratio))));
        }
        let validity = if entry.valid() { "" } else { ", INVALID" };
        row.push(format!("{}{validity}", if entry.passed() { "held" } else { "FAILED" }));
        row
    }

    fn write_remarks(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            for (round, report) in entry.reports.iter().enumerate() {
                let place = format!("{}, {}, round {}", entry.name, entry.load, round + 1);
                if !report.passed() {
                    writeln!(out, "{place}: {}", report.checks)?;
                }
                for reason in &report.validity.reasons {
                    writeln!(out, "{place}: INVALID: {reason}")?;
                }
                for note in &report.validity.notes {
                    writeln!(out, "{place}: {note}")?;
                }
            }
            for end in &entry.unclean_ends {
                writeln!(out, "{}, {}: the server did not end cleanly: {end}", entry.name, entry.load)?;
            }
        }
        Ok(())
    }
}

fn write_conditions(report: &Report, rounds: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let settings = &report.settings;
    writeln!(
        out,
        "{} subscribers, {} publishers, {} channels, {}-byte payloads, {}; {} s measured; rounds: {rounds}{}",
        settings.subscribers,
        settings.publishers,
        settings.channels,
        settings.payload_bytes,
        settings.protocol,
        settings.duration.as_secs_f64(),
        if rounds > 1 { ", median (least to greatest)" } else { "" }
    )?;
    writeln!(out, "{}, {} CPUs, Linux {}\n", report.host.cpu, report.host.cpus, report.host.kernel)
}

fn with_spread(spread: Spread, format: fn(f64) -> String) -> String {
    let Spread { least, median, greatest } = spread;
    if least.total_cmp(&greatest).is_eq() {
        return format(median);
    }
    format!("{} ({} to {})", format(median), format(least), format(greatest))
}

fn ratio(figure: Spread, reference: Spread) -> Option<f64> {
    (reference.median > 0.0).then(|| figure.median / reference.median)
}

/// Pads each column to its widest cell: the first to the left, figures to the right. A row of one cell is a
/// heading and has no say in the widths.
fn write_aligned(rows: &[Vec<String>], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(line, "{cell:<width$}")?,
                _ if column + 1 == columns => write!(line, "  {cell}")?,
                _ => write!(line, "  {cell:>width$}")?,
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
