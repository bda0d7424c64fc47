//! The figures of a ladder of contestants as a Markdown table, for a document.

use std::fmt::Write;

use crate::{Entry, Metric, Results};

/// Deliveries come from the closed loop; latency and CPU from the open one, where all do the same work.
const COLUMNS: [(Metric, bool); 3] = [(Metric::Deliveries, false), (Metric::P99, true), (Metric::Cpu, true)];

impl Results {
    /// A row for each contestant, with medians and ranges of the rounds; a cell whose checks failed or whose figures are
    /// invalid says so instead.
    pub fn ladder_table(&self) -> String {
        let mut text = String::from("| rung |");
        for (metric, _) in COLUMNS {
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
            let cells = COLUMNS.map(|(metric, paced)| self.cell(name, metric, paced));
            writeln!(text, "| `{name}` | {} |", cells.join(" | ")).expect("a String takes all");
        }
        text
    }

    fn cell(&self, name: &str, metric: Metric, paced: bool) -> String {
        let is_wanted = |entry: &&Entry| {
            entry.name == name && if paced { entry.load.is_paced() } else { entry.load.is_saturating() }
        };
        let Some(entry) = self.entries.iter().find(is_wanted) else { return "-".to_owned() };
        if entry.state() != "held" {
            return entry.state().to_owned();
        }
        let Some(spread) = entry.spread(metric) else { return "-".to_owned() };
        let (median, range) = (metric.format(spread.median), spread.range(metric.formatter()));
        if range == median { median } else { format!("{median} ({range})") }
    }
}
