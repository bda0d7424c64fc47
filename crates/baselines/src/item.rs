//! The items that the shards of a baseline send each other.

use crate::Delivery;
use corecast_fanout::ConnectionId;

/// An item that a shard of a baseline sends another.
#[derive(Clone, Debug)]
pub enum Item {
    /// Messages for connections of the receiver, which writes to them ([`Handoff::Owner`](crate::Handoff::Owner)).
    Delivery(Delivery),
    /// A connection of the receiver had this event while the sender wrote to it.
    Notice(ConnectionId, Notice),
    /// The receiver must answer `Passed` with this number, after everything that it accepted before.
    Barrier(u64),
    /// The answer: everything that the sender had accepted when it was asked has been brought to its subscribers, or
    /// posted.
    Passed(u64),
}

/// An event of a connection that another shard found while it wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The connection is full: wait until it is writable.
    Full,
    /// The connection fell behind by more than the bound.
    Lagged,
    /// The peer is gone.
    Gone,
}
