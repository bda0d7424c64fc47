//! The effects of a shard: what it has its driver do.

use corecast_fanout::{Backlog, ConnectionId};
use corecast_session::End;
use std::collections::VecDeque;

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
    /// Shut both directions of the transport, which wakes every task that waits for it.
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

/// The effects that the driver has not taken, and its next tick.
#[derive(Debug)]
pub(crate) struct Effects<E> {
    queue: VecDeque<ShardEffect<E>>,
    /// There is something for a tick to do.
    wants_tick: bool,
}

impl<E> Default for Effects<E> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), wants_tick: false }
    }
}

impl<E> Effects<E> {
    /// Adds an effect, behind all others.
    pub(crate) fn push(&mut self, effect: ShardEffect<E>) {
        self.queue.push_back(effect);
    }

    /// Has a connection asked for its next step.
    pub(crate) fn wake(&mut self, id: ConnectionId) {
        self.push(ShardEffect::Wake(id));
    }

    /// Takes the effect that was added first.
    pub(crate) fn take(&mut self) -> Option<ShardEffect<E>> {
        self.queue.pop_front()
    }

    /// Asks for a tick.
    pub(crate) fn request_tick(&mut self) {
        self.wants_tick = true;
    }

    /// Returns true if a tick was asked for, and forgets it.
    pub(crate) fn take_tick_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_tick)
    }
}
