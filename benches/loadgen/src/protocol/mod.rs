//! The protocol that a server speaks.

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

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Length and payload; every frame goes to every connection, publishers included.
    Plain,
    /// Corecast's own.
    Native,
    /// Publish and subscribe of Redis, in RESP2.
    Redis,
    /// Core NATS.
    Nats,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Native, Self::Redis, Self::Nats];

    /// The name on the command line and in reports.
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
