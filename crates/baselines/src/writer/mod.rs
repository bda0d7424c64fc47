//! A connection that every publisher's thread may write to.

mod unsent;

use crate::Notice;
use crate::fan_out::batch::EncodedMessages;
use corecast_fanout::{ConnectionId, Counters, Encode, Encoding, FanoutLimits, LagRule, Outlet, Sent};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use unsent::Unsent;

/// The sending side of a subscriber, shared by all publishers.
#[derive(Debug)]
pub struct Writer<O> {
    id: ConnectionId,
    encoding: Encoding,
    outlet: O,
    state: Mutex<State>,
}

/// One connection's subscription to one channel, as the registry holds it.
#[derive(Debug)]
pub struct Membership<O> {
    pub(crate) writer: Arc<Writer<O>>,
    /// The number that distinguishes it from the other subscriptions of its shard.
    pub(crate) number: u64,
    lag: LagRule,
    /// True once it was taken out of the registry; a publisher may have found it before. It is accessed under the
    /// writer's lock.
    left: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    transport: Transport,
    /// The bytes that leave before anything else: those that a full transport did not take, then those that came after
    /// them.
    pending: Unsent,
    /// For each join that has not been done: its answer, and the answers that came after it.
    awaited: VecDeque<Vec<u8>>,
    /// The messages that it missed of each channel, to be reported once the pending bytes have left.
    missed: Vec<(Arc<str>, u64)>,
    /// True if nothing more may be written after what is pending, except by the owner.
    ended: bool,
    /// True if that is because it lagged, which the owner is told.
    lagged: bool,
    /// True if the owner waits to hear that everything has left.
    owes_drained: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Transport {
    #[default]
    Open,
    Full,
    Gone,
}

impl<O> Membership<O> {
    pub(crate) fn new(writer: Arc<Writer<O>>, number: u64, lag: LagRule) -> Self {
        Self { writer, number, lag, left: AtomicBool::new(false) }
    }

    /// Returns the identity of the connection.
    pub fn id(&self) -> ConnectionId {
        self.writer.id
    }
}

impl<O: Outlet> Membership<O> {
    /// Writes the messages of one batch, or keeps them while the transport is full.
    ///
    /// The batch that finds it full is kept whole: the bound is one batch more than the limit.
    pub(crate) fn write(
        &self,
        channel: &Arc<str>,
        encoded: &EncodedMessages,
        limits: &FanoutLimits,
        counters: &mut Counters,
    ) -> Result<(), Notice> {
        let writer = &*self.writer;
        let mut state = writer.lock();
        if encoded.messages == 0 || self.left.load(Ordering::Relaxed) {
            return Ok(());
        }
        if state.ended {
            counters.undelivered += encoded.messages;
            return Ok(());
        }
        if state.transport == Transport::Open {
            return writer.send_encoded(&mut state, encoded, counters);
        }
        if state.missed.is_empty() && state.pending.bytes().len() + encoded.bytes.len() <= limits.log_bytes {
            state.pending.push_rest(encoded, 0);
            return Ok(());
        }
        match self.lag {
            LagRule::Skip => {
                counters.missed += encoded.messages;
                state.miss(channel, encoded.messages);
                Ok(())
            }
            LagRule::Disconnect => {
                counters.lagged += 1;
                counters.undelivered += encoded.messages;
                state.ended = true;
                state.lagged = true;
                Err(Notice::Lagged)
            }
        }
    }

