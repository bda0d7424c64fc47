//! One shard's side of a baseline, for any registry.
//!
//! A fan-out costs one send per subscriber and read batch. Bytes that a full transport does not take are kept with the
//! connection, up to [`FanoutLimits::log_bytes`] and one batch more; its owner continues when it is writable. A baseline
//! ignores [`FanoutLimits::shard_log_bytes`].

use crate::fan_out::delivery::{Deliveries, Recipient};
use crate::leave::{Awaiting, Phase};
use crate::registry::MAX_WAITING;
use crate::{Delivery, Directory, FanOut, Handoff, Item, Membership, Notice, Outcome, Writer};
use corecast_fanout::policy::{Barriers, Leaving};
use corecast_fanout::{
    Backlog, ConnectionId, Counters, Effect, Encode, Encoding, FanoutLimits, Hooks, LagRule, Outlet, Policy,
    Publication, ShardBatch, ShardId, Slots, TooManySubscriptions,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

/// One shard's side of a baseline.
#[derive(Debug)]
pub struct Shared<O, E, D> {
    pub(crate) shard: ShardId,
    pub(crate) directory: D,
    pub(crate) connections: Slots<Local<O>>,
    /// The messages that the current read of a publisher has brought so far.
    pub(crate) fan_out: FanOut<E>,
    /// The outcome of requests to the registry; empty except for the counters once it has been processed.
    pub(crate) outcome: Outcome,
    /// The deliveries that the registry named to this shard.
    pub(crate) deliveries: Deliveries,
    /// The number of subscriptions so far.
    pub(crate) subscriptions: u64,
    /// The connections with answers that have not left.
    pub(crate) to_answer: Vec<ConnectionId>,
    pub(crate) shard_batches: Vec<ShardBatch<Item>>,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) barriers: Barriers,
    /// The operations that wait for barriers, in order.
    pub(crate) awaiting: VecDeque<Awaiting>,
    /// The barriers of other shards: the number of requests that the registry must have done before this shard passes
    /// them, the asking shard, and the barrier's number.
    pub(crate) to_pass: VecDeque<(u64, ShardId, u64)>,
    /// The writers of closed connections that a fan-out or a request to the registry still holds. They are kept so that
    /// this shard drops the last outlet, which closes the descriptor.
    pub(crate) closed: Vec<Arc<Writer<O>>>,
}

/// The state that the owning shard keeps of a connection.
#[derive(Debug)]
pub(crate) struct Local<O> {
    pub(crate) writer: Arc<Writer<O>>,
    pub(crate) subscriptions: HashMap<Arc<str>, Subscribed<O>>,
    /// The bytes of the answers that wait for a subscription to end.
    pub(crate) waiting_bytes: usize,
    pub(crate) listed: bool,
    pub(crate) phase: Phase,
    /// True if the owner has been told that the connection lagged.
    pub(crate) lag_told: bool,
    /// The backlog at the moment when the connection was ended.
    pub(crate) final_backlog: Option<Backlog>,
}

/// A subscription from the point of view of its owner.
#[derive(Debug)]
pub(crate) struct Subscribed<O> {
    pub(crate) member: Arc<Membership<O>>,
    /// The steps of its end, if it was asked to end.
    pub(crate) leaving: Option<Box<Leaving>>,
}

impl<O: Outlet> Local<O> {
    pub(crate) fn backlog(&self) -> Backlog {
        let now = || Backlog { channels: self.subscriptions.len(), bytes_behind: self.writer.pending_bytes() };
        self.final_backlog.unwrap_or_else(now)
    }

    /// Returns true if the lag notice is still on its way to the owner. The owner then ends the connection, perhaps for
    /// a second time.
    pub(crate) fn owes_lag_notice(&self, id: ConnectionId, effects: &VecDeque<Effect>) -> bool {
        self.writer.has_lagged() && (!self.lag_told || effects.contains(&Effect::Lagged(id)))
    }

    /// Returns the number of subscriptions that the connection has requested and not asked to end.
    fn count_subscriptions(&self) -> usize {
        let stays =
            |subscribed: &&Subscribed<O>| subscribed.leaving.as_ref().is_none_or(|leaving| leaving.comes_back());
        self.subscriptions.values().filter(stays).count()
    }
}

