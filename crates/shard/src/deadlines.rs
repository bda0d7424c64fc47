//! The deadlines of a shard's connections: those of connections that end, and the order in which sweeps check the others.
//!
//! A sweep checks a part of the slots, and ten sweeps check all of them.

use corecast_fanout::ConnectionId;
use std::ops::Range;
use std::time::Duration;

/// The number of sweeps in which every connection is checked once.
pub const SWEEPS_FOR_ALL: u32 = 10;

/// The least number of slots that a sweep checks.
const LEAST_CHECKED: usize = 256;

/// The deadlines of a shard's connections.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// Connections whose end has a deadline, with the deadline by the shard's clock.
    ending: Vec<(Duration, ConnectionId)>,
    /// The slot with which the next sweep begins.
    next_slot: usize,
}

impl Deadlines {
    /// Sets the time of the shard's clock by which a connection must have ended.
    pub(crate) fn end_by(&mut self, deadline: Duration, id: ConnectionId) {
        self.ending.push((deadline, id));
    }

    /// Takes the connections that should have ended by now.
    pub(crate) fn take_expired(&mut self, now: Duration) -> Vec<ConnectionId> {
        self.ending.extract_if(.., |(deadline, _)| *deadline <= now).map(|(_, id)| id).collect()
    }

    /// Returns the slots that this sweep checks, out of `slots`.
    pub(crate) fn next_slots(&mut self, slots: usize) -> Range<usize> {
        let from = if self.next_slot < slots { self.next_slot } else { 0 };
        let to = slots.min(from + slots.div_ceil(SWEEPS_FOR_ALL as usize).max(LEAST_CHECKED));
        self.next_slot = to;
        from..to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_sweeps_look_at_every_slot_once() {
        let slots = 10_000;
        let mut deadlines = Deadlines::default();
        let mut looked_at = vec![0; slots];
        for _ in 0..SWEEPS_FOR_ALL {
            deadlines.next_slots(slots).for_each(|slot| looked_at[slot] += 1);
        }
        assert!(looked_at.iter().all(|times| *times == 1));
        assert_eq!(deadlines.next_slots(slots), 0..1000, "from the first again");
    }

    #[test]
    fn a_sweep_looks_at_all_of_a_few_slots() {
        let mut deadlines = Deadlines::default();
        for _ in 0..2 {
            assert_eq!(deadlines.next_slots(LEAST_CHECKED), 0..LEAST_CHECKED);
        }
        assert_eq!(deadlines.next_slots(LEAST_CHECKED + 1), LEAST_CHECKED..LEAST_CHECKED + 1, "one has come");
        assert_eq!(deadlines.next_slots(LEAST_CHECKED + 1), 0..LEAST_CHECKED);
        assert_eq!(deadlines.next_slots(0), 0..0, "all have gone");
    }

    #[test]
    fn a_connection_expires_once_at_its_deadline() {
        let id = |slot| ConnectionId { shard: 0, slot, generation: 0 };
        let second = Duration::from_secs(1);
        let mut deadlines = Deadlines::default();
        deadlines.end_by(2 * second, id(2));
        deadlines.end_by(second, id(1));
        assert_eq!(deadlines.take_expired(second / 2), []);
        assert_eq!(deadlines.take_expired(second), [id(1)]);
        assert_eq!(deadlines.take_expired(3 * second), [id(2)]);
        assert_eq!(deadlines.take_expired(3 * second), []);
    }
}
