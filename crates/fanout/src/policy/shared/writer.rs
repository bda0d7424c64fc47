//! A connection that every publisher's thread may write to.

use super::batch::EncodedRun;
use crate::{ConnectionId, Counters, Encode, Encoding, Lag, Limits, Notice, Outlet, Sent};
use std::sync::{Arc, Mutex, MutexGuard};

/// A subscriber's way out, shared by all publishers.
#[derive(Debug)]
pub struct Writer<O> {
    id: ConnectionId,
    encoding: Encoding,
    outlet: O,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What leaves before anything else: what a full transport did not take, then what came after it.
    held: Vec<u8>,
    held_sent: usize,
    /// Messages it missed of each channel, to be told of when what is held has left.
    missed: Vec<(Arc<str>, u64)>,
    full: bool,
    /// Nothing more is to be written behind what is held.
    ended: bool,
}

impl<O: Outlet> Writer<O> {
    pub(super) fn new(id: ConnectionId, encoding: Encoding, outlet: O) -> Self {
        Self { id, encoding, outlet, state: Mutex::default() }
    }

    /// The connection.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Writes the messages of one batch, or keeps them while the transport is full.
    pub(super) fn write(
        &self,
        channel: &Arc<str>,
        run: &EncodedRun,
        limits: &Limits,
        encode: &impl Encode,
        counters: &mut Counters,
    ) -> Result<(), Notice> {
        let mut state = self.lock();
        if state.ended || run.messages == 0 {
            return Ok(());
        }
        if !state.full {
            self.send_held(&mut state, encode)?;
        }
        if !state.full {
            counters.sends += 1;
            counters.deliveries += run.messages;
            let taken = self.send(&mut state, &run.bytes)?;
            if taken == run.bytes.len() {
                return Ok(());
            }
            counters.short_sends += 1;
            state.held.extend_from_slice(&run.bytes[taken..]);
            state.full = true;
            return Err(Notice::Full);
        }
        if state.missed.is_empty() && state.backlog() + run.bytes.len() <= limits.log_bytes {
            counters.deliveries += run.messages;
            state.held.extend_from_slice(&run.bytes);
            return Ok(());
        }
        match limits.lag(self.encoding) {
            Lag::Skip => {
                counters.missed += run.messages;
                state.miss(channel, run.messages);
                Ok(())
            }
            Lag::Disconnect => {
                counters.lagged += 1;
                state.ended = true;
                Err(Notice::Lagged)
            }
        }
    }

    /// Adds an answer, to leave at the next flush or before the next message.
    pub(super) fn hold(&self, frame: &[u8]) {
        self.lock().held.extend_from_slice(frame);
    }

    /// Adds the last bytes; what is written from now on is dropped.
    pub(super) fn end(&self, farewell: &[u8]) {
        let mut state = self.lock();
        state.ended = true;
        state.missed.clear();
        state.held.extend_from_slice(farewell);
    }

    /// Sends the answers; whether nothing is held any more.
    pub(super) fn flush_held(&self) -> Result<bool, Notice> {
        let mut state = self.lock();
        if state.full {
            return Ok(false);
        }
        self.send_answers(&mut state)?;
        Ok(true)
    }

    /// The transport takes bytes again: sends what is held, tells what was missed.
    pub(super) fn resume(&self, encode: &impl Encode) -> Result<(), Notice> {
        let mut state = self.lock();
        state.full = false;
        self.send_held(&mut state, encode)
    }

    /// What the connection missed of a channel that it has left is no concern any more.
    pub(super) fn forget_missed(&self, channel: &str) {
        self.lock().missed.retain(|(name, _)| **name != *channel);
    }

    pub(super) fn backlog(&self) -> usize {
        self.lock().backlog()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no write panics")
    }

    fn send_held(&self, state: &mut State, encode: &impl Encode) -> Result<(), Notice> {
        self.send_answers(state)?;
        if state.missed.is_empty() {
            return Ok(());
        }
        for (channel, count) in std::mem::take(&mut state.missed) {
            encode.gap(self.encoding, &channel, count, &mut state.held);
        }
        self.send_answers(state)
    }

    fn send_answers(&self, state: &mut State) -> Result<(), Notice> {
        if state.backlog() == 0 {
            return Ok(());
        }
        let held = std::mem::take(&mut state.held);
        let taken = self.send(state, &held[state.held_sent..])?;
        state.held_sent += taken;
        if state.held_sent == held.len() {
            state.held_sent = 0;
            return Ok(());
        }
        state.held = held;
        state.full = true;
        Err(Notice::Full)
    }

    fn send(&self, state: &mut State, bytes: &[u8]) -> Result<usize, Notice> {
        match self.outlet.send(bytes) {
            Sent::Took(taken) => Ok(taken),
            Sent::Gone => {
                *state = State { ended: true, ..State::default() };
                Err(Notice::Gone)
            }
        }
    }
}

impl State {
    fn backlog(&self) -> usize {
        self.held.len() - self.held_sent
    }

    fn miss(&mut self, channel: &Arc<str>, count: u64) {
        match self.missed.iter_mut().find(|(name, _)| name == channel) {
            Some((_, missed)) => *missed += count,
            None => self.missed.push((Arc::clone(channel), count)),
        }
    }
}
