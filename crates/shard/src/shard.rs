//! The shard: its parts, and the tick.
//!
//! A tick has two halves. The first exchanges messages with the other shards, so that they can begin their work in the
//! meantime. The second flushes, and then closes the connections that have ended. The driver calls them in this order and
//! may let connections read between them.

use crate::activity::{Activity, Due};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::connections::{ConnectionState, Connections, Endpoint};
use crate::deadlines::Deadlines;
use crate::drain::{Drain, DrainAction};
use crate::effects::{Disconnect, Effects, ShardEffect};
use crate::lifecycle::{Event, Lifecycle};
use crate::limits::ShardLimits;
use crate::outbound::{MailboxMessage, Mailboxes, Outbound, ShardMessage};
use crate::stats::ShardStats;
use crate::waits::Waits;
use corecast_fanout::{ConnectionId, Effect, Policy, ShardId};
use corecast_session::{Context, End, Session};
use corecast_wire::Code;
use fastrand::Rng;
use std::time::Duration;

/// The most messages taken from the mailbox in one tick.
pub const MAX_MAILBOX_MESSAGES: usize = 256;

/// A shard with its policy. `E` is the driver's end of a connection.
#[derive(Debug)]
pub struct Shard<P: Policy<E::Outlet>, E: Endpoint> {
    pub(crate) policy: P,
    pub(crate) limits: ShardLimits,
    pub(crate) clock: Clock,
    pub(crate) connections: Connections<E>,
    pub(crate) waits: Waits,
    pub(crate) outbound: Outbound<P::Item>,
    pub(crate) deadlines: Deadlines,
    pub(crate) effects: Effects<E>,
    drain: Drain,
    stats: ShardStats,
    random: Rng,
    /// The buffer in which sessions encode their answers.
    answer: Vec<u8>,
}

impl<P: Policy<E::Outlet>, E: Endpoint> Shard<P, E> {
    /// Creates the shard `own` of a server with `shards` shards. `at` is the driver's time now; it may begin anywhere but
    /// must never go back. `seed` is for the random delays after which the peers of a stopping server are asked to
    /// reconnect.
    pub fn new(own: ShardId, shards: ShardId, policy: P, limits: ShardLimits, at: Duration, seed: u64) -> Self {
        Self {
            policy,
            clock: Clock::start(at, limits.sweep_interval),
            connections: Connections::new(limits.connections),
            waits: Waits::default(),
            outbound: Outbound::new(own, shards),
            deadlines: Deadlines::default(),
            effects: Effects::default(),
            drain: Drain::Serving,
            stats: ShardStats::default(),
            random: Rng::with_seed(seed),
            answer: Vec::new(),
            limits,
        }
    }

    /// Returns the policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// Returns the policy, for calls that the driver makes itself, such as setting its waker.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Returns the statistics so far.
    pub fn stats(&self) -> ShardStats {
        ShardStats { counters: self.policy.counters(), ..self.stats.clone() }
    }

    /// Takes the next effect for the driver. The driver takes all effects after every call that may have left some, and
    /// before the next tick.
    pub fn take_effect(&mut self) -> Option<ShardEffect<E>> {
        self.effects.take()
    }

    /// Returns true if a tick has something to do, and clears the request.
    pub fn take_tick_request(&mut self) -> bool {
        self.effects.take_tick_request()
    }

    /// Returns true if a message to this shard waits for room in its mailbox.
    pub fn is_waiting_for(&self, to: ShardId) -> bool {
        self.outbound.is_waiting(to)
    }

    /// Returns true if the next tick would receive a message, or post one that waited for room.
    pub fn can_exchange(&self, mailboxes: &impl Mailboxes<Item = P::Item>) -> bool {
        !mailboxes.is_empty() || self.outbound.others().any(|to| self.is_waiting_for(to) && mailboxes.has_room(to))
    }

    /// Returns true if a message waits for room in any mailbox.
    pub fn is_congested(&self) -> bool {
        self.outbound.is_congested()
    }

