//! The waiting connections: some wait for the other shards or the flush, others for their transports.
//!
//! Invariants: the first flush that leaves the shard neither saturated nor congested wakes every paused connection. A full
//! transport is waited for once. It is counted until the driver reports it writable, even if its connection is closed in
//! the meantime.

use corecast_fanout::ConnectionId;
use std::collections::VecDeque;

/// The waiting connections of a shard.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Connections that are not read, or whose end is delayed, until the other shards and the flush have caught up.
    paused: Vec<ConnectionId>,
    /// Connections whose transports became full in this flush.
    full: VecDeque<ConnectionId>,
    /// Full transports that the driver waits for.
    blocked: usize,
}

impl Waits {
    /// Notes a connection to wake once the other shards and the flush have caught up.
    pub(crate) fn pause(&mut self, id: ConnectionId) {
        self.paused.push(id);
    }

    /// Takes the paused connections, to wake them.
    pub(crate) fn take_paused(&mut self) -> impl Iterator<Item = ConnectionId> {
        self.paused.drain(..)
    }

    /// Notes a connection whose transport has become full.
    pub(crate) fn note_full(&mut self, id: ConnectionId) {
        self.full.push_back(id);
    }

    /// Takes the next connection whose transport has become full.
    pub(crate) fn take_full(&mut self) -> Option<ConnectionId> {
        self.full.pop_front()
    }

    /// Notes that the driver begins to wait for a transport.
    pub(crate) fn block(&mut self) {
        self.blocked += 1;
    }

    /// Notes that the driver has finished waiting for a transport.
    ///
    /// # Panics
    /// If the driver was not asked to wait.
    pub(crate) fn unblock(&mut self) {
        self.blocked = self.blocked.checked_sub(1).expect("a transport is waited for before it is writable");
    }

    /// Returns the number of transports that the driver waits for.
    pub(crate) fn blocked(&self) -> usize {
        self.blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ConnectionId {
        ConnectionId { shard: 0, slot, generation: 0 }
    }

    #[test]
    fn paused_connections_are_taken_once_in_their_order() {
        let mut waits = Waits::default();
        for slot in [3, 1] {
            waits.pause(id(slot));
        }
        assert_eq!(waits.take_paused().collect::<Vec<_>>(), [id(3), id(1)]);
        assert_eq!(waits.take_paused().count(), 0);
    }

    #[test]
    fn a_transport_counts_until_it_was_waited_for() {
        let mut waits = Waits::default();
        for slot in 0..2 {
            waits.note_full(id(slot));
        }
        while waits.take_full().is_some() {
            waits.block();
        }
        assert_eq!(waits.blocked(), 2);
        waits.unblock();
        assert_eq!(waits.blocked(), 1);
    }
}
