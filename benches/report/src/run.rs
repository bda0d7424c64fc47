//! One run, in the form of the load generator's report.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::outside::{is_figure, shown_in};
use crate::ramp::at_knee;
use crate::{Load, Moment, Ramp, Shard};

/// The whole report of one run. Fields that this version does not know are kept and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Run(Value);

/// The fields that every report has had since the first version.
const REQUIRED: [&str; 4] = ["/deliveries/measured_per_second", "/latency_us/p99", "/validity/valid", "/settings/load"];
/// The objects whose fields are read by name.
const REQUIRED_OBJECTS: [&str; 3] = ["/checks", "/settings", "/host"];

/// A field that is set if the figures of an invalid run were requested.
const KEPT: &str = "/validity/kept";

/// The server's notices to stalled subscribers about missed messages, which are not a fault.
const TELLING: [&str; 4] = ["foreign", "gaps", "refusals", "reported_lost"];

impl TryFrom<Value> for Run {
    type Error = String;

    /// Converts a report to a run. A ramp becomes the run at its knee.
    fn try_from(report: Value) -> Result<Self, String> {
        let report = at_knee(report);
        let absent = REQUIRED.iter().find(|pointer| report.pointer(pointer).is_none());
        let object = |pointer: &&&str| report.pointer(pointer).is_none_or(|value| !value.is_object());
        match absent.or_else(|| REQUIRED_OBJECTS.iter().find(object)) {
            Some(pointer) => Err(format!("not the report of a run: it has no {}", pointer[1..].replace('/', "."))),
            None => Ok(Self(shown_in(report))),
        }
    }
}

impl From<Run> for Value {
    fn from(run: Run) -> Self {
        run.0
    }
}

impl Run {
    /// Returns true if every check held: on the deliveries, on those to subscribers that stalled, and on reconnecting
    /// clients, none of which may be refused. `foreign` deliveries are not a fault of the server.
    pub fn passed(&self) -> bool {
        self.wrong().is_empty()
    }

    /// Returns true if the figures are what they claim to be.
    pub fn valid(&self) -> bool {
        self.0.pointer("/validity/valid") == Some(&Value::Bool(true))
    }

    /// Returns true if the figures are shown and may take part in a ratio. Those of an invalid run are used only if it
    /// was [kept](Self::keep).
    pub fn usable(&self) -> bool {
        self.passed() && (self.valid() || self.0.pointer(KEPT) == Some(&Value::Bool(true)))
    }

    /// Makes the figures usable even if they are invalid, which the run still reports.
    pub fn keep(&mut self) {
        if let Some(Value::Object(validity)) = self.0.pointer_mut("/validity") {
            validity.insert("kept".to_owned(), Value::Bool(true));
        }
    }

    /// Returns the remarks: failed checks, the reasons why the figures are invalid, and notes.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.passed() {
            remarks.push(format!("FAILED: {}", self.wrong().join(", ")));
        }
        remarks.extend(self.texts("/validity/reasons").map(|reason| format!("INVALID: {reason}")));
        remarks.extend(self.texts("/validity/notes").map(str::to_owned));
        let unread =
            [("timeline", self.timeline().err()), ("ramp", self.ramp().err()), ("shards", self.shards().err())];
        for (field, error) in unread {
            remarks.extend(error.map(|error| format!("its {field} is of a form that is not read here: {error}")));
        }
        remarks
    }

    /// Returns the checks that did not hold, each with its count.
    fn wrong(&self) -> Vec<String> {
        let wrong = |pointer, allowed: &'static [&str], of| {
            let counts = self.value(pointer).and_then(Value::as_object).into_iter().flatten();
            let wrong = counts.filter(|(name, count)| !allowed.contains(&name.as_str()) && count.as_f64() != Some(0.0));
            wrong.map(move |(name, count)| format!("{count} {}{of}", name.replace('_', " ")))
        };
        let refused = self.number("/reconnections/refused").filter(|refused| *refused > 0.0);
        wrong("/checks", &["foreign"], "")
            .chain(wrong("/stalled/checks", &TELLING, " of those that stalled"))
            .chain(refused.map(|refused| format!("{refused} refused to come again")))
            .collect()
    }

    fn texts(&self, pointer: &str) -> impl Iterator<Item = &str> {
        let list = self.0.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str)
    }

    /// Returns percentiles with microseconds, ascending; empty if the report has no curve.
    pub fn latency_curve(&self) -> Vec<(f64, f64)> {
        let points = self.0.get("latency_curve").and_then(Value::as_array).into_iter().flatten();
        let points = points.filter_map(|point| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()?)));
        points.filter(|(percentile, us)| (0.0..=100.0).contains(percentile) && is_figure(*us)).collect()
    }

    /// Returns the latency over the time of the run; empty if the report has none.
    ///
    /// # Errors
    /// The report has one in another form.
    pub fn timeline(&self) -> Result<Vec<Moment>, String> {
        self.optional("timeline").map(Option::unwrap_or_default)
    }

    /// Returns the rates of the ramp, if the report has one.
    ///
    /// # Errors
    /// The report has one in another form.
    pub fn ramp(&self) -> Result<Option<Ramp>, String> {
        self.optional("ramp")
    }

    /// Returns the connections and deliveries of each of the server's shards; empty if the server did not report them.
    ///
    /// # Errors
    /// The report has them in another form.
    pub fn shards(&self) -> Result<Vec<Shard>, String> {
        self.optional("shards").map(Option::unwrap_or_default)
    }

    /// Returns the load. For a ramp this is its plan, which is the same wherever the knee was.
    pub fn load(&self) -> Load {
        let load = || self.settings().get("load").cloned().unwrap_or_default();
        Load(self.0.pointer("/ramp/plan").map_or_else(load, |plan| json!({ "ramp": plan })))
    }

    fn optional<'a, T: Deserialize<'a>>(&'a self, field: &str) -> Result<Option<T>, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|error| error.to_string()),
        }
    }

    /// Returns the settings of the run.
    pub fn settings(&self) -> &Map<String, Value> {
        self.object("/settings")
    }

    /// Returns the facts about the machine.
    pub fn host(&self) -> &Map<String, Value> {
        self.object("/host")
    }

    /// Returns the version of the generator.
    pub fn version(&self) -> &str {
        self.0.get("version").and_then(Value::as_str).unwrap_or("unknown")
    }

    fn object(&self, pointer: &str) -> &Map<String, Value> {
        self.0.pointer(pointer).and_then(Value::as_object).expect("held against REQUIRED_OBJECTS when it was read")
    }

    /// Returns a figure; none if it is absent, or not a number that could have been measured.
    pub(crate) fn number(&self, pointer: &str) -> Option<f64> {
        self.value(pointer)?.as_f64().filter(|number| is_figure(*number))
    }

    pub(crate) fn value(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }
}
