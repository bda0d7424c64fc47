//! What a shard keeps of a connection for writing to it.

use crate::{Encoding, Log, Outlet, Sent};

/// A connection's way out, and what is held back for it.
#[derive(Debug)]
pub(super) struct Connection<O> {
    pub(super) encoding: Encoding,
    /// Its subscriptions, as keys of the shard's table.
    pub(super) subscriptions: Vec<u32>,
    /// The feeds in which it waits for the interest to be confirmed.
    pub(super) waiting: Vec<u32>,
    /// Nothing is sent behind what is held.
    pub(super) ending: bool,
    /// It is in the shard's list of connections with something held.
    pub(super) listed: bool,
    outlet: O,
    state: State,
    /// What leaves before anything else: the rest of a cut message, then answers. Released when empty.
    held: Vec<u8>,
    held_sent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Full,
    Gone,
}

/// Why a connection took no more, for the first time since it was open.
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
            waiting: Vec::new(),
            ending: false,
            listed: false,
            outlet,
            state: State::Open,
            held: Vec::new(),
            held_sent: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The transport can take bytes again.
    pub(super) fn reopen(&mut self) {
        if self.state == State::Full {
            self.state = State::Open;
        }
    }

    /// Bytes held back.
    pub(super) fn backlog(&self) -> usize {
        self.held.len() - self.held_sent
    }

    /// Where to add what leaves before any message that is not yet sent.
    pub(super) fn hold(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// Sends what is held back. The connection must be open.
    pub(super) fn send_held(&mut self) -> Result<(), Stopped> {
        if self.backlog() == 0 {
            return Ok(());
        }
        match self.outlet.send(&self.held[self.held_sent..]) {
            Sent::Took(taken) => self.held_sent += taken,
            Sent::Gone => return Err(self.stop(Stopped::Gone)),
        }
        if self.backlog() > 0 {
            return Err(self.stop(Stopped::Full));
        }
        self.held = Vec::new();
        self.held_sent = 0;
        Ok(())
    }

    /// Sends the messages `from..to`, behind nothing that is held: the first that was not sent, and why
    /// not. Of a message that was cut, the rest is held, so that it counts as sent.
    pub(super) fn send_run(&mut self, log: &Log, from: u64, to: u64) -> (u64, Result<(), Stopped>) {
        debug_assert_eq!(self.backlog(), 0, "what is held leaves first");
        let bytes = log.slice(from, to);
        match self.outlet.send(bytes) {
            Sent::Took(taken) if taken == bytes.len() => (to, Ok(())),
            Sent::Took(taken) => {
                let (next, rest) = log.cut(from, taken);
                self.held.extend_from_slice(rest);
                (next, Err(self.stop(Stopped::Full)))
            }
            Sent::Gone => (from, Err(self.stop(Stopped::Gone))),
        }
    }

    fn stop(&mut self, why: Stopped) -> Stopped {
        self.state = match why {
            Stopped::Full => State::Full,
            Stopped::Gone => State::Gone,
        };
        why
    }
}
