//! The runs of one contestant, kept for later comparisons.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Entry, Error, Load};

/// The format that a baseline file states.
const FORMAT: &str = "corecast-baseline";
/// The version of the format that is written, and the only one that is read.
const FORMAT_VERSION: u32 = 1;

/// The settings that a run gets from its contestant or its machine; the others define the load.
const NOT_OF_THE_LOAD: [&str; 6] = ["address", "server_pid", "cpus", "protocol", "load", "channel_prefix"];

/// Runs, with the facts of the host that they ran on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    format: String,
    format_version: u32,
    /// The version of the program that saved it.
    pub corecast: String,
    /// The time at which it was saved, in seconds since 1970.
    pub saved_unix_seconds: u64,
    /// The machine.
    pub host: Map<String, Value>,
    /// One entry for each load.
    pub entries: Vec<Entry>,
}

impl Baseline {
    /// Creates a baseline of one contestant's entries, saved at a time in seconds since 1970.
    pub fn new(entries: Vec<Entry>, corecast: &str, saved_unix_seconds: u64) -> Self {
        let host = entries.iter().flat_map(|entry| &entry.runs).next().map(|run| run.host().clone());
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            corecast: corecast.to_owned(),
            saved_unix_seconds,
            host: host.unwrap_or_default(),
            entries,
        }
    }

    /// Reads a baseline from JSON; `file` is for the error.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if it is not a baseline, or of another version.
    pub fn read(file: &str, text: &str) -> Result<Self, Error> {
        let unreadable = |reason: String| Error::Unreadable { file: file.to_owned(), reason };
        let value: Value = serde_json::from_str(text).map_err(|error| unreadable(format!("not JSON: {error}")))?;
        if !Self::is(&value) {
            return Err(unreadable("not a baseline; --save-baseline writes one".to_owned()));
        }
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => return Err(unreadable(format!("version {version}; only {FORMAT_VERSION} is read here"))),
            None => return Err(unreadable("it has no format_version".to_owned())),
        }
        serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))
    }

    pub(crate) fn is(value: &Value) -> bool {
        value.get("format").and_then(Value::as_str) == Some(FORMAT)
    }

    /// Returns the facts of the host that have changed, in words, such as `kernel: 6.1 then, 6.12 now`.
    pub fn host_differences(&self, now: &Map<String, Value>) -> Vec<String> {
        differences(&self.host, now, &[])
    }

    /// Checks that runs with these settings and loads can be compared with it.
    ///
    /// # Errors
    /// [`Error::Unfit`] with the differences.
    pub fn check(&self, settings: &Map<String, Value>, loads: &[Load]) -> Result<(), Error> {
        for load in loads {
            let Some(entry) = self.entries.iter().find(|entry| entry.load == *load) else {
                let known: Vec<String> = self.entries.iter().map(|entry| format!("'{}'", entry.load)).collect();
                return Err(Error::Unfit(format!("it has no load '{load}', but {}", known.join(" and "))));
            };
            for run in &entry.runs {
                let differences = differences(run.settings(), settings, &NOT_OF_THE_LOAD);
                if !differences.is_empty() {
                    return Err(Error::Unfit(differences.join("; ")));
                }
            }
        }
        Ok(())
    }

    /// Returns its entries for these loads, as a contestant beside those measured now.
    pub fn entries_under(&self, loads: &[Load]) -> Vec<Entry> {
        let named = |entry: &Entry| Entry { name: Self::contestant_name(&entry.name), ..entry.clone() };
        self.entries.iter().filter(|entry| loads.contains(&entry.load)).map(named).collect()
    }

    /// Returns the name of its contestant beside those measured now.
    pub fn name(&self) -> Option<String> {
        Some(Self::contestant_name(&self.entries.first()?.name))
    }

    fn contestant_name(name: &str) -> String {
        format!("baseline {name}")
    }
}

/// Returns the settings or facts that differ. A key that only one side has was added by a later version, and says
/// nothing about the runs.
fn differences(then: &Map<String, Value>, now: &Map<String, Value>, without: &[&str]) -> Vec<String> {
    let compared = then.iter().filter(|(key, _)| !without.contains(&key.as_str()));
    let changed = compared.filter_map(|(key, then)| Some((key, then, now.get(key)?))).filter(|(_, a, b)| a != b);
    changed.map(|(key, then, now)| format!("{}: {then} then, {now} now", key.replace('_', " "))).collect()
}
