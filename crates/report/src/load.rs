//! A load as a result file writes it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When messages were sent: `{"paced": {"rate": 100}}`, `{"saturate": {"in_flight": 256}}`, or a form that a
/// later load generator writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Load(pub(crate) Value);

impl Load {
    /// Whether it is an open loop: the same work for every contestant.
    pub fn is_paced(&self) -> bool {
        self.0.get("paced").is_some()
    }

    /// Whether it is a closed loop: as much work as the contestant manages.
    pub fn is_saturating(&self) -> bool {
        self.0.get("saturate").is_some()
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rate) = self.0.pointer("/paced/rate") {
            return write!(formatter, "paced, {rate} messages a second");
        }
        if let Some(in_flight) = self.0.pointer("/saturate/in_flight") {
            return write!(formatter, "saturate, {in_flight} messages in flight");
        }
        match &self.0 {
            Value::String(name) => formatter.write_str(name),
            other => write!(formatter, "{}", other.to_string().replace(['{', '}', '"'], "").replace(':', " ")),
        }
    }
}
