//! The connections of a shard, by slot.

use crate::activity::Activity;
use crate::lifecycle::{Event, Lifecycle, State};
use corecast_fanout::{ConnectionId, Outlet};
use corecast_session::End;
use std::rc::Rc;

/// The driver's end of a connection.
pub trait Endpoint {
    /// The way out.
    type Outlet: Outlet;

    /// The way out of this connection, for the policy.
    fn outlet(&self) -> Self::Outlet;

    /// Bytes that the host has sent and the peer has not acknowledged; more than there can be if that is not known. Asked of
    /// full transports only.
    fn unacknowledged(&self) -> u32;

    /// The most that is known of the peer's end of the connection. Asked of connections that are not read, which would
    /// otherwise not learn of it.
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
    /// It has sent its last byte. It may still read.
    Ended,
    /// The connection is broken.
    Broken,
}

/// What a shard knows of a connection that has not been reaped.
#[derive(Debug)]
pub struct ConnectionState<E> {
    pub(crate) id: ConnectionId,
    pub(crate) endpoint: E,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) activity: Activity,
    /// The transport took less than it was offered, and what was held back then has not left.
    pub(crate) full: bool,
    /// It has lagged since it was given a close frame, which was dropped.
    pub(crate) lagged: bool,
    end: Option<End>,
}

impl<E> ConnectionState<E> {
    /// The connection's name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The driver's end of it.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// How far its life has come.
    pub fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// The reason for its end, if it has one.
    pub fn reason(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Ends it in an orderly way. The first reason counts; returns true if this is it.
    pub(crate) fn end(&mut self, end: End) -> bool {
        self.lifecycle.apply(Event::End);
        let first = self.end.is_none();
        self.end.get_or_insert(end);
        first
    }

    /// Ends it because it has lagged, also if it was ending for another reason, which it has not been told.
    pub(crate) fn end_lagged(&mut self, end: End) {
        self.lifecycle.apply(Event::End);
        self.end = Some(end);
        self.lagged = true;
    }
}

/// A table of connections. The generation in a connection's name keeps it from being taken for the next in its slot.
#[derive(Debug)]
pub(crate) struct Connections<E> {
    slots: Vec<Option<ConnectionState<E>>>,
    open: usize,
    capacity: usize,
}

impl<E> Connections<E> {
    /// An empty table for so many connections. The memory is reserved, not touched: it costs nothing before they are there.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), open: 0, capacity }
    }

    pub(crate) fn len(&self) -> usize {
        self.open
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open >= self.capacity
    }

    /// Slots, taken or free.
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

    /// The connection in this slot.
    pub(crate) fn at_mut(&mut self, slot: usize) -> Option<&mut ConnectionState<E>> {
        self.slots.get_mut(slot)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ConnectionState<E>> {
        self.slots.iter().flatten()
    }

    /// Takes a connection out that has ended; its endpoint.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<E> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let mut connection = slot.take_if(|connection| connection.id == id)?;
        connection.lifecycle.apply(Event::Reap);
        self.open -= 1;
        Some(connection.endpoint)
    }
}
