//! What a shard has its driver do.

use corecast_fanout::{Backlog, ConnectionId};
use corecast_session::End;

/// One thing for the driver to do. `E` is the driver's end of a connection.
#[derive(Clone, Debug)]
pub enum ShardEffect<E> {
    /// Ask the connection for its next [`Step`](crate::Step), whatever it waits for.
    Wake(ConnectionId),
    /// Wait until the transport takes bytes again, or never will; then call [`Shard::writable`](crate::Shard::writable),
    /// once, even if the connection has been closed meanwhile.
    WaitWritable(ConnectionId),
    /// Have the close drop what the peer has not taken, in the kernel too.
    ResetOnClose(ConnectionId),
    /// Shut both directions of the transport: whoever waits for it is woken.
    BreakOff(ConnectionId),
    /// A connection has left. It is closed at the end of the tick.
    Disconnected(Disconnect),
    /// Close the transport, on the shard's own thread, once nobody else uses it.
    Close(E),
}

/// The end of a connection.
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// The connection.
    pub id: ConnectionId,
    /// The reason.
    pub end: End,
    /// The backlog when it was ended.
    pub backlog: Backlog,
}
