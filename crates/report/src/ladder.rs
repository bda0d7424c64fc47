//! Rates climbed one after the other, until the server no longer keeps up.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Run;
use crate::outside::figure;

/// The least part of what was offered that a step must have achieved; the load generator judges by the same.
const ACHIEVED: f64 = 0.99;

/// A report's `ladder`: `{"rungs": [{"rate": 1000, "p99": 480.0, "kept": true}, …], "knee": 4000}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Ladder {
    /// In the order in which they were climbed.
    pub rungs: Vec<Rung>,
    /// The last rate that was kept up, if there was one.
    pub knee: Option<f64>,
}

/// One rate, and what it did to latency.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Rung {
    /// Messages a second that were asked for.
    #[serde(deserialize_with = "figure")]
    pub rate: f64,
    /// 99 % of the deliveries took at most this long, in microseconds.
    #[serde(deserialize_with = "figure")]
    pub p99: f64,
    /// Whether the server kept up with it.
    #[serde(default = "kept")]
    pub kept: bool,
}

fn kept() -> bool {
    true
}

/// A climb as `corecast bench` reports it (`{"climb": …, "steps": [REPORT, …], "knee": 4000}`) as the report of one
/// run: that of the knee, with the ladder in it; if no step held, that of the first, as invalid. Anything else is
/// returned as it is.
pub(crate) fn climbed(report: Value) -> Value {
    let (Some(climb), Some(steps)) = (report.get("climb"), report.get("steps").and_then(Value::as_array)) else {
        return report;
    };
    let knee = report.get("knee").and_then(Value::as_f64);
    let bound = climb.get("p99_bound_us").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    let rungs: Vec<_> = steps.iter().filter_map(|step| rung(step, bound)).collect();
    let is_knee = |step: &&Value| knee.is_some() && rate(step) == knee;
    let step = steps.iter().find(is_knee).or(steps.first());
    let Some(Value::Object(mut run)) = step.cloned() else { return report };
    if let (None, Some(Value::Object(validity))) = (knee, run.get_mut("validity")) {
        validity.insert("valid".to_owned(), json!(false));
        if let Some(Value::Array(reasons)) = validity.get_mut("reasons") {
            reasons.push(json!("no rate was kept up; figures of the first"));
        }
    }
    run.insert("ladder".to_owned(), json!({ "climb": climb, "rungs": rungs, "knee": knee }));
    Value::Object(run)
}

/// What was asked for: what a short window offered may differ from it by a message.
fn rate(step: &Value) -> Option<f64> {
    step.pointer("/settings/load/paced/rate").and_then(Value::as_f64)
}

fn rung(step: &Value, p99_bound_us: f64) -> Option<Value> {
    let (rate, p99) = (rate(step)?, step.pointer("/latency_us/p99")?);
    let messages = |name| step.get("messages")?.get(name)?.as_f64();
    let achieved = messages("achieved").zip(messages("offered"));
    let kept = Run::try_from(step.clone()).is_ok_and(|run| run.usable())
        && achieved.is_none_or(|(achieved, offered)| achieved >= offered * ACHIEVED)
        && p99.as_f64().is_some_and(|p99| p99 <= p99_bound_us);
    Some(json!({ "rate": rate, "p99": p99, "kept": kept }))
}