impl<O: Outlet, E: Encode, D: Directory<O>> Shared<O, E, D> {
    /// Creates the side of shard `shard` of `shards`. All of them are given clones of one directory.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn new(shard: ShardId, shards: ShardId, limits: FanoutLimits, encode: E, directory: D) -> Self {
        assert!(shard < shards, "shard {shard} of {shards}");
        Self {
            shard,
            directory,
            connections: Slots::with_capacity(shard, limits.reserved_connections),
            fan_out: FanOut::new(limits, encode),
            outcome: Outcome::default(),
            deliveries: Deliveries::default(),
            subscriptions: 0,
            to_answer: Vec::new(),
            shard_batches: (0..shards).map(|_| ShardBatch::default()).collect(),
            effects: VecDeque::new(),
            barriers: Barriers::new(shard, shards),
            awaiting: VecDeque::new(),
            to_pass: VecDeque::new(),
            closed: Vec::new(),
        }
    }

    /// Sets the way of writing to sockets, which must be the same for all shards.
    #[must_use]
    pub fn with_handoff(mut self, handoff: Handoff) -> Self {
        self.fan_out.handoff = handoff;
        self
    }

    pub(crate) fn list(&mut self, id: ConnectionId) {
        if let Some(local) = self.connections.get_mut(id)
            && !std::mem::replace(&mut local.listed, true)
        {
            self.to_answer.push(id);
        }
    }

    /// Sends the messages that the current read has brought so far.
    pub(crate) fn commit_batch(&mut self) {
        if self.fan_out.from.is_some() {
            self.directory.fan_out(&mut self.fan_out, &mut self.outcome);
            self.advance();
        }
    }

    /// Continues with the requests to the registry, and processes their outcome.
    pub(crate) fn advance(&mut self) {
        self.directory.advance(&mut self.outcome);
        let mut outcome = std::mem::take(&mut self.outcome);
        for (id, notice) in outcome.notices.drain(..) {
            self.notify(id, notice);
        }
        for (shard, delivery) in outcome.deliveries.drain(..) {
            if shard == self.shard {
                self.deliveries.push(delivery);
            } else {
                self.shard_batches[usize::from(shard)].push(Item::Delivery(delivery));
            }
        }
        for id in outcome.joined.drain(..) {
            self.list(id);
        }
        self.outcome = outcome;
        self.pass_barriers();
        self.act_on_barriers();
        self.closed.retain(|writer| Arc::strong_count(writer) > 1);
    }

    /// Reports an event of a connection to its owner.
    fn notify(&mut self, id: ConnectionId, notice: Notice) {
        if id.shard == self.shard {
            self.affect(id, notice);
        } else {
            self.shard_batches[usize::from(id.shard)].push(Item::Notice(id, notice));
        }
    }

    /// Processes an event of a connection of this shard, which may have ended or gone meanwhile.
    fn affect(&mut self, id: ConnectionId, notice: Notice) {
        let Some(local) = self.connections.get_mut(id) else { return };
        if notice == Notice::Lagged {
            if local.phase == Phase::Ended {
                return;
            }
            if local.phase != Phase::Serving {
                local.phase = Phase::LAGGED;
            }
            local.lag_told = true;
        }
        self.effects.push_back(effect(id, notice));
    }

    fn send_answers(&mut self) {
        let mut to_answer = std::mem::take(&mut self.to_answer);
        for id in to_answer.drain(..) {
            let Some(local) = self.connections.get_mut(id) else { continue };
            local.listed = false;
            match local.writer.flush_held(&mut self.outcome.counters) {
                Ok(drained) => self.note_drained(id, drained),
                Err(notice) => self.affect(id, notice),
            }
        }
        self.to_answer = to_answer;
    }

    /// Writes the deliveries of this shard to at most `budget` connections. Returns true if there is more.
    fn deliver(&mut self, mut budget: usize) -> bool {
        while budget > 0
            && let Some((delivery, begin)) = self.deliveries.take()
        {
            let end = delivery.recipients.len().min(begin + budget);
            delivery.recipients[begin..end].iter().for_each(|recipient| self.write(&delivery, *recipient));
            budget -= end - begin;
            self.deliveries.put_back(delivery, end);
        }
        !self.deliveries.is_empty()
    }

    /// Writes to one connection, if the subscription still exists.
    fn write(&mut self, Delivery { channel, encoded, .. }: &Delivery, recipient: Recipient) {
        let Some(local) = self.connections.get(recipient.id) else { return };
        let member = local.subscriptions.get(channel).map(|subscribed| &subscribed.member);
        let Some(member) = member.filter(|member| member.number == recipient.subscription) else { return };
        if let Err(notice) = member.write(channel, encoded, &self.fan_out.limits, &mut self.outcome.counters) {
            self.affect(recipient.id, notice);
        }
    }
}

fn effect(id: ConnectionId, notice: Notice) -> Effect {
    match notice {
        Notice::Full => Effect::Full(id),
        Notice::Lagged => Effect::Lagged(id),
        Notice::Gone => Effect::Gone(id),
    }
}

impl<O: Outlet, E: Encode, D: Directory<O>> Hooks for Shared<O, E, D> {
    fn commit(&mut self, _from: ConnectionId) {
        self.commit_batch();
    }

    fn merges(&self) -> bool {
        self.fan_out.handoff == Handoff::Direct
    }

    fn is_pending(&self) -> bool {
        self.directory.waiting() > 0
    }

    fn wake_with(&mut self, waker: Waker) {
        self.directory.wake_with(waker);
    }
}

impl<O: Outlet, E: Encode, D: Directory<O>> Policy<O> for Shared<O, E, D> {
    type Item = Item;

