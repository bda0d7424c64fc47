//! The effects of a shard: the actions that it has its driver take.

use corecast_fanout::{Backlog, ConnectionId};
use corecast_session::End;
use std::collections::VecDeque;

/// One action for the driver. `E` is the driver's end of a connection.
#[derive(Clone, Debug)]
pub enum ShardEffect<E> {
    /// Ask the connection for its next [`Step`](crate::Step), whatever it is waiting for.
    Wake(ConnectionId),
    /// Wait until the transport is writable again, or is known never to be; then call
    /// [`Shard::writable`](crate::Shard::writable) once, even if the connection was closed in the meantime.
    WaitWritable(ConnectionId),
    /// Make the close drop everything that the peer has not taken, in the kernel too.
    ResetOnClose(ConnectionId),
    /// Shut both directions of the transport, which wakes every task that waits for it.
    BreakOff(ConnectionId),
    /// A connection has left. The shard closes it at the end of the tick.
    Disconnected(Disconnect),
    /// Close the transport on the shard's own thread, once nothing else uses it.
    Close(E),
}

/// The end of a connection.
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// The connection.
    pub id: ConnectionId,
    /// The reason.
    pub end: End,
    /// The backlog of the connection when it ended.
    pub backlog: Backlog,
}

/// The effects that the driver has not taken yet, and the request for a tick.
#[derive(Debug)]
pub(crate) struct Effects<E> {
    queue: VecDeque<ShardEffect<E>>,
    /// True if a tick has something to do.
    wants_tick: bool,
}

impl<E> Default for Effects<E> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), wants_tick: false }
    }
}

impl<E> Effects<E> {
    /// Adds an effect after all others.
    pub(crate) fn push(&mut self, effect: ShardEffect<E>) {
        self.queue.push_back(effect);
    }

    /// Has the driver ask a connection for its next step.
    pub(crate) fn wake(&mut self, id: ConnectionId) {
        self.push(ShardEffect::Wake(id));
    }

    /// Takes the oldest effect.
    pub(crate) fn take(&mut self) -> Option<ShardEffect<E>> {
        self.queue.pop_front()
    }

    /// Asks for a tick.
    pub(crate) fn request_tick(&mut self) {
        self.wants_tick = true;
    }

    /// Returns true if a tick was requested, and clears the request.
    pub(crate) fn take_tick_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_tick)
    }
}
