//! Times of calls under contention, as measured by criterion, and a page of their curves.

use serde_json::Value;

/// The time of one call while this number of tasks call at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The synchronisation of the calls.
    pub policy: String,
    /// The number of executors over which the tasks were spread.
    pub executors: String,
    /// The kind of call: `short` or `long`.
    pub call: String,
    /// The number of tasks that called.
    pub tasks: u32,
    /// The median time in microseconds.
    pub median_us: f64,
}

impl Timing {
    /// Reads a benchmark's `benchmark.json` and `estimates.json`, if it is one of calls: named `policy/executors/call`,
    /// with the number of tasks as its parameter.
    pub fn read(benchmark: &Value, estimates: &Value) -> Option<Self> {
        let mut parts = benchmark.get("group_id")?.as_str()?.split('/').map(str::to_owned);
        let (policy, executors, call) = (parts.next()?, parts.next()?, parts.next()?);
        let tasks = benchmark.get("value_str")?.as_str()?.parse().ok()?;
        let nanoseconds = estimates.pointer("/median/point_estimate")?.as_f64()?;
        let is_named_so = parts.next().is_none() && nanoseconds > 0.0;
        is_named_so.then(|| Self { policy, executors, call, tasks, median_us: nanoseconds / 1000.0 })
    }
}
