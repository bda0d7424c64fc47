//! A transport and an encoding that break promises.

use crate::mutation::Mutation;
use corecast_fanout::{Encode, Encoding, Outlet, Sent};
use corecast_session::Codec;
use corecast_simulator::Transport;
use std::sync::{Arc, Mutex};

/// A transport that may be mutated. Clones share the same transport.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    mutation: Mutation,
    is_native: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    transport: Transport,
    sends: usize,
    /// True if messages are dropped from now on. This applies only to `native`, whose frames are tracked for it.
    muted: bool,
    /// The bytes of the current frame that have not passed, and true if they are dropped.
    frame: (usize, bool),
}

impl Tap {
    pub(crate) fn new(mutation: Mutation, transport: Transport, is_native: bool) -> Self {
        Self {
            mutation,
            is_native,
            state: Arc::new(Mutex::new(State { transport, sends: 0, muted: false, frame: (0, false) })),
        }
    }

    /// Drops messages from now on.
    pub(crate) fn mute(&self) {
        self.state.lock().expect("no panic while it is locked").muted = true;
    }

    /// Sends to another transport from now on.
    pub(crate) fn redirect(&self, transport: Transport) {
        self.state.lock().expect("no panic while it is locked").transport = transport;
    }
}

impl Outlet for Tap {
    fn send(&self, bytes: &[u8]) -> Sent {
        let mut state = self.state.lock().expect("no panic while it is locked");
        state.sends += 1;
        let now = state.sends.is_multiple_of(5);
        match self.mutation {
            Mutation::SendLosesRest => match state.transport.send(bytes) {
                Sent::Took(_) => Sent::Took(bytes.len()),
                Sent::Gone => Sent::Gone,
            },
            Mutation::SendGoesNowhere if now => Sent::Took(bytes.len()),
            Mutation::SendHappensTwice if now => {
                state.transport.send(bytes);
                state.transport.send(bytes)
            }
            Mutation::SendAltersByte if now => {
                let mut altered = bytes.to_vec();
                altered[bytes.len() - 1] ^= 1;
                state.transport.send(&altered)
            }
            Mutation::BacklogDroppedOnLeaving if self.is_native => state.send_frames(bytes),
            _ => state.transport.send(bytes),
        }
    }
}

impl State {
    /// Sends frames one by one, and drops messages while muted. The bytes at the beginning of a frame must contain all of
    /// it.
    fn send_frames(&mut self, bytes: &[u8]) -> Sent {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.frame.0 == 0 {
                let length = u32::from_be_bytes(rest[..4].try_into().expect("a length")) as usize;
                let is_message = rest.get(8) == Some(&9);
                self.frame = (4 + length, self.muted && is_message);
            }
            let (left, is_dropped) = self.frame;
            let piece = &rest[..left.min(rest.len())];
            let sent = if is_dropped { Sent::Took(piece.len()) } else { self.transport.send(piece) };
            taken += sent.taken();
            self.frame.0 -= sent.taken();
            match sent {
                Sent::Gone => return Sent::Gone,
                Sent::Took(count) if count < piece.len() => break,
                Sent::Took(_) => {}
            }
        }
        Sent::Took(taken)
    }
}

/// The codec, mutated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TapCodec(pub(crate) Mutation);

impl Encode for TapCodec {
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        Codec.message(encoding, channel, payload, out);
    }

    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>) {
        match self.0 {
            Mutation::GapForgotten => {}
            Mutation::GapCountsOneMore => Codec.gap(encoding, channel, count + 1, out),
            Mutation::GapCountsOneLess if count > 1 => Codec.gap(encoding, channel, count - 1, out),
            _ => Codec.gap(encoding, channel, count, out),
        }
    }
}
