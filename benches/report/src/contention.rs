//! Times of calls under contention, as criterion leaves them, and a page of their curves.

use serde_json::Value;

/// What one call took, with so many tasks that call at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The synchronisation of the calls.
    pub policy: String,
    /// Over how many executors the tasks were spread.
    pub executors: String,
    /// The call: `short` or `long`.
    pub call: String,
    /// The number of tasks that called.
    pub tasks: u32,
    /// The median, in microseconds.
    pub median_us: f64,
}

impl Timing {
    /// From a benchmark's `benchmark.json` and `estimates.json`, if it is one of calls: named
    /// `policy/executors/call`, with the number of tasks as its parameter.
    pub fn read(benchmark: &Value, estimates: &Value) -> Option<Self> {
        let mut parts = benchmark.get("group_id")?.as_str()?.split('/').map(str::to_owned);
        let (policy, executors, call) = (parts.next()?, parts.next()?, parts.next()?);
        let tasks = benchmark.get("value_str")?.as_str()?.parse().ok()?;
        let nanoseconds = estimates.pointer("/median/point_estimate")?.as_f64()?;
        let is_named_so = parts.next().is_none() && nanoseconds > 0.0;
        is_named_so.then(|| Self { policy, executors, call, tasks, median_us: nanoseconds / 1000.0 })
    }
}
