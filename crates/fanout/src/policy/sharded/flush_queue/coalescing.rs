//! The connections that are sent to at the end of a round.

use crate::ConnectionId;
use std::collections::VecDeque;

/// The connections that are sent to once every channel of this round has been visited.
#[derive(Debug, Default)]
pub(crate) struct Coalescing {
    connections: VecDeque<ConnectionId>,
    /// The channel logs that are trimmed then.
    pub(crate) channel_logs: Vec<u32>,
    /// The subscriptions of the batch under way, connection by connection.
    pub(crate) keys: Vec<u32>,
    /// The bytes of that batch that were copied together.
    pub(crate) bytes: Vec<u8>,
}

impl Coalescing {
    /// Returns true if no connection is noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Notes a connection that is not noted yet.
    pub(crate) fn note(&mut self, id: ConnectionId) {
        self.connections.push_back(id);
    }

    /// Takes the connection that was noted first.
    pub(crate) fn take(&mut self) -> Option<ConnectionId> {
        self.connections.pop_front()
    }

    /// Begins a batch.
    pub(crate) fn begin_batch(&mut self) {
        self.keys.clear();
        self.bytes.clear();
    }
}
