//! The identity of a connection.

use std::fmt;
use std::str::FromStr;

/// The number of a shard, from 0.
pub type ShardId = u16;

/// Names one connection of one process for ever. A slot is reused, an identity never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The shard that owns the connection for life.
    pub shard: ShardId,
    /// The slot in that shard's table.
    pub slot: u32,
    /// The number that distinguishes the connections that have had the slot.
    pub generation: u32,
}

impl fmt::Display for ConnectionId {
    /// Writes `shard/slot.generation`, the form that logs use.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}.{}", self.shard, self.slot, self.generation)
    }
}

/// The error for text that does not name a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection is SHARD/SLOT.GENERATION, such as 0/12.3")]
pub struct ParseConnectionIdError;

impl FromStr for ConnectionId {
    type Err = ParseConnectionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (shard, rest) = text.split_once('/').ok_or(ParseConnectionIdError)?;
        let (slot, generation) = rest.split_once('.').ok_or(ParseConnectionIdError)?;
        Ok(Self { shard: number(shard)?, slot: number(slot)?, generation: number(generation)? })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, ParseConnectionIdError> {
    text.parse().map_err(|_| ParseConnectionIdError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_read_from_what_it_is_shown_as() {
        let id = ConnectionId { shard: 1, slot: 70_000, generation: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "1", "1/2", "1/2.", "/2.3", "70000/1.1", "1/-2.3", "1/2.3.4", "a/b.c"] {
            assert_eq!(text.parse::<ConnectionId>(), Err(ParseConnectionIdError), "{text}");
        }
    }
}
