//! The two directions of a connection; the steps decide how many bytes they take.

use corecast_fanout::{Outlet, Sent};
use std::sync::{Arc, Mutex, MutexGuard};

/// A socket without a kernel. Clones share the same socket.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Mutex<State>>);

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened, or not")]
struct State {
    /// The number of bytes that it takes before the client reads; `None` for no limit.
    capacity: Option<usize>,
    /// The number of bytes taken that the client has not read.
    unread: usize,
    /// The bytes taken that have not been checked.
    unchecked: Vec<u8>,
    was_full: bool,
    /// True if the server has sent its last byte.
    finished: bool,
    /// The bytes written by the client that the server has not received.
    inbound: Vec<u8>,
    client_ended: bool,
    broken: bool,
    /// True if the server broke it off before its client had ended.
    broken_off: bool,
}

/// The outcome of a receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Bytes(Vec<u8>),
    Nothing,
    End,
    Broken,
}

impl Transport {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self(Arc::new(Mutex::new(State { capacity, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is locked")
    }

    /// Sets the pace at which the client reads: everything at once if there is no capacity, otherwise only on request.
    pub(crate) fn set_capacity(&self, capacity: Option<usize>) {
        let mut state = self.state();
        state.capacity = capacity;
        if capacity.is_none() {
            state.unread = 0;
        }
    }

    /// Lets the client read this many bytes.
    pub(crate) fn read(&self, bytes: usize) {
        let mut state = self.state();
        state.unread = state.unread.saturating_sub(bytes);
    }

    /// Lets the client write.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.state().inbound.extend_from_slice(bytes);
    }

    /// Ends the client's stream.
    pub(crate) fn end_stream(&self) {
        self.state().client_ended = true;
    }

    pub(crate) fn has_client_ended(&self) -> bool {
        self.state().client_ended
    }

    /// Breaks both directions.
    pub(crate) fn break_off(&self) {
        self.state().broken = true;
    }

    /// Breaks both directions, on behalf of the server.
    pub(crate) fn break_off_by_server(&self) {
        let mut state = self.state();
        state.broken_off |= !state.broken && !state.client_ended;
        state.broken = true;
    }

    /// Returns true if the server broke it off before its client had ended.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.state().broken_off
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// Ends the server's stream.
    pub(crate) fn finish_sending(&self) {
        self.state().finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.state().finished
    }

    /// Returns true if it ever took less than it was offered.
    pub(crate) fn was_full(&self) -> bool {
        self.state().was_full
    }

    /// Returns true if a server that waits for it is woken: it takes bytes, or never will.
    pub(crate) fn is_writable(&self) -> bool {
        let state = self.state();
        state.broken || state.room() > 0
    }

    pub(crate) fn is_readable(&self) -> bool {
        let state = self.state();
        state.broken || state.client_ended || !state.inbound.is_empty()
    }

    /// Returns the number of bytes that the server has not received.
    pub(crate) fn unreceived(&self) -> usize {
        self.state().inbound.len()
    }

    /// Returns the number of bytes taken that the client has not read.
    pub(crate) fn unread(&self) -> usize {
        self.state().unread
    }

    /// Does the same as [`receive`](Self::receive), but leaves the bytes there.
    pub(crate) fn peek(&self, bytes: usize) -> Received {
        let received = self.receive(bytes);
        if let Received::Bytes(bytes) = &received {
            self.state().inbound.splice(..0, bytes.iter().copied());
        }
        received
    }

    /// Lets the server receive at most this many bytes.
    pub(crate) fn receive(&self, bytes: usize) -> Received {
        let mut state = self.state();
        if state.broken {
            return Received::Broken;
        }
        if state.inbound.is_empty() {
            return if state.client_ended { Received::End } else { Received::Nothing };
        }
        let bytes = bytes.min(state.inbound.len());
        Received::Bytes(state.inbound.drain(..bytes).collect())
    }

    /// Takes the bytes that it took since the last call.
    pub(crate) fn take_unchecked(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().unchecked)
    }

    /// Returns true if it has only one owner.
    pub(crate) fn is_released(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl State {
    fn room(&self) -> usize {
        self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(self.unread))
    }
}

impl Outlet for Transport {
    fn send(&self, bytes: &[u8]) -> Sent {
        let mut state = self.state();
        if state.broken {
            return Sent::Gone;
        }
        let taken = bytes.len().min(state.room());
        if state.capacity.is_some() {
            state.unread += taken;
        }
        state.unchecked.extend_from_slice(&bytes[..taken]);
        state.was_full |= taken < bytes.len();
        Sent::Took(taken)
    }
}
