//! A transport and an encoding that break promises.

use crate::mutation::Mutation;
use corecast_fanout::{Encode, Encoding, Outlet, Sent};
use corecast_session::Codec;
use corecast_simulator::Transport;
use std::sync::{Arc, Mutex};

/// A transport that may be mutated; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    mutation: Mutation,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    transport: Transport,
    sends: usize,
}

impl Tap {
    pub(crate) fn new(mutation: Mutation, transport: Transport) -> Self {
        Self { mutation, state: Arc::new(Mutex::new(State { transport, sends: 0 })) }
    }

    /// Sends to another from now on.
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
            _ => state.transport.send(bytes),
        }
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
