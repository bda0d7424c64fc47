//! One shard: what `corecast_engine`'s tick, mesh and drain do, cut into halves of a tick.
//!
//! This is the one part that mirrors the engine instead of running it: keep it next to `tick.rs`, `mesh.rs`,
//! `shard.rs` and `connection.rs` there.

use crate::connection::{Connection, Stage};
use crate::mailbox::{MailboxMessage, Mailboxes};
use crate::observer::Observer;
use crate::scenario::Settings;
use crate::transport::Received;
use crate::{Promise, Transport, Violation};
use corecast_fanout::{ConnectionId, Effect, Policy, ShardId};
use corecast_session::{End, NATIVE, PLAIN};
use corecast_wire::Code;

/// A shard, and its connections by slot.
pub(crate) struct Shard<P> {
    pub(crate) id: ShardId,
    pub(crate) policy: P,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) connections: Vec<Option<Connection>>,
    /// Full transports that it waits for.
    pub(crate) full: Vec<(ConnectionId, Transport)>,
    pub(crate) drain: Drain,
    settings: Settings,
    paused: Vec<ConnectionId>,
    to_reap: Vec<ConnectionId>,
    finished: ShardId,
    told_finished: Vec<bool>,
    answer: Vec<u8>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Drain {
    Serving,
    /// Nothing is accepted or read; others may still post.
    Stopping,
    /// Everything that was published is here.
    Complete,
    /// Everybody has been told.
    Told,
    Done,
}

