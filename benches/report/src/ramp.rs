//! Rates tried one after the other, each higher than the one before, until the server no longer keeps up.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Run;
use crate::outside::figure;

/// The least fraction of the offered rate that a step must have achieved. The load generator uses the same.
const ACHIEVED: f64 = 0.99;

/// The `ramp` of a report: `{"steps": [{"rate": 1000, "p99": 480.0, "kept": true}, …], "knee": 4000}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Ramp {
    /// The steps in the order in which they were tried.
    pub steps: Vec<RampStep>,
    /// The last sustained rate, if there was one.
    pub knee: Option<f64>,
}

/// One rate, and the latency at it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct RampStep {
    /// The requested messages a second.
    #[serde(deserialize_with = "figure")]
    pub rate: f64,
    /// The latency in microseconds that 99 % of the deliveries did not exceed.
    #[serde(deserialize_with = "figure")]
    pub p99: f64,
    /// True if the server sustained the rate.
    #[serde(default = "kept")]
    pub kept: bool,
}

fn kept() -> bool {
    true
}

/// Converts a ramp in the form of `corecast-bench run` (`{"ramp": …, "steps": [REPORT, …], "knee": 4000}`) to the
/// report of one run: that of the knee, with the ramp in it. If no step held, it is that of the first step, as invalid.
/// Anything else is returned as it is.
pub(crate) fn at_knee(report: Value) -> Value {
    let (Some(plan), Some(steps)) = (report.get("ramp"), report.get("steps").and_then(Value::as_array)) else {
        return report;
    };
    let knee = report.get("knee").and_then(Value::as_f64);
    let bound = plan.get("p99_bound_us").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
    let ramp_steps: Vec<_> = steps.iter().filter_map(|step| ramp_step(step, bound)).collect();
    let is_knee = |step: &&Value| knee.is_some() && rate(step) == knee;
    let step = steps.iter().find(is_knee).or(steps.first());
    let Some(Value::Object(mut run)) = step.cloned() else { return report };
    if let (None, Some(Value::Object(validity))) = (knee, run.get_mut("validity")) {
        validity.insert("valid".to_owned(), json!(false));
        if let Some(Value::Array(reasons)) = validity.get_mut("reasons") {
            reasons.push(json!("no rate was kept up; figures of the first"));
        }
    }
    run.insert("ramp".to_owned(), json!({ "plan": plan, "steps": ramp_steps, "knee": knee }));
    Value::Object(run)
}

/// Returns the requested rate. The rate offered in a short window may differ from it by a message.
fn rate(step: &Value) -> Option<f64> {
    step.pointer("/settings/load/paced/rate").and_then(Value::as_f64)
}

fn ramp_step(step: &Value, p99_bound_us: f64) -> Option<Value> {
    let (rate, p99) = (rate(step)?, step.pointer("/latency_us/p99")?);
    let messages = |name| step.get("messages")?.get(name)?.as_f64();
    let achieved = messages("achieved").zip(messages("offered"));
    let kept = Run::try_from(step.clone()).is_ok_and(|run| run.usable())
        && achieved.is_none_or(|(achieved, offered)| achieved >= offered * ACHIEVED)
        && p99.as_f64().is_some_and(|p99| p99 <= p99_bound_us);
    Some(json!({ "rate": rate, "p99": p99, "kept": kept }))
}
