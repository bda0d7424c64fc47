//! Rates climbed one after the other, until the server no longer keeps up.

use serde::Deserialize;
use serde_json::{Value, json};

/// What is offered in a short step may differ from its rate by a message.
const TOLERANCE: f64 = 1.01;

/// A report's `ladder`: `{"rungs": [{"rate": 1000, "p99": 480.0, "kept": true}, …], "knee": 4000}`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Ladder {
    /// In the order in which they were climbed.
    pub rungs: Vec<Rung>,
    /// The greatest rate that was kept up, if there was one.
    pub knee: Option<f64>,
}

/// One rate, and what it did to latency.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Rung {
    /// Messages a second that were offered.
    pub rate: f64,
    /// 99 % of the deliveries took at most this long, in microseconds.
    pub p99: f64,
    /// Whether the server kept up with it.
    #[serde(default = "kept")]
    pub kept: bool,
}

fn kept() -> bool {
    true
}

/// A climb as `corecast bench` reports it (`{"climb": …, "steps": [REPORT, …], "knee": 4000}`) as the report of one
/// run: that of the knee, or of the first step if none held, with the ladder in it. Anything else is returned as it is.
pub(crate) fn climbed(report: Value) -> Value {
    let Some(steps) = report.get("steps").and_then(Value::as_array).filter(|_| report.get("climb").is_some()) else {
        return report;
    };
    let knee = report.get("knee").and_then(Value::as_f64);
    let rate = |step: &Value| step.pointer("/messages/offered_per_second").and_then(Value::as_f64);
    let rungs: Vec<_> = steps
        .iter()
        .filter_map(|step| {
            let rate = rate(step)?;
            let p99 = step.pointer("/latency_us/p99")?;
            Some(json!({ "rate": rate, "p99": p99, "kept": knee.is_some_and(|knee| rate <= knee * TOLERANCE) }))
        })
        .collect();
    let last =
        steps.iter().rfind(|step| knee.is_some_and(|knee| rate(step).is_some_and(|rate| rate <= knee * TOLERANCE)));
    let Some(Value::Object(mut run)) = last.or(steps.first()).cloned() else { return report };
    run.insert("ladder".to_owned(), json!({ "rungs": rungs, "knee": knee }));
    Value::Object(run)
}
