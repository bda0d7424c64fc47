//! The figures of a ladder of contestants as a Markdown table, for a document.

use std::fmt::Write;

use crate::markdown::code;
use crate::{Entry, Load, Metric, Results};

/// A figure, and the loads that it is taken from.
type Column = (Metric, fn(&Load) -> bool);

/// The columns. Deliveries come from the closed loop; latency and CPU from the open one, where all do the same work.
const COLUMNS: [Column; 3] =
    [(Metric::Deliveries, Load::is_saturating), (Metric::P99, Load::is_paced), (Metric::Cpu, Load::is_paced)];

/// The columns of a ramp; latency and CPU are those at the knee.
const OF_A_RAMP: [Column; 3] =
    [(Metric::Knee, Load::is_ramp), (Metric::P99, Load::is_ramp), (Metric::Cpu, Load::is_ramp)];

impl Results {
    /// Returns a row for each contestant, with medians and ranges of the rounds. A cell says so instead if a check
    /// failed in it, or if no round has valid figures. The number of rounds is stated if some are invalid.
    pub fn ladder_table(&self) -> String {
        let ramps = self.entries.iter().any(|entry| entry.load.is_ramp());
        let columns = if ramps { OF_A_RAMP } else { COLUMNS };
        let mut text = String::from("| rung |");
        for (metric, _) in columns {
            write!(text, " {} |", metric.title()).expect("a String takes all");
        }
        text.push_str("\n| --- | --- | --- | --- |\n");
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.entries {
            if !names.contains(&entry.name.as_str()) {
                names.push(&entry.name);
            }
        }
        for name in names {
            let cells = columns.map(|column| self.cell(name, column));
            writeln!(text, "| {} | {} |", code(name), cells.join(" | ")).expect("a String takes all");
        }
        text
    }

    fn cell(&self, name: &str, (metric, is_of): Column) -> String {
        let is_wanted = |entry: &&Entry| entry.name == name && is_of(&entry.load);
        let Some(entry) = self.entries.iter().find(is_wanted) else { return "-".to_owned() };
        if !entry.passed() || !entry.usable() {
            return entry.state().to_owned();
        }
        let Some(spread) = entry.spread(metric) else { return "-".to_owned() };
        let (median, range) = (metric.format(spread.median), spread.range(metric.formatter()));
        let rounds = entry.reservation().map(|rounds| format!(", {rounds}")).unwrap_or_default();
        if range == median { format!("{median}{rounds}") } else { format!("{median} ({range}){rounds}") }
    }
}
