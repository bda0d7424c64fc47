//! Runs of several contestants, in the form of `corecast-bench compare`.

use serde::{Deserialize, Serialize};

use crate::outside::{self, shown};
use crate::{Load, Metric, Run, Spread, Verdict};

/// All runs of one comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The contestant that the others are compared with.
    #[serde(deserialize_with = "outside::text")]
    pub reference: String,
    /// The entries, load by load and contestant by contestant.
    pub entries: Vec<Entry>,
}

/// One contestant under one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The contestant.
    #[serde(deserialize_with = "outside::text")]
    pub name: String,
    /// The load.
    pub load: Load,
    /// The command of the server, or its address; may be empty.
    #[serde(default, deserialize_with = "outside::text")]
    pub server: String,
    /// The version of the server's program, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "outside::optional_text")]
    pub version: Option<String>,
    /// One run for each round.
    #[serde(rename = "reports")]
    pub runs: Vec<Run>,
    /// The number of each run's round, if they are not 1, 2, 3 and so on, because a round may have produced no report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<u64>,
    /// The unclean ends of this contestant's servers.
    #[serde(default, deserialize_with = "outside::texts")]
    pub unclean_ends: Vec<String>,
}

impl Entry {
    /// Creates an entry of a contestant that has not run yet.
    pub fn new(name: impl Into<String>, load: Load) -> Self {
        let (runs, rounds) = (Vec::new(), Vec::new());
        let (server, version, unclean_ends) = (String::new(), None, Vec::new());
        Self { name: shown(&name.into()), load, server, version, runs, rounds, unclean_ends }
    }

    /// Returns the runs with the numbers of their rounds.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Run)> {
        let counted = (1..).skip(self.rounds.len());
        self.rounds.iter().copied().chain(counted).zip(&self.runs)
    }

    /// Returns the runs of the same round of this contestant and another: the pairs from which ratios are taken.
    pub fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Run, &'a Run)> {
        let same_round = |number| other.numbered().find(move |(round, _)| *round == number);
        self.numbered().filter_map(move |(number, run)| Some((run, same_round(number)?.1)))
    }

    /// Returns true if every check held in every round, and every server ended cleanly.
    pub fn passed(&self) -> bool {
        self.unclean_ends.is_empty() && self.runs.iter().all(Run::passed)
    }

    /// Returns true if the figures of every round can be used.
    pub fn valid(&self) -> bool {
        self.runs.iter().all(Run::valid)
    }

    /// Returns true if the figures of any round can be used.
    pub fn usable(&self) -> bool {
        self.runs.iter().any(Run::usable)
    }

    /// Returns true if at least half of the rounds are usable. Figures of fewer rounds reflect the machine's disturbances.
    pub fn mostly_usable(&self) -> bool {
        self.usable() && self.runs.iter().filter(|run| run.usable()).count() * 2 >= self.runs.len()
    }

    /// Returns the rounds whose figures are shown: those that can be used, or all of them if none can, which
    /// [`Entry::reservation`] reports.
    pub fn shown(&self) -> impl Iterator<Item = &Run> + Clone {
        let any = self.usable();
        self.runs.iter().filter(move |run| run.usable() || !any)
    }

    /// Returns a metric over the rounds that are shown; none if none of them has it.
    pub fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(&self.shown().filter_map(|run| metric.of(run)).collect::<Vec<_>>())
    }

    /// Returns what a reader of the figures must know: `5 of 6 rounds` if the others cannot be used, or `failed` or
    /// `invalid` if none can.
    pub fn reservation(&self) -> Option<String> {
        let (shown, all) = (self.shown().count(), self.runs.len());
        match self.usable() {
            true if shown < all => Some(format!("{shown} of {all} rounds")),
            true => None,
            false if all == 0 => None,
            false if self.runs.iter().all(Run::passed) => Some("invalid".to_owned()),
            false => Some("failed".to_owned()),
        }
    }

    /// Returns the name, with the reservation in parentheses.
    pub(crate) fn label(&self) -> String {
        self.reservation().map_or_else(|| self.name.clone(), |reservation| format!("{} ({reservation})", self.name))
    }

    /// Returns the remarks on the rounds. Remarks that differ only in figures are merged.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<Remark> = Vec::new();
        for (round, run) in self.numbered() {
            for text in run.remarks() {
                let kind = without_digits(&text);
                match remarks.iter_mut().find(|remark| remark.kind == kind) {
                    Some(remark) => remark.rounds.push(round),
                    None => remarks.push(Remark { kind, text, rounds: vec![round] }),
                }
            }
        }
        let figures = self.reservation().filter(|_| self.usable()).map(|rounds| format!("figures of {rounds}"));
        let remarks = remarks.iter().map(|remark| remark.in_words(self.runs.len()));
        let ends = self.unclean_ends.iter().map(|end| format!("the server did not end cleanly: {end}"));
        figures.into_iter().chain(remarks).chain(ends).collect()
    }

    /// Returns the text of a table's column of checks: the number of rounds that were used if some are left out,
    /// otherwise [`Entry::state`].
    pub(crate) fn verdict_on_checks(&self) -> String {
        match self.reservation().filter(|_| self.usable() && self.passed()) {
            Some(rounds) => rounds.trim_end_matches(" rounds").to_owned(),
            None => self.state().to_owned(),
        }
    }

    /// Returns `held`, `FAILED` or `INVALID`.
    pub(crate) fn state(&self) -> &'static str {
        match (self.passed(), self.valid()) {
            (false, _) => "FAILED",
            (true, false) => "INVALID",
            (true, true) => "held",
        }
    }
}

