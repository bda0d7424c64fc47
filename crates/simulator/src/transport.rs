//! A connection's two directions, of which the steps decide what they take.

use corecast_fanout::{Outlet, Sent};
use std::sync::{Arc, Mutex, MutexGuard};

/// A socket without a kernel; clones are the same one.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Mutex<State>>);

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened, or not")]
struct State {
    /// How much it takes before the client reads; all, if none.
    capacity: Option<usize>,
    /// Taken and not read by the client.
    unread: usize,
    /// Taken and not checked.
    unchecked: Vec<u8>,
    was_full: bool,
    /// The server has sent its last byte.
    finished: bool,
    /// Written by the client and not received.
    inbound: Vec<u8>,
    client_ended: bool,
    broken: bool,
    /// The server broke it off before its client had ended.
    broken_off: bool,
}

/// What a receive brought.
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

    /// The client reads at its own pace from now on: all at once, or only when it is told to.
    pub(crate) fn set_capacity(&self, capacity: Option<usize>) {
        let mut state = self.state();
        state.capacity = capacity;
        if capacity.is_none() {
            state.unread = 0;
        }
    }

    /// The client reads so many bytes.
    pub(crate) fn read(&self, bytes: usize) {
        let mut state = self.state();
        state.unread = state.unread.saturating_sub(bytes);
    }

    /// The client writes.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.state().inbound.extend_from_slice(bytes);
    }

    /// The client has written its last byte.
    pub(crate) fn end_stream(&self) {
        self.state().client_ended = true;
    }

    pub(crate) fn has_client_ended(&self) -> bool {
        self.state().client_ended
    }

    /// Neither direction works any more.
    pub(crate) fn break_off(&self) {
        self.state().broken = true;
    }

    /// The server gives it up.
    pub(crate) fn break_off_by_server(&self) {
        let mut state = self.state();
        state.broken_off |= !state.broken && !state.client_ended;
        state.broken = true;
    }

    /// Returns true if the server gave it up before its client had ended.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.state().broken_off
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// The server has sent its last byte.
    pub(crate) fn finish_sending(&self) {
        self.state().finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.state().finished
    }

    /// Whether it ever took less than it was offered.
    pub(crate) fn was_full(&self) -> bool {
        self.state().was_full
    }

    /// Whether a server that waits for it is woken: it takes bytes, or never will.
    pub(crate) fn is_writable(&self) -> bool {
        let state = self.state();
        state.broken || state.room() > 0
    }

    pub(crate) fn is_readable(&self) -> bool {
        let state = self.state();
        state.broken || state.client_ended || !state.inbound.is_empty()
    }

    /// Bytes that the server has not received.
    pub(crate) fn unreceived(&self) -> usize {
        self.state().inbound.len()
    }

    /// Bytes that it took and the client has not read.
    pub(crate) fn unread(&self) -> usize {
        self.state().unread
    }

    /// As [`receive`](Self::receive), and leaves the bytes there.
    pub(crate) fn peek(&self, bytes: usize) -> Received {
        let received = self.receive(bytes);
        if let Received::Bytes(bytes) = &received {
            self.state().inbound.splice(..0, bytes.iter().copied());
        }
        received
    }

    /// The server receives at most so many bytes.
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

    /// What it took since the last call.
    pub(crate) fn take_unchecked(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().unchecked)
    }

    /// Whether only one has it.
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