    /// Returns all connections that have not been reaped.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionState<E>> {
        self.connections.iter()
    }

    /// Returns the number of connections.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Returns the connection of this name, unless it is gone.
    pub fn connection(&self, id: ConnectionId) -> Option<&ConnectionState<E>> {
        self.connections.get(id)
    }

    /// Returns true if there is no room for another connection; then the driver must [`refuse`](Self::refuse) it.
    pub fn is_full(&self) -> bool {
        self.connections.is_full()
    }

    /// Takes in a connection that was accepted at `at`, the driver's time. The connection may be silent for `idle_timeout`,
    /// or without limit if that is zero.
    pub fn open<S: Session>(
        &mut self,
        endpoint: E,
        mut session: S,
        idle_timeout: Duration,
        at: Duration,
    ) -> Connection<S> {
        let id = self.policy.open(endpoint.outlet(), S::ENCODING);
        let activity = Activity::begin(S::PING, idle_timeout, self.clock.read(at));
        self.connections.insert(id, endpoint, Lifecycle::begin(S::HAS_HANDSHAKE), activity);
        self.stats.accepted += 1;
        self.with_context(id, |context| session.opened(context));
        Connection::new(id, session, &self.limits, at)
    }

    /// Refuses a connection, and returns the bytes to send to its peer.
    pub fn refuse<S: Session>(&mut self, session: &S) -> Vec<u8> {
        let end = End::new(Code::Full, "the server has as many connections as it may");
        let mut refusal = Vec::new();
        session.refusal(&end, &mut refusal);
        self.stats.count_closed(end.code);
        refusal
    }

    /// Ends a connection. Its peer is told the reason, after everything that was accepted for it before. The first reason
    /// counts; returns true if this is the first.
    pub fn end(&mut self, id: ConnectionId, end: End) -> bool {
        self.effects.wake(id);
        self.connections.get_mut(id).is_some_and(|connection| connection.end(end))
    }

    /// Ends a connection at once; its peer is told nothing. Returns true if the connection was not ending already.
    pub fn reset(&mut self, id: ConnectionId, end: End) -> bool {
        let first = self.end(id, end);
        self.effects.push(ShardEffect::ResetOnClose(id));
        self.expire(id);
        first
    }

    /// Ends a connection for an administrator: at once with [`Code::Reset`], in an orderly way with any other code. Returns true
    /// if it was not ending already.
    pub fn close(&mut self, id: ConnectionId, end: End) -> bool {
        if end.code == Code::Reset { self.reset(id, end) } else { self.end(id, end) }
    }

    /// Breaks off a connection that is ending: nothing more is expected of its peer.
    pub(crate) fn expire(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.lifecycle.apply(Event::Finish);
        self.effects.push(ShardEffect::BreakOff(id));
        self.effects.wake(id);
    }

    /// Notes that the transport of a connection is writable again, or never will be. The driver calls this once for each
    /// [`ShardEffect::WaitWritable`].
    pub fn writable(&mut self, id: ConnectionId) {
        self.waits.unblock();
        if let Some(connection) = self.connections.get_mut(id) {
            connection.activity.unblock();
        }
        self.policy.writable(id);
        self.effects.request_tick();
    }

    /// Does the first half of a tick: posts what was read here to the other shards, receives what they have posted, and
    /// sends answers. `answer` answers the requests from outside.
    pub fn exchange<M: Mailboxes<Item = P::Item>>(
        &mut self,
        mailboxes: &mut M,
        answer: impl FnMut(&mut Self, M::Request),
    ) {
        self.policy.post();
        // Post before anything else, so that the other shards can begin in the meantime.
        self.post(mailboxes);
        self.receive_messages(mailboxes, answer);
        self.post(mailboxes);
        self.policy.flush(0);
    }

    /// Does the second half of a tick: sends messages to about `budget` subscribers, and closes the connections that have
    /// ended. Returns true if there is more to do.
    pub fn flush<M: Mailboxes<Item = P::Item>>(&mut self, budget: usize, mailboxes: &mut M) -> bool {
        let more = self.policy.flush(budget);
        while let Some(effect) = self.policy.take_effect() {
            self.carry_out(effect);
        }
        let is_saturated = self.policy.is_saturated();
        while let Some(id) = self.connections.take_to_reap() {
            self.policy.close(id);
            if let Some(endpoint) = self.connections.remove(id) {
                self.effects.push(ShardEffect::Close(endpoint));
            }
        }
        // A subscription that ended in the flush may have left a message for the other shards.
        self.post(mailboxes);
        self.wait_for_full();
        if !is_saturated && !self.outbound.is_congested() {
            self.waits.take_paused().for_each(|id| self.effects.wake(id));
        }
        more || (!is_saturated && !mailboxes.is_empty())
    }

    /// Advances the shard's clock to the driver's time; the driver calls this before every sweep. Returns the length of the
    /// standstill before it, if the shard stood still. The driver then first lets the shard read what peers have sent in
    /// the meantime.
    pub fn advance_clock(&mut self, at: Duration) -> Option<Duration> {
        self.clock.advance(at)
    }

    /// Returns the time for which the shard has run, as of the last sweep.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Returns the number of standstills, each too long for the deadlines to count.
    pub fn standstills(&self) -> u64 {
        self.clock.standstills()
    }

    /// Takes the actions that are due for some of the connections, and breaks off ending connections whose deadline has
    /// passed.
    pub fn sweep(&mut self) {
        let now = self.clock.now();
        for slot in self.deadlines.next_slots(self.connections.slots()) {
            let Some(connection) = self.connections.at_mut(slot) else { continue };
            let id = connection.id();
            match connection.due(now, &self.limits) {
                Some(Due::Ping) => self.ping(id),
                Some(Due::End(end)) => drop(self.end(id, end)),
                Some(Due::Reset(end)) => drop(self.reset(id, end)),
                None => {}
            }
        }
        for id in self.deadlines.take_expired(now) {
            self.expire(id);
        }
        self.effects.request_tick();
    }

    fn ping(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        let mut frame = Vec::new();
        connection.activity.ping(&mut frame);
        self.policy.answer(id, &frame);
    }

    /// Returns the stage of the drain.
    pub fn drain_stage(&self) -> Drain {
        self.drain
    }

    /// Returns true if the shard accepts nothing new.
    pub fn is_stopping(&self) -> bool {
        self.drain.is_stopping()
    }

    /// Begins to stop: nothing is read from now on.
    pub fn stop(&mut self) {
        self.drain.stop();
        self.effects.request_tick();
    }

    /// Begins the drain after the last connection was accepted. `at` is the driver's time.
    pub fn begin_drain(&mut self, at: Duration) {
        self.stats.undelivered_before = self.policy.counters().undelivered;
        self.drain = Drain::Exchanging(self.clock.read(at) + self.limits.drain_timeout);
        self.effects.request_tick();
    }

    /// Moves the drain to its next stage if the current one is complete or its deadline has passed. The driver calls this
    /// after every tick of a shard that drains.
    pub fn drain(&mut self, at: Duration, mailboxes: &impl Mailboxes<Item = P::Item>) {
        let is_complete = match self.drain {
            Drain::Serving | Drain::Stopping | Drain::Done => return,
            Drain::Exchanging(_) => self.outbound.is_complete() && mailboxes.is_empty(),
            Drain::Flushing(_) => self.waits.blocked() == 0 && !self.policy.flush(0) && !self.policy.is_pending(),
            Drain::Closing(_) | Drain::Expired(_) => self.connections.len() == 0,
        };
        match self.drain.advance(is_complete, self.clock.read(at), self.limits.linger) {
            Some(DrainAction::StopWaiting) => self.outbound.others().for_each(|other| self.policy.finished(other)),
            Some(DrainAction::TellEverybody) => self.tell_everybody(),
            Some(DrainAction::BreakOffEverybody) => self.connection_ids().into_iter().for_each(|id| self.expire(id)),
            Some(DrainAction::Finish) => {}
            None => return,
        }
        self.effects.request_tick();
    }

    fn tell_everybody(&mut self) {
        let cut_off = self.connections.iter().filter(|connection| connection.full).count();
        self.stats.cut_off += cut_off as u64;
        self.stats.drained += (self.connections.len() - cut_off) as u64;
        for id in self.connection_ids() {
            let delay = self.random_below_spread();
            self.end(id, End::new(Code::GoingAway, "the server is stopping").with_reconnect_delay(delay));
        }
    }

    fn connection_ids(&self) -> Vec<ConnectionId> {
        self.connections.iter().map(ConnectionState::id).collect()
    }

    /// Returns a random part of the reconnect window, to the millisecond, or `None` if there is no window.
    fn random_below_spread(&mut self) -> Option<Duration> {
        let milliseconds = u32::try_from(self.limits.reconnect_spread.as_millis()).unwrap_or(u32::MAX);
        (milliseconds > 0).then(|| Duration::from_millis(self.random.u32(..milliseconds).into()))
    }

    fn post<M: Mailboxes<Item = P::Item>>(&mut self, mailboxes: &mut M) {
        let is_stopping = self.is_stopping();
        self.outbound.post(&mut self.policy, is_stopping, mailboxes);
    }

    fn receive_messages<M: Mailboxes<Item = P::Item>>(
        &mut self,
        mailboxes: &mut M,
        mut answer: impl FnMut(&mut Self, M::Request),
    ) {
        if self.policy.is_saturated() {
            return;
        }
        for _ in 0..MAX_MAILBOX_MESSAGES {
            match mailboxes.receive() {
                Some(MailboxMessage::Shard(from, ShardMessage::Batch(batch))) => self.policy.receive(from, batch),
                Some(MailboxMessage::Shard(from, ShardMessage::Finished)) => {
                    self.outbound.note_finished();
                    self.policy.finished(from);
                }
                Some(MailboxMessage::Stop) => self.stop(),
                Some(MailboxMessage::Request(request)) => answer(self, request),
                None => return,
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let (Effect::Full(id) | Effect::Drained(id) | Effect::Lagged(id) | Effect::Gone(id)) = effect;
        let Some(connection) = self.connections.get_mut(id) else { return };
        match effect {
            Effect::Full(_) => {
                connection.full = true;
                self.waits.note_full(id);
            }
            Effect::Drained(_) => {
                connection.full = false;
                // A connection that lagged after it was given a close frame lost that frame; a new one has yet to leave.
                if !connection.lagged {
                    connection.lifecycle.apply(Event::Drained);
                }
                self.effects.wake(id);
            }
            Effect::Lagged(_) => {
                connection.end_lagged(End::new(Code::Lagged, "the subscriber fell behind by more than the log holds"));
                self.effects.wake(id);
            }
            Effect::Gone(_) => {
                self.end(id, End::new(Code::Reset, "the connection is broken"));
                self.expire(id);
            }
        }
    }

    /// Has the driver wait for the transports that have become full, unless they have been closed.
    fn wait_for_full(&mut self) {
        let now = self.clock.now();
        while let Some(id) = self.waits.take_full() {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.activity.block(now);
            self.waits.block();
            self.effects.push(ShardEffect::WaitWritable(id));
        }
    }

    /// Lets a connection act on the policy, then commits what it published.
    pub(crate) fn with_context<T>(&mut self, id: ConnectionId, act: impl FnOnce(&mut Context<'_, P>) -> T) -> T {
        let mut context = Context { policy: &mut self.policy, id, answer: &mut self.answer, published: false };
        let result = act(&mut context);
        if context.published {
            self.policy.commit(id);
        }
        self.effects.request_tick();
        result
    }

    /// Has a connection closed at the end of the tick.
    pub(crate) fn reap(&mut self, id: ConnectionId) {
        let Some(end) = self.connections.get(id).and_then(|connection| connection.reason()).cloned() else { return };
        self.stats.count_closed(end.code);
        let backlog = self.policy.backlog(id);
        self.effects.push(ShardEffect::Disconnected(Disconnect { id, end, backlog }));
        self.connections.reap(id);
        self.effects.request_tick();
    }
}