/// Returns the text without its digits, which is the same for remarks that differ only in figures.
pub(crate) fn without_digits(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// A remark on several rounds.
struct Remark {
    /// The text without its digits.
    kind: String,
    /// The text of the first of the rounds.
    text: String,
    rounds: Vec<u64>,
}

impl Remark {
    fn in_words(&self, all: usize) -> String {
        let Self { text, rounds, .. } = self;
        let numbers = rounds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match rounds.len() {
            1 => format!("round {numbers}: {text}"),
            some if some == all => format!("every round, figures of round {}: {text}", rounds[0]),
            _ => format!("rounds {numbers}, figures of round {}: {text}", rounds[0]),
        }
    }
}

impl Results {
    /// Returns true if every check held everywhere. Invalid figures change nothing here: deliveries were still verified.
    pub fn passed(&self) -> bool {
        self.entries.iter().all(Entry::passed)
    }

    /// Returns the loads in their order, each with its contestants.
    pub fn by_load(&self) -> Vec<(&Load, Vec<&Entry>)> {
        let mut loads: Vec<(&Load, Vec<&Entry>)> = Vec::new();
        for entry in &self.entries {
            match loads.iter_mut().find(|(load, _)| **load == entry.load) {
                Some((_, entries)) => entries.push(entry),
                None => loads.push((&entry.load, vec![entry])),
            }
        }
        loads
    }

    /// Returns the reference under this load.
    pub fn reference_under(&self, load: &Load) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == self.reference && entry.load == *load)
    }

    /// Returns the verdicts of each contestant except the reference against it, in each metric that is meaningful under
    /// the load and that both have.
    pub fn verdicts(&self) -> Vec<(&Entry, Vec<Verdict>)> {
        let others = self.entries.iter().filter(|entry| entry.name != self.reference);
        let against = |entry: &Entry| {
            let reference = self.reference_under(&entry.load)?;
            let metrics = Metric::ALL.into_iter().filter(|metric| metric.applies(&entry.load));
            let both = metrics.filter(|metric| entry.spread(*metric).and(reference.spread(*metric)).is_some());
            Some(both.map(|metric| Verdict::of(metric, entry, reference)).collect::<Vec<_>>())
        };
        others.filter_map(|entry| Some((entry, against(entry)?))).collect()
    }

    /// Returns the entries that have remarks, with them.
    pub(crate) fn remarks(&self) -> Vec<(&Entry, Vec<String>)> {
        let all = self.entries.iter().map(|entry| (entry, entry.remarks()));
        all.filter(|(_, remarks)| !remarks.is_empty()).collect()
    }

    /// Returns the first run of all, for the facts that all have in common.
    pub fn first_run(&self) -> Option<&Run> {
        self.entries.iter().find_map(|entry| entry.runs.first())
    }

    /// Returns the largest number of rounds of a contestant.
    pub(crate) fn rounds(&self) -> usize {
        self.entries.iter().map(|entry| entry.runs.len()).max().unwrap_or_default()
    }
}