impl<P: Policy<Transport>> Shard<P> {
    pub(crate) fn new(id: ShardId, policy: P, mailboxes: Mailboxes, settings: Settings) -> Self {
        let told_finished = (0..mailboxes.shards()).map(|_| false).collect();
        Self {
            id,
            policy,
            mailboxes,
            connections: Vec::new(),
            full: Vec::new(),
            drain: Drain::Serving,
            settings,
            paused: Vec::new(),
            to_reap: Vec::new(),
            finished: 0,
            told_finished,
            answer: Vec::new(),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.drain != Drain::Serving
    }

    pub(crate) fn open(&mut self, client: usize, transport: Transport, plain: bool) -> ConnectionId {
        let id = self.policy.open(transport.clone(), if plain { PLAIN } else { NATIVE });
        let slot = id.slot as usize;
        if self.connections.len() <= slot {
            self.connections.resize_with(slot + 1, || None);
        }
        let mut connection = Connection::new(id, client, transport, plain);
        connection.opened(&mut self.policy, &mut self.answer);
        self.connections[slot] = Some(connection);
        id
    }

    pub(crate) fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.slot as usize)?.as_mut().filter(|connection| connection.id == id)
    }

    /// The first half of a tick.
    pub(crate) fn exchange(&mut self, posts: usize, model: &mut impl Observer) {
        self.policy.post();
        self.dispatch(model);
        self.take_messages(posts, model);
        self.dispatch(model);
        self.policy.flush(0);
    }

    fn dispatch(&mut self, model: &mut impl Observer) {
        for to in 0..self.mailboxes.shards() {
            if to == self.id || self.mailboxes.is_waiting(to) {
                continue;
            }
            let shard_batch = self.policy.shard_batch(to);
            let message = if shard_batch.is_empty() {
                model.has_nothing_to_post(self.id, to);
                let told = &mut self.told_finished[usize::from(to)];
                let pending = self.policy.is_pending();
                if self.drain == Drain::Serving || pending || std::mem::replace(told, true) {
                    continue;
                }
                MailboxMessage::Finished { from: self.id }
            } else {
                let shard_batch = std::mem::take(shard_batch);
                MailboxMessage::Batch { from: self.id, shard_batch, horizon: model.posted(self.id, to) }
            };
            self.mailboxes.post(to, message);
        }
    }

    fn take_messages(&mut self, posts: usize, model: &mut impl Observer) {
        if self.policy.is_saturated() {
            return;
        }
        for _ in 0..posts {
            match self.mailboxes.try_take() {
                Some(MailboxMessage::Batch { from, shard_batch, horizon }) => {
                    self.policy.receive(from, shard_batch);
                    model.received(self.id, from, horizon);
                }
                Some(MailboxMessage::Stop) => self.drain = self.drain.max(Drain::Stopping),
                Some(MailboxMessage::Finished { from }) => {
                    self.finished += 1;
                    self.policy.finished(from);
                }
                None => return,
            }
        }
    }

    /// The second half of a tick; whether there is more to do.
    pub(crate) fn flush(&mut self, budget: usize, model: &mut impl Observer) -> Result<bool, Violation> {
        let more = self.policy.flush(budget);
        let mut full = Vec::new();
        while let Some(effect) = self.policy.take_effect() {
            self.carry_out(effect, &mut full);
        }
        let saturated = self.policy.is_saturated();
        for id in std::mem::take(&mut self.to_reap) {
            self.policy.close(id);
            self.forget(id, model)?;
        }
        self.dispatch(model);
        for id in full {
            if let Some(connection) = self.connection(id) {
                let transport = connection.transport.clone();
                self.full.push((id, transport));
            }
        }
        if !saturated && !self.mailboxes.is_congested() {
            for id in std::mem::take(&mut self.paused) {
                if let Some(connection) = self.connection(id) {
                    connection.signal = true;
                }
            }
        }
        if !more {
            model.flushed(self.id)?;
        }
        Ok(more)
    }

    fn carry_out(&mut self, effect: Effect, full: &mut Vec<ConnectionId>) {
        let (Effect::Full(id) | Effect::Drained(id) | Effect::Lagged(id) | Effect::Gone(id)) = effect;
        let Some(connection) = self.connection(id) else { return };
        match effect {
            Effect::Full(_) => {
                connection.full = true;
                full.push(id);
            }
            Effect::Drained(_) => {
                connection.full = false;
                connection.drained = true;
                connection.signal = true;
            }
            Effect::Lagged(_) => connection.end_lagged(End::new(Code::Lagged, "")),
            Effect::Gone(_) => {
                connection.end(End::new(Code::Reset, ""));
                connection.expire();
            }
        }
    }

    fn forget(&mut self, id: ConnectionId, model: &mut impl Observer) -> Result<(), Violation> {
        let connection = self.connections[id.slot as usize].take().expect("only what is there is reaped");
        let clean = connection.expired || connection.transport.is_broken() || connection.transport.has_client_ended();
        // The kernel resets a connection that is closed before the peer's end, and the close frame with it.
        Promise::CloseFrame.demand(clean, || format!("{id} was closed while its client could still write"))?;
        model.closed(connection.client)
    }

    /// The task that waits for one of the full transports finds it writable; whether it does.
    pub(crate) fn writable(&mut self, nth: usize) -> bool {
        let candidates: Vec<_> = (0..self.full.len()).filter(|index| self.full[*index].1.is_writable()).collect();
        if candidates.is_empty() {
            return false;
        }
        let (id, _) = self.full.remove(candidates[nth % candidates.len()]);
        self.policy.writable(id);
        true
    }

    /// A connection's task has its turn, if it was woken; whether it was.
    pub(crate) fn serve(
        &mut self,
        id: ConnectionId,
        bytes: usize,
        model: &mut impl Observer,
    ) -> Result<bool, Violation> {
        let (congested, stopping) = (self.mailboxes.is_congested(), self.is_stopping());
        let Self { policy, connections, settings, paused, to_reap, answer, .. } = self;
        let connection = connections[id.slot as usize].as_mut().filter(|connection| connection.id == id);
        let Some(connection) = connection.filter(|connection| connection.is_runnable()) else { return Ok(false) };
        let mut pauses = |connection: &mut Connection, policy: &P| {
            let (pauses, until_caught_up) = connection.must_pause(policy, congested, stopping, settings);
            if until_caught_up {
                paused.push(id);
            }
            if pauses {
                connection.stage = Stage::Paused;
            }
            pauses
        };
        match connection.stage.clone() {
            Stage::Reading | Stage::Paused => {
                connection.signal = false;
                connection.stage = Stage::Reading;
                if let Some(end) = connection.take_end() {
                    connection.stage = Stage::Leaving(end);
                } else if !pauses(connection, policy) {
                    let received = connection.transport.receive(bytes);
                    let outcome = connection.take(&received, policy, answer);
                    if let Received::Bytes(bytes) = &received {
                        let ended = outcome.as_ref().err().map(|end| end.code);
                        model.accept(connection.client, bytes.len(), ended)?;
                    }
                    model.found(connection.client, &received);
                    match outcome {
                        Err(end) => connection.stage = Stage::Leaving(end),
                        Ok(()) => drop(pauses(connection, policy)),
                    }
                }
            }
            Stage::Leaving(end) => {
                model.ends(connection.client, end.code)?;
                if end.code == Code::Reset || connection.expired {
                    connection.be_accounted_for(policy);
                } else {
                    connection.drained = false;
                    policy.end(id, &connection.close_frame(&end));
                    connection.stage = Stage::Ending;
                }
            }
            Stage::Ending => {
                connection.signal = false;
                if connection.drained || connection.expired {
                    connection.transport.finish_sending();
                    connection.stage = Stage::Lingering;
                }
            }
            Stage::Lingering => {
                let received = connection.transport.receive(bytes);
                if connection.expired || matches!(received, Received::End | Received::Broken) {
                    connection.be_accounted_for(policy);
                }
            }
            Stage::Accounting => {
                connection.signal = false;
                let awaits = policy.awaits_others(id);
                if awaits && !connection.unaccounted {
                    paused.push(id);
                } else {
                    model.accounted(connection.client, !awaits);
                    connection.stage = Stage::Reaped;
                    to_reap.push(id);
                }
            }
            Stage::Reaped => {}
        }
        Ok(true)
    }

    /// The sweep finds that a connection's time to end is over, if it is ending; whether it is.
    pub(crate) fn expire(&mut self, id: ConnectionId) -> bool {
        match self.connection(id) {
            Some(connection) if matches!(connection.stage, Stage::Ending | Stage::Lingering) => {
                connection.expire();
                true
            }
            Some(connection) if matches!(connection.stage, Stage::Accounting) => {
                (connection.unaccounted, connection.signal) = (true, true);
                true
            }
            _ => false,
        }
    }

    /// Takes the end one stage further, if nothing is in its way or its deadline is over.
    pub(crate) fn drain(&mut self, deadline_is_over: bool) {
        let others = self.mailboxes.shards() - 1;
        let complete = self.finished == others && !self.mailboxes.has_message() && !self.mailboxes.is_congested();
        match self.drain {
            Drain::Stopping if complete => {
                (0..self.mailboxes.shards()).filter(|other| *other != self.id).for_each(|o| self.policy.finished(o));
                self.drain = Drain::Complete;
            }
            Drain::Complete
                if deadline_is_over || self.full.is_empty() && !self.policy.flush(0) && !self.policy.is_pending() =>
            {
                for connection in self.connections.iter_mut().flatten() {
                    connection.end(End::new(Code::GoingAway, ""));
                }
                self.drain = Drain::Told;
            }
            Drain::Told if self.connections.iter().all(Option::is_none) => self.drain = Drain::Done,
            _ => {}
        }
    }
}
