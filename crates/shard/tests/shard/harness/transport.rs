//! The transport of one connection.

use corecast_fanout::{Outlet, Sent};
use corecast_shard::{Endpoint, HangUp};
use std::sync::{Arc, Mutex, MutexGuard};

/// A socket without a kernel; clones are the same one. It takes everything until the test says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Taken, and not read by the client.
    taken: Vec<u8>,
    /// Bytes that it takes yet; all, if none.
    room: Option<usize>,
    is_gone: bool,
    unacknowledged: u32,
    hang_up: Option<HangUp>,
}

impl Transport {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// It takes so many bytes more.
    pub(crate) fn give_room(&self, bytes: usize) {
        self.state().room = Some(bytes);
    }

    /// It takes nothing more.
    pub(crate) fn stall(&self) {
        self.give_room(0);
    }

    /// It takes everything again.
    pub(crate) fn open(&self) {
        self.state().room = None;
    }

    /// Its peer is gone: nothing is taken again.
    pub(crate) fn lose(&self) {
        self.state().is_gone = true;
    }

    pub(crate) fn set_unacknowledged(&self, bytes: u32) {
        self.state().unacknowledged = bytes;
    }

    /// The host learns that the peer has left.
    pub(crate) fn hang_up(&self, hang_up: HangUp) {
        self.state().hang_up = Some(hang_up);
    }

    /// Lets the client read whole frames: `read` takes them off the front.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        read(&mut self.state().taken)
    }
}

impl Outlet for Transport {
    fn send(&self, bytes: &[u8]) -> Sent {
        let mut state = self.state();
        if state.is_gone {
            return Sent::Gone;
        }
        let taken = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        state.room = state.room.map(|room| room - taken);
        state.taken.extend_from_slice(&bytes[..taken]);
        Sent::Took(taken)
    }
}

impl Endpoint for Transport {
    type Outlet = Self;

    fn outlet(&self) -> Self {
        self.clone()
    }

    fn unacknowledged(&self) -> u32 {
        self.state().unacknowledged
    }

    fn hang_up(&self) -> Option<HangUp> {
        self.state().hang_up
    }
}
