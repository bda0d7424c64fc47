//! A load in the form of a result file.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outside;
use corecast_command::figures::{counted, time};

/// The schedule of messages: `{"paced": {"rate": 100}}`, `{"saturate": {"in_flight": 256}}`, `{"ramp": PLAN}` for rates
/// that rise until the contestant no longer keeps up, or a form of a later load generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Load(#[serde(deserialize_with = "outside::value")] pub(crate) Value);

impl Load {
    /// Returns true if the load is an open loop, which is the same work for every contestant.
    pub fn is_paced(&self) -> bool {
        self.0.get("paced").is_some()
    }

    /// Returns the messages offered a second by an open loop; none if that is not a figure.
    pub fn rate(&self) -> Option<f64> {
        self.0.pointer("/paced/rate").and_then(Value::as_f64).filter(|rate| outside::is_figure(*rate))
    }

    /// Returns true if the load is a closed loop, which is as much work as the contestant manages.
    pub fn is_saturating(&self) -> bool {
        self.0.get("saturate").is_some()
    }

    /// Returns true if the rates rise to the contestant's own knee.
    pub fn is_ramp(&self) -> bool {
        self.0.get("ramp").is_some()
    }
}

/// Formats a count: `1 message`, `2 messages`. A value that is not a number is shown as it is.
fn messages(count: &Value) -> String {
    count.as_u64().map_or_else(|| format!("{count} messages"), |count| counted(count, "message"))
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rate) = self.0.pointer("/paced/rate") {
            return write!(formatter, "paced, {} a second", messages(rate));
        }
        if let Some(in_flight) = self.0.pointer("/saturate/in_flight") {
            return write!(formatter, "saturate, {} in flight", messages(in_flight));
        }
        if let Some(plan) = self.0.get("ramp") {
            let number = |name| plan.get(name).and_then(Value::as_f64);
            formatter.write_str("ramp")?;
            if let (Some(first), Some(factor), Some(bound)) =
                (number("first_rate"), number("factor"), number("p99_bound_us"))
            {
                write!(formatter, " from {first} messages a second, × {factor} a step, p99 up to {}", time(bound))?;
            }
            return Ok(());
        }
        match &self.0 {
            Value::String(name) => formatter.write_str(name),
            other => write!(formatter, "{}", other.to_string().replace(['{', '}', '"'], "").replace(':', " ")),
        }
    }
}
