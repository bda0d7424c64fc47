//! The connections of a shard, by slot.

use crate::activity::{Activity, Due};
use crate::lifecycle::{Event, Lifecycle, State};
use crate::limits::ShardLimits;
use corecast_fanout::{ConnectionId, Outlet};
use corecast_session::End;
use corecast_wire::Code;
use std::rc::Rc;
use std::time::Duration;

/// The driver's end of a connection.
pub trait Endpoint {
    /// The connection's way out.
    type Outlet: Outlet;

    /// Returns the connection's way out, for the policy.
    fn outlet(&self) -> Self::Outlet;

    /// Returns the number of bytes that the host has sent and the peer has not acknowledged; if that is not known, a number
    /// above any possible one. Called for full transports only.
    fn unacknowledged(&self) -> u32;

    /// Returns the way in which the peer has left, if it has, as far as the host knows. Called for connections that are not
    /// read, which would not learn of it otherwise.
    fn hang_up(&self) -> Option<HangUp>;
}

impl<T: Endpoint> Endpoint for Rc<T> {
    type Outlet = T::Outlet;

    fn outlet(&self) -> T::Outlet {
        T::outlet(self)
    }

    fn unacknowledged(&self) -> u32 {
        T::unacknowledged(self)
    }

    fn hang_up(&self) -> Option<HangUp> {
        T::hang_up(self)
    }
}

/// The way in which a peer has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// The peer has sent its last byte. It may still read.
    Ended,
    /// The connection is broken.
    Broken,
}

/// The shard's entry for a connection that has not been reaped.
#[derive(Debug)]
pub struct ConnectionState<E> {
    pub(crate) id: ConnectionId,
    pub(crate) endpoint: E,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) activity: Activity,
    /// True if the transport took less than it was offered, and the bytes held back then have not left.
    pub(crate) full: bool,
    /// True if the connection has lagged since it was given a close frame, which was dropped.
    pub(crate) lagged: bool,
    end: Option<End>,
}

impl<E> ConnectionState<E> {
    /// Returns the connection's name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns the driver's end of the connection.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// Returns the state of the connection's lifecycle.
    pub fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// Returns the reason for the connection's end, if it has one.
    pub fn reason(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Ends the connection in order. The first reason counts; returns true if this is the first.
    pub(crate) fn end(&mut self, end: End) -> bool {
        self.lifecycle.apply(Event::End);
        let first = self.end.is_none();
        self.end.get_or_insert(end);
        first
    }

    /// Ends the connection because it lagged. This reason replaces another one that the peer has not been told.
    pub(crate) fn end_lagged(&mut self, end: End) {
        self.lifecycle.apply(Event::End);
        self.end = Some(end);
        self.lagged = true;
    }
}

impl<E: Endpoint> ConnectionState<E> {
    /// Returns the action that is due for the connection at this time of the shard's clock, if any is.
    pub(crate) fn due(&mut self, now: Duration, limits: &ShardLimits) -> Option<Due> {
        self.due_after_hang_up(now).or_else(|| {
            let held = || self.endpoint.unacknowledged();
            self.activity.due(self.lifecycle.state(), now, limits, held)
        })
    }

    /// Returns the action that is due because the peer of a connection that is not read has hung up.
    ///
    /// A peer that has only ended its sending half may still wait for its frames to take effect. It is sent a PING, which
    /// the host of a peer that is gone answers with a reset. On a full transport, the bytes that it has not taken have the
    /// same effect.
    fn due_after_hang_up(&mut self, now: Duration) -> Option<Due> {
        if !self.lifecycle.is_serving() || !self.activity.is_unread() {
            return None;
        }
        match self.endpoint.hang_up()? {
            HangUp::Broken => Some(Due::Reset(End::new(Code::Reset, "the connection is broken"))),
            HangUp::Ended => {
                let must_probe = !self.full && self.activity.must_probe(self.lifecycle.state(), now);
                must_probe.then_some(Due::Ping)
            }
        }
    }
}

/// A table of connections. The generation in a connection's name tells it from the next connection in its slot.
#[derive(Debug)]
pub(crate) struct Connections<E> {
    slots: Vec<Option<ConnectionState<E>>>,
    open: usize,
    capacity: usize,
    /// Connections to close at the end of the tick.
    to_reap: Vec<ConnectionId>,
}

impl<E> Connections<E> {
    /// Creates an empty table for this many connections. The memory is reserved but not touched: it costs nothing until
    /// connections come.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), open: 0, capacity, to_reap: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.open
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open >= self.capacity
    }

    /// Returns the number of slots, taken or free.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn insert(&mut self, id: ConnectionId, endpoint: E, lifecycle: Lifecycle, activity: Activity) {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] =
            Some(ConnectionState { id, endpoint, lifecycle, activity, full: false, lagged: false, end: None });
        self.open += 1;
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&ConnectionState<E>> {
        self.slots.get(id.slot as usize)?.as_ref().filter(|connection| connection.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut ConnectionState<E>> {
        self.slots.get_mut(id.slot as usize)?.as_mut().filter(|connection| connection.id == id)
    }

    /// Returns the connection in this slot.
    pub(crate) fn at_mut(&mut self, slot: usize) -> Option<&mut ConnectionState<E>> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ConnectionState<E>> {
        self.slots.iter().flatten()
    }

    /// Has a connection closed at the end of the tick.
    pub(crate) fn reap(&mut self, id: ConnectionId) {
        self.to_reap.push(id);
    }

    /// Takes the next connection that is to be closed.
    pub(crate) fn take_to_reap(&mut self) -> Option<ConnectionId> {
        self.to_reap.pop()
    }

    /// Removes a connection that has ended, and returns its endpoint.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<E> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let mut connection = slot.take_if(|connection| connection.id == id)?;
        connection.lifecycle.apply(Event::Reap);
        self.open -= 1;
        Some(connection.endpoint)
    }
}
