//! The protocols of the measured servers.

mod cursor;
pub(crate) mod dialect;
mod native;
mod nats;
mod plain;
mod redis;
mod shape;

pub(crate) use native::Native;
pub(crate) use nats::Nats;
pub(crate) use plain::Plain;
pub(crate) use redis::Redis;
pub(crate) use shape::Shape;

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A length and a payload; every frame goes to every connection, including publishers.
    Plain,
    /// Corecast's own protocol.
    Native,
    /// Redis publish and subscribe, in RESP2.
    Redis,
    /// Core NATS.
    Nats,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Native, Self::Redis, Self::Nats];

    /// Returns the name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Native => "native",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown = || Error::setting("--protocol", format!("{name}: plain, native, redis or nats is possible"));
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(unknown)
    }
}
