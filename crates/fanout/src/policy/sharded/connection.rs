//! The state that a shard keeps for writing to a connection.

use crate::policy::barrier::Barriers;
use crate::policy::pending_writes::PendingWrites;
use crate::{Backlog, Encoding, Log, Outlet, Sent};

/// A connection's outlet, and the bytes held back for it.
#[derive(Debug)]
pub(super) struct Connection<O> {
    pub(super) encoding: Encoding,
    /// The connection's subscriptions, as keys of the shard's table.
    pub(super) subscriptions: Vec<u32>,
    /// The subscriptions to send to at the end of the round.
    pub(super) behind: Vec<u32>,
    /// The channel logs in which the connection waits for interest to be confirmed.
    pub(super) waiting: Vec<u32>,
    /// The bytes of the answers that wait there, or for a subscription to end.
    pub(super) waiting_bytes: usize,
    pub(super) phase: Phase,
    /// The backlog at the moment when the subscriptions ended.
    pub(super) final_backlog: Option<Backlog>,
    /// True if the connection is in the shard's list of connections with pending bytes.
    pub(super) listed: bool,
    outlet: O,
    transport: Transport,
    /// The bytes that leave before anything else: the rest of a cut message, then answers.
    pending: PendingWrites,
    /// True if the owner waits to hear that everything has left.
    owes_drained: bool,
    /// The bytes to send once every subscription has ended.
    close_frame: Box<[u8]>,
}

/// The phase of a connection, which decides what it may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Anything.
    Serving,
    /// Answers and a close frame; it has no subscriptions.
    Lagged,
    /// Everything accepted before this barrier, then the close frame. A lagged connection gets neither.
    Finishing { barrier: u64 },
    /// Nothing after what is pending.
    Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Open,
    Full,
    Gone,
}

/// The reason why a connection takes no more, reported when it first stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Full,
    Gone,
}

impl<O: Outlet> Connection<O> {
    pub(super) fn new(outlet: O, encoding: Encoding) -> Self {
        Self {
            encoding,
            subscriptions: Vec::new(),
            behind: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            phase: Phase::Serving,
            final_backlog: None,
            listed: false,
            outlet,
            transport: Transport::Open,
            pending: PendingWrites::default(),
            owes_drained: false,
            close_frame: Box::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.transport == Transport::Open
    }

    pub(super) fn is_gone(&self) -> bool {
        self.transport == Transport::Gone
    }

    /// Marks a full transport as able to take bytes again.
    pub(super) fn reopen(&mut self) {
        if self.transport == Transport::Full {
            self.transport = Transport::Open;
        }
    }

    /// Returns the bytes held back that are not part of a log.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending.unsent().len() + self.waiting_bytes
    }

    /// Adds bytes that leave before any message that is not yet sent.
    pub(super) fn hold(&mut self, frame: &[u8]) {
        self.hold_with(|out| out.extend_from_slice(frame));
    }

    /// Adds what `write` appends to the buffer, likewise.
    pub(super) fn hold_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.is_gone() {
            self.pending.push_with(write);
        }
    }

    /// Keeps the close frame until every subscription has ended.
    pub(super) fn keep_close_frame(&mut self, close_frame: &[u8]) {
        self.close_frame = close_frame.into();
    }

    /// Marks the connection as lagged, perhaps while it was finishing.
    pub(super) fn lag(&mut self) {
        // The owner waits for the close frame to leave, and must not be told of anything else that leaves.
        let barrier = Barriers::NEVER;
        self.phase = if self.is_finishing() { Phase::Finishing { barrier } } else { Phase::Lagged };
        self.close_frame = Box::default();
    }

    pub(super) fn has_lagged(&self) -> bool {
        matches!(self.phase, Phase::Lagged | Phase::Finishing { barrier: Barriers::NEVER })
    }

    pub(super) fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing { .. })
    }

    /// Returns true if only the close frame remains to be sent.
    pub(super) fn has_finished(&self) -> bool {
        self.is_finishing() && self.subscriptions.is_empty() && self.waiting.is_empty()
    }

    /// Adds the close frame to what is pending.
    pub(super) fn end(&mut self) {
        let close_frame = std::mem::take(&mut self.close_frame);
        self.hold(&close_frame);
        self.phase = Phase::Ending;
        self.owes_drained = true;
    }

    /// Returns true if the owner must be notified that everything has left, and clears that debt. A connection that
    /// still waits for its close frame does not notify.
    pub(super) fn take_drained(&mut self) -> bool {
        debug_assert!(self.is_open() && self.pending.is_empty(), "everything has left");
        !self.is_finishing() && std::mem::take(&mut self.owes_drained)
    }

    /// Sends the pending bytes. The connection must be open.
    pub(super) fn send_held(&mut self) -> Result<(), Stopped> {
        if self.pending.is_empty() {
            return Ok(());
        }
        match self.outlet.send(self.pending.unsent()) {
            Sent::Took(taken) => self.pending.advance(taken),
            Sent::Gone => return Err(self.lose()),
        }
        if self.pending.is_empty() { Ok(()) } else { Err(self.fill()) }
    }

    /// Returns the outlet if nothing has to leave before the next message.
    pub(super) fn clear_outlet(&self) -> Option<&O> {
        (self.is_open() && self.pending.is_empty()).then_some(&self.outlet)
    }

    /// Sends bytes of a log. Nothing may be pending.
    pub(super) fn send(&self, bytes: &[u8]) -> Sent {
        debug_assert!(self.pending.is_empty(), "what is pending leaves first");
        self.outlet.send(bytes)
    }

    /// Evaluates a send of the messages `from..to`. Returns the first message that was not sent, and the reason if the
    /// transport stopped. The rest of a cut message is held, so that message counts as sent.
    pub(super) fn take_note(&mut self, log: &Log, from: u64, to: u64, sent: Sent) -> (u64, Result<(), Stopped>) {
        match sent {
            Sent::Took(taken) if taken == log.slice(from, to).len() => (to, Ok(())),
            Sent::Took(taken) => {
                let (next, rest) = log.cut(from, taken);
                self.pending.push(rest);
                (next, Err(self.fill()))
            }
            Sent::Gone => (from, Err(self.lose())),
        }
    }

    fn fill(&mut self) -> Stopped {
        self.transport = Transport::Full;
        self.owes_drained = true;
        Stopped::Full
    }

    fn lose(&mut self) -> Stopped {
        self.transport = Transport::Gone;
        self.pending = PendingWrites::default();
        Stopped::Gone
    }
}
