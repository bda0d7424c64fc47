//! The identity of a connection.

use std::fmt;

/// The number of a shard, from 0.
pub type ShardId = u16;

/// Names one connection of one process, for ever: a slot is used again, an identity never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The shard that owns the connection for life.
    pub shard: ShardId,
    /// The place in that shard's table.
    pub slot: u32,
    /// Which of the connections that had the slot.
    pub generation: u32,
}

impl fmt::Display for ConnectionId {
    /// `shard/slot.generation`, as logs have it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}.{}", self.shard, self.slot, self.generation)
    }
}
