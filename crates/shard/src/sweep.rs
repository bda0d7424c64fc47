//! The sweep: what connections had to do in time, and have not.

use crate::activity::Due;
use crate::connections::{Endpoint, HangUp};
use crate::shard::Shard;
use corecast_fanout::{ConnectionId, Policy};
use corecast_session::End;
use corecast_wire::Code;
use std::time::Duration;

/// Sweeps in which every connection is looked at once.
pub const SWEEPS_FOR_ALL: u32 = 10;

/// Connections whose deadlines every sweep looks at, at least.
const LEAST_CHECKED: usize = 256;

/// The deadlines of a shard's connections.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// Connections whose end has a deadline, by the shard's clock.
    ending: Vec<(Duration, ConnectionId)>,
    /// The slot from which the next sweep looks at connections.
    next_slot: usize,
}

impl Deadlines {
    /// Notes that the end of a connection may take until this time of the shard's.
    pub(crate) fn end_by(&mut self, deadline: Duration, id: ConnectionId) {
        self.ending.push((deadline, id));
    }

    fn take_expired(&mut self, now: Duration) -> Vec<ConnectionId> {
        self.ending.extract_if(.., |(deadline, _)| *deadline <= now).map(|(_, id)| id).collect()
    }

    /// The slots to look at now, of so many.
    fn next(&mut self, slots: usize) -> std::ops::Range<usize> {
        let from = if self.next_slot < slots { self.next_slot } else { 0 };
        let to = slots.min(from + slots.div_ceil(SWEEPS_FOR_ALL as usize).max(LEAST_CHECKED));
        self.next_slot = to;
        from..to
    }
}

impl<P: Policy<E::Outlet>, E: Endpoint> Shard<P, E> {
    /// Advances the shard's clock to the driver's time; call it before every sweep. Returns for how long the shard stood still
    /// before, if it did: then the driver first lets it read what peers have said meanwhile.
    pub fn advance_clock(&mut self, at: Duration) -> Option<Duration> {
        self.clock.advance(at)
    }

    /// The time that the shard has run, as of the last sweep.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// How often the shard stood still for so long that its deadlines do not count it.
    pub fn standstills(&self) -> u64 {
        self.clock.standstills()
    }

    /// Does what is due for some of the connections, and ends those whose time to end is over.
    pub fn sweep(&mut self) {
        for slot in self.deadlines.next(self.connections.slots()) {
            let Some((id, due)) = self.due(slot) else { continue };
            match due {
                Due::Ping => self.ping(id),
                Due::End(end) => drop(self.end(id, end)),
                Due::Reset(end) => drop(self.reset(id, end)),
            }
        }
        for id in self.deadlines.take_expired(self.clock.now()) {
            self.expire(id);
        }
        self.wants_tick = true;
    }

    fn due(&mut self, slot: usize) -> Option<(ConnectionId, Due)> {
        let (now, limits) = (self.clock.now(), &self.limits);
        let connection = self.connections.at_mut(slot)?;
        let state = connection.lifecycle.state();
        let is_unread = connection.lifecycle.is_serving() && connection.activity.is_unread();
        // A peer that has only ended its sending half may still wait for what it sent to take effect. It is sent a PING, to
        // which the host of a peer that has gone answers with a reset. What a full transport has not taken does the same.
        let hang_up = match is_unread.then(|| connection.endpoint.hang_up()).flatten() {
            Some(HangUp::Broken) => Some(Due::Reset(End::new(Code::Reset, "the connection is broken"))),
            Some(HangUp::Ended) if !connection.full && connection.activity.must_probe(state, now) => Some(Due::Ping),
            Some(HangUp::Ended) | None => None,
        };
        let held = || connection.endpoint.unacknowledged();
        let due = hang_up.or_else(|| connection.activity.due(state, now, limits, held))?;
        Some((connection.id, due))
    }

    fn ping(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        let mut frame = Vec::new();
        connection.activity.ping(&mut frame);
        self.policy.answer(id, &frame);
    }
}
