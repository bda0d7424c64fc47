//! A transport that takes as much as the test decides.

use corecast_fanout::{Outlet, Sent};
use std::sync::{Arc, Mutex, MutexGuard};

/// A transport that keeps what it took. Clones share one transport.
#[derive(Clone, Debug)]
pub(crate) struct FakeOutlet(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    room: usize,
    taken: Vec<u8>,
    gone: bool,
    short_sends: usize,
}

impl FakeOutlet {
    /// Creates a transport that takes everything.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { room: usize::MAX, taken: Vec::new(), gone: false, short_sends: 0 })))
    }

    /// Makes the transport full after `bytes` more bytes.
    pub(crate) fn set_room(&self, bytes: usize) {
        self.state().room = bytes;
    }

    pub(crate) fn room(&self) -> usize {
        self.state().room
    }

    /// Makes the peer gone from now on.
    pub(crate) fn break_off(&self) {
        self.state().gone = true;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state().gone
    }

    /// Returns all bytes that the transport took.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.taken_from(0)
    }

    /// Returns the bytes that the transport took after the first `begin`.
    pub(crate) fn taken_from(&self, begin: usize) -> Vec<u8> {
        self.state().taken[begin..].to_vec()
    }

    /// Returns the number of times that the transport took less than it was offered.
    pub(crate) fn short_sends(&self) -> usize {
        self.state().short_sends
    }

    /// Returns true if only the test holds the transport.
    pub(crate) fn is_released(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Outlet for FakeOutlet {
    fn send(&self, bytes: &[u8]) -> Sent {
        let mut state = self.state();
        assert!(!bytes.is_empty(), "nothing is not sent");
        if state.gone {
            return Sent::Gone;
        }
        let taken = bytes.len().min(state.room);
        if state.room != usize::MAX {
            state.room -= taken;
        }
        state.taken.extend_from_slice(&bytes[..taken]);
        state.short_sends += usize::from(taken < bytes.len());
        Sent::Took(taken)
    }
}
