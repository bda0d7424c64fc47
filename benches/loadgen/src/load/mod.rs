//! The loads: schedules by which messages are sent.

pub(crate) mod curve;
pub(crate) mod disturbance;
pub(crate) mod in_flight_window;
pub(crate) mod pace;
pub(crate) mod popularity;
pub(crate) mod ramp;
pub(crate) mod scenario;
pub(crate) mod settings;

use crate::Error;
use corecast_command::counted;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The schedule by which messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// An open loop: messages on a fixed schedule, whatever the server does.
    Paced {
        /// The messages a second of all publishers together.
        rate: u64,
    },
    /// A closed loop: a fixed number of messages is always in flight.
    Saturate {
        /// The messages in flight of all publishers together. If it is not a multiple of their number, some have one
        /// more than others.
        in_flight: usize,
    },
}

impl Load {
    /// The greatest rate, in messages a second: one a microsecond.
    pub const MAX_RATE: u64 = 1_000_000;
    /// The most messages in flight.
    pub const MAX_IN_FLIGHT: usize = 1_000_000;

    pub(crate) fn check(self, publishers: usize) -> Result<(), Error> {
        match self {
            Self::Paced { rate } if !(1..=Self::MAX_RATE).contains(&rate) => {
                Err(Error::setting("--rate", format!("1 to {} messages a second are possible", Self::MAX_RATE)))
            }
            Self::Saturate { in_flight } if !(publishers..=Self::MAX_IN_FLIGHT).contains(&in_flight) => {
                let range = format!("{publishers} (one a publisher) to {} are possible", Self::MAX_IN_FLIGHT);
                Err(Error::setting("--closed-loop", range))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paced { rate } => write!(formatter, "paced, {} a second", counted(*rate, "message")),
            Self::Saturate { in_flight } => {
                write!(formatter, "saturate, {} in flight", counted(*in_flight as u64, "message"))
            }
        }
    }
}
