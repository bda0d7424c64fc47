//! What one shard of a baseline tells another.

use crate::Delivery;
use corecast_fanout::ConnectionId;

/// One thing that a shard of a baseline tells another.
#[derive(Clone, Debug)]
pub enum Item {
    /// Messages for connections of the receiver, which writes to them ([`Handoff::Owner`](crate::Handoff::Owner)).
    Delivery(Delivery),
    /// Something befell a connection of the receiver while the sender wrote to it.
    Notice(ConnectionId, Notice),
    /// To be answered with `Passed` and this number behind everything that was accepted before.
    Barrier(u64),
    /// The answer: all that the sender had accepted when it was asked has been brought to its subscribers, or posted.
    Passed(u64),
}

/// What befell a connection while another shard wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is full: wait until it is writable.
    Full,
    /// It fell behind by more than the bound.
    Lagged,
    /// Its peer is gone.
    Gone,
}