    /// Stops writing messages of the channel, and reports those that were missed.
    pub(crate) fn leave(&self, channel: &str, encode: &impl Encode) {
        let mut state = self.writer.lock();
        self.left.store(true, Ordering::Relaxed);
        if let Some(place) = state.missed.iter().position(|(name, _)| **name == *channel) {
            let (_, count) = state.missed.remove(place);
            let mut gap = Vec::new();
            encode.gap(self.writer.encoding, channel, count, &mut gap);
            state.hold(&gap);
        }
    }
}

impl<O: Outlet> Writer<O> {
    pub(crate) fn new(id: ConnectionId, encoding: Encoding, outlet: O) -> Self {
        Self { id, encoding, outlet, state: Mutex::default() }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Adds an answer, which leaves in its turn, at the next flush or before the next message.
    pub(crate) fn hold(&self, frame: &[u8]) {
        self.lock().hold(frame);
    }

    /// Adds the answer of a join, which waits until the join is done.
    pub(crate) fn await_join(&self, answer: &[u8]) {
        let mut state = self.lock();
        if state.transport != Transport::Gone {
            state.awaited.push_back(answer.to_owned());
        }
    }

    /// Records that the first awaited join is done. If the connection has ended meanwhile, nothing waits for it.
    pub(crate) fn joined(&self) {
        let mut state = self.lock();
        if let Some(answers) = state.awaited.pop_front() {
            state.pending.push(&answers);
        }
    }

    /// Returns true if a join has not been done.
    pub(crate) fn awaits_join(&self) -> bool {
        !self.lock().awaited.is_empty()
    }

    /// Adds the close frame. Anything written from now on is dropped.
    pub(crate) fn end(&self, close_frame: &[u8]) {
        let mut state = self.lock();
        state.ended = true;
        state.owes_drained = true;
        for answers in std::mem::take(&mut state.awaited) {
            state.pending.push(&answers);
        }
        state.hold(close_frame);
    }

    /// Drops what is pending. A publisher's thread may still hold the writer, but writes nothing any more.
    pub(crate) fn close(&self, counters: &mut Counters) {
        self.lock().lose(counters);
    }

    /// Returns true if the connection fell too far behind, was ended, or its peer is gone.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Returns true if the connection fell too far behind.
    pub(crate) fn has_lagged(&self) -> bool {
        self.lock().lagged
    }

    /// Sends the answers. Returns true if the owner must be told that everything has left.
    pub(crate) fn flush_held(&self, counters: &mut Counters) -> Result<bool, Notice> {
        let mut state = self.lock();
        if state.transport != Transport::Open {
            return Ok(false);
        }
        self.send_held(&mut state, counters)?;
        Ok(std::mem::take(&mut state.owes_drained))
    }

    /// Continues when the transport takes bytes again: sends what is pending and reports what was missed. Returns true
    /// if the owner must be told that everything has left.
    pub(crate) fn resume(&self, encode: &impl Encode, counters: &mut Counters) -> Result<bool, Notice> {
        let mut state = self.lock();
        if state.transport == Transport::Gone {
            return Ok(false);
        }
        state.transport = Transport::Open;
        self.send_held(&mut state, counters)?;
        for (channel, count) in std::mem::take(&mut state.missed) {
            state.pending.push_with(|out| encode.gap(self.encoding, &channel, count, out));
        }
        self.send_held(&mut state, counters)?;
        Ok(std::mem::take(&mut state.owes_drained))
    }

    /// Returns the number of bytes held back.
    pub(crate) fn pending_bytes(&self) -> usize {
        let state = self.lock();
        state.pending.bytes().len() + state.awaited.iter().map(Vec::len).sum::<usize>()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no write panics")
    }

    /// Sends messages while the transport is open, and holds the bytes that it does not take.
    fn send_encoded(
        &self,
        state: &mut State,
        encoded: &EncodedMessages,
        counters: &mut Counters,
    ) -> Result<(), Notice> {
        debug_assert!(state.missed.is_empty(), "only a full transport makes a subscriber miss anything");
        match self.send_held(state, counters) {
            Ok(()) => {}
            Err(Notice::Full) => {
                state.pending.push_rest(encoded, 0);
                return Err(Notice::Full);
            }
            Err(notice) => {
                counters.undelivered += encoded.messages;
                return Err(notice);
            }
        }
        let sent = self.outlet.send(&encoded.bytes);
        counters.sent(sent);
        match sent {
            Sent::Gone => {
                counters.short_sends += 1;
                counters.undelivered += encoded.messages;
                Err(state.lose(counters))
            }
            Sent::Took(taken) if taken == encoded.bytes.len() => {
                counters.deliveries += encoded.messages;
                Ok(())
            }
            Sent::Took(taken) => {
                counters.short_sends += 1;
                state.pending.push_rest(encoded, taken);
                Err(state.fill())
            }
        }
    }

    fn send_held(&self, state: &mut State, counters: &mut Counters) -> Result<(), Notice> {
        if state.pending.is_empty() {
            return Ok(());
        }
        match self.outlet.send(state.pending.bytes()) {
            Sent::Gone => return Err(state.lose(counters)),
            Sent::Took(taken) => counters.deliveries += state.pending.advance(taken),
        }
        if state.pending.is_empty() { Ok(()) } else { Err(state.fill()) }
    }
}

impl State {
    fn hold(&mut self, frame: &[u8]) {
        if self.transport == Transport::Gone {
            return;
        }
        match self.awaited.back_mut() {
            Some(answers) => answers.extend_from_slice(frame),
            None => self.pending.push(frame),
        }
    }

    fn fill(&mut self) -> Notice {
        self.transport = Transport::Full;
        self.owes_drained = true;
        Notice::Full
    }

    fn lose(&mut self, counters: &mut Counters) -> Notice {
        counters.undelivered += self.pending.messages();
        *self = Self { transport: Transport::Gone, ended: true, ..Self::default() };
        Notice::Gone
    }

    fn miss(&mut self, channel: &Arc<str>, count: u64) {
        match self.missed.iter_mut().find(|(name, _)| name == channel) {
            Some((_, missed)) => *missed += count,
            None => self.missed.push((Arc::clone(channel), count)),
        }
    }
}