    fn open(&mut self, outlet: O, encoding: Encoding) -> ConnectionId {
        self.connections.insert_with(|id| Local {
            writer: Arc::new(Writer::new(id, encoding, outlet)),
            subscriptions: HashMap::new(),
            waiting_bytes: 0,
            listed: false,
            phase: Phase::Serving,
            lag_told: false,
            final_backlog: None,
        })
    }

    fn end(&mut self, id: ConnectionId, close_frame: &[u8]) {
        self.commit_batch();
        self.finish(id, close_frame);
        self.advance();
    }

    fn awaits_others(&self, id: ConnectionId) -> bool {
        let phase = self.connections.get(id).map(|local| &local.phase);
        matches!(phase, Some(phase @ Phase::Finishing { .. }) if *phase != Phase::LAGGED)
    }

    fn close(&mut self, id: ConnectionId) {
        self.commit_batch();
        let Some(local) = self.connections.remove(id) else { return };
        for channel in local.subscriptions.keys() {
            self.directory.leave(channel, id);
        }
        local.writer.close(&mut self.outcome.counters);
        self.closed.push(local.writer);
        drop(local.subscriptions);
        self.advance();
    }

    fn answer(&mut self, id: ConnectionId, frame: &[u8]) {
        let Some(local) = self.connections.get(id) else { return };
        if local.phase == Phase::Serving && !frame.is_empty() {
            local.writer.hold(frame);
            self.list(id);
        }
    }

    fn pending_bytes(&self, id: ConnectionId) -> usize {
        self.connections.get(id).map_or(0, |local| local.writer.pending_bytes() + local.waiting_bytes)
    }

    fn backlog(&self, id: ConnectionId) -> Backlog {
        self.connections.get(id).map(Local::backlog).unwrap_or_default()
    }

    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<LagRule>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions> {
        self.commit_batch();
        let Some(local) = self.connections.get_mut(id) else { return Ok(()) };
        if local.writer.is_ended() || local.phase != Phase::Serving {
            return Ok(());
        }
        let known = local.subscriptions.get(channel);
        let stays = known.is_some_and(|known| known.leaving.as_ref().is_none_or(|leaving| leaving.comes_back()));
        let limit = self.fan_out.limits.max_subscriptions;
        if !stays && local.subscriptions.len() >= limit && local.count_subscriptions() >= limit {
            return Err(TooManySubscriptions { limit });
        }
        let lag = lag.unwrap_or_else(|| self.fan_out.limits.lag(local.writer.encoding()));
        self.subscribe_to(id, channel, lag, answer);
        self.advance();
        Ok(())
    }

    fn awaits_subscription(&self, id: ConnectionId) -> bool {
        self.directory.waiting() > 0 && self.connections.get(id).is_some_and(|local| local.writer.awaits_join())
    }

    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        self.commit_batch();
        let serves = |local: &Local<O>| local.phase == Phase::Serving && !local.writer.has_lagged();
        if self.connections.get(id).is_some_and(serves) {
            self.unsubscribe_from(id, channel, answer);
            self.advance();
        }
    }

    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>) {
        if self.fan_out.from != Some(from) {
            self.commit_batch();
        }
        let Some(local) = self.connections.get(from) else { return };
        self.outcome.counters.published += 1;
        self.fan_out.from = Some(from);
        self.fan_out.add(publication, local.writer.encoding());
    }

    fn writable(&mut self, id: ConnectionId) {
        let Some(local) = self.connections.get(id) else { return };
        match local.writer.resume(&self.fan_out.encode, &mut self.outcome.counters) {
            Ok(drained) => self.note_drained(id, drained),
            Err(notice) => self.affect(id, notice),
        }
    }

    fn post(&mut self) {
        self.advance();
        self.ask_for_barrier();
    }

    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch<Item> {
        &mut self.shard_batches[usize::from(to)]
    }

    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch<Item>) {
        for item in shard_batch.into_items() {
            match item {
                Item::Notice(id, notice) => self.affect(id, notice),
                Item::Delivery(delivery) => self.deliveries.push(delivery),
                Item::Barrier(number) => self.owe_barrier(from, number),
                Item::Passed(number) => self.barriers.pass(from, number),
            }
        }
        self.advance();
        self.ask_for_barrier();
    }

    fn finished(&mut self, from: ShardId) {
        self.barriers.pass(from, u64::MAX);
        self.advance();
    }

    fn flush(&mut self, budget: usize) -> bool {
        self.advance();
        self.send_answers();
        let more = self.deliver(budget);
        if !self.awaiting.is_empty() {
            self.advance();
            self.send_answers();
        }
        self.ask_for_barrier();
        more
    }

    fn is_between_rounds(&self) -> bool {
        self.deliveries.is_empty()
    }

    fn is_saturated(&self) -> bool {
        self.directory.waiting() >= MAX_WAITING || self.deliveries.bytes() > self.fan_out.limits.log_bytes
    }

    fn take_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn counters(&self) -> Counters {
        self.outcome.counters
    }
}
