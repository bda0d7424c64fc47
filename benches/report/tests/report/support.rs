//! Reports in the form of the load generator, with made-up figures.

use corecast_report::{Entry, Load, Results, Run};
use serde_json::{Value, json};

/// Returns a report whose latency percentiles follow from `p50`, under a paced load.
pub(crate) fn report(p50: f64) -> Value {
    json!({
        "version": "0.1.0",
        "host": { "kernel": "6.1.0", "cpu": "Test CPU", "cpus": 4 },
        "settings": {
            "address": "127.0.0.1:7070", "protocol": "native", "subscribers": 1000, "publishers": 8, "channels": 1,
            "payload_bytes": 64, "load": { "paced": { "rate": 100 } }, "duration_seconds": 3.0, "server_pid": 7, "cpus": [1],
        },
        "deliveries": { "measured_per_second": 100_000.0 },
        "latency_us": {
            "count": 300_000, "p50": p50, "p90": p50 * 1.5, "p99": p50 * 2.0, "p999": p50 * 3.0, "p9999": p50 * 4.0,
            "max": p50 * 5.0,
        },
        "checks": { "lost": 0, "altered": 0, "foreign": 3 },
        "server": { "cpu_us_per_delivery": p50 / 1000.0 },
        "validity": { "valid": true, "reasons": [], "notes": [] },
    })
}

/// Sets one field of a report, by its JSON pointer.
pub(crate) fn with(mut report: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').expect("a JSON pointer");
    report.pointer_mut(parent).expect("the parent is there")[field] = value;
    report
}

pub(crate) fn run(report: Value) -> Run {
    Run::try_from(report).expect("the report of a run")
}

pub(crate) fn paced() -> Load {
    serde_json::from_value(json!({ "paced": { "rate": 100 } })).expect("a load")
}

/// Returns a contestant under the paced load, with one report for each round.
pub(crate) fn entry(name: &str, reports: Vec<Value>) -> Entry {
    Entry { runs: reports.into_iter().map(run).collect(), ..Entry::new(name, paced()) }
}

/// Returns a contestant whose rounds had these medians of latency.
pub(crate) fn rounds(name: &str, p50s: &[f64]) -> Entry {
    entry(name, p50s.iter().map(|p50| report(*p50)).collect())
}

/// Returns results in which the last contestant is the reference.
pub(crate) fn results(entries: Vec<Entry>) -> Results {
    let reference = entries.last().expect("a contestant").name.clone();
    Results { reference, entries }
}
