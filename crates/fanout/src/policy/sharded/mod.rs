//! The sharded policy: every shard has its own registry, logs and subscribers, and takes no lock.
//!
//! A message is encoded once per encoding and appended to this shard's log of the channel. Another shard that is
//! interested is posted a copy of everything that was appended since the last tick, and appends it to its own log. A
//! subscriber is a cursor; a flush moves every cursor up to its log's head, with one send each, or one for all channels
//! of a connection.
//!
//! Invariant: only messages that were published here are posted. A log's messages up to `posted` were posted or came
//! from another shard, and everything is posted before anything is received.

mod budget;
mod coalesce;
mod connection;
mod flush;
mod flush_queue;
mod interest;
mod lag;
mod leave;
mod outbound;
mod registry;

use crate::{
    Backlog, ConnectionId, Counters, Effect, Encode, EncodedBatch, Encoding, FanoutLimits, Hooks, Item, LagRule,
    Outlet, Policy, Publication, ShardBatch, ShardId, Slots, TooManySubscriptions,
};
use budget::MemoryBudget;
use connection::{Connection, Phase, Stopped};
use flush_queue::FlushQueue;
use outbound::Outbound;
use registry::Registry;
use std::collections::VecDeque;

/// One shard's side of the sharded policy.
///
/// It moves bytes between its parts, each of which has the invariants of its own state: connections, the registry, the
/// queue of the flush, the batches for other shards, and the memory of the logs.
#[derive(Debug)]
pub struct Sharded<O, E> {
    encode: E,
    limits: FanoutLimits,
    connections: Slots<Connection<O>>,
    registry: Registry,
    queue: FlushQueue,
    outbound: Outbound,
    budget: MemoryBudget,
    effects: VecDeque<Effect>,
    counters: Counters,
}

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Creates the side of shard `shard` of `shards`.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn new(shard: ShardId, shards: ShardId, limits: FanoutLimits, encode: E) -> Self {
        assert!(shard < shards, "shard {shard} of {shards}");
        Self {
            encode,
            connections: Slots::with_capacity(shard, limits.reserved_connections),
            registry: Registry::default(),
            queue: FlushQueue::default(),
            outbound: Outbound::new(shard, shards),
            budget: MemoryBudget::new(&limits),
            limits,
            effects: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Returns the number of channel logs: channels that somebody here or elsewhere wants, by encoding.
    pub fn channel_logs(&self) -> usize {
        self.registry.channel_logs.len()
    }

    fn answer_slot(&mut self, slot: u32, frame: &[u8]) {
        let (id, connection) = self.connections.at(slot);
        if connection.phase == Phase::Ending || frame.is_empty() {
            return;
        }
        connection.hold(frame);
        self.list_for_answer(id);
    }

    /// Makes the next flush send what is pending for a connection.
    fn list_for_answer(&mut self, id: ConnectionId) {
        let connection = self.connections.get_mut(id).expect("it is there");
        self.queue.list_for_answer(id, &mut connection.listed);
    }

    /// Returns true if a connection has or awaits a subscription that it has not asked to end.
    fn has_asked_for(&self, slot: u32, channel: &str) -> bool {
        let connection = self.connections.peek(slot);
        let Some(channel_log) = self.registry.channel_logs.find(channel, connection.encoding) else { return false };
        match self.registry.subscription_to(slot, channel_log) {
            Some(key) => self.registry.stays(key),
            None => connection.waiting.contains(&channel_log),
        }
    }

    fn subscribe_to(&mut self, id: ConnectionId, channel: &str, lag: LagRule, answer: &[u8]) {
        let encoding = self.connections.peek(id.slot).encoding;
        if let Some(key) = self.registry.find(id.slot, channel, encoding) {
            if !self.come_back(id.slot, key, lag, answer) {
                self.answer_slot(id.slot, answer);
            }
            return;
        }
        let channel_log = self.registry.channel_logs.find_or_create(channel, encoding);
        if self.ask_for(channel_log) {
            self.add_subscription(id.slot, channel_log, lag);
            self.answer_slot(id.slot, answer);
        } else {
            self.wait_for(channel_log, id.slot, lag, answer);
        }
    }

    fn unsubscribe_from(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        let encoding = self.connections.peek(id.slot).encoding;
        if let Some(channel_log) = self.registry.channel_logs.find(channel, encoding) {
            if let Some(key) = self.registry.subscription_to(id.slot, channel_log) {
                return self.leave(id, key, answer);
            }
            for answer in self.stop_waiting(id.slot, channel_log) {
                self.answer_slot(id.slot, &answer);
            }
        }
        self.answer_slot(id.slot, answer);
    }

    fn add_subscription(&mut self, slot: u32, channel_log: u32, lag: LagRule) {
        let (_, connection) = self.connections.at(slot);
        connection.subscriptions.extend(self.registry.add(slot, channel_log, connection.subscriptions.len(), lag));
    }

    fn remove_subscription(&mut self, key: u32) {
        let gone = self.registry.remove(key);
        let (_, connection) = self.connections.at(gone.slot);
        if gone.coalesced {
            connection.behind.retain(|behind| *behind != key);
        }
        connection.waiting_bytes -= gone.leaving.map_or(0, |leaving| leaving.bytes());
        connection.subscriptions.swap_remove(gone.index_in_connection as usize);
        if let Some(moved) = connection.subscriptions.get(gone.index_in_connection as usize) {
            self.registry.subscriptions[*moved as usize].index_in_connection = gone.index_in_connection;
        }
        self.queue.list_for_trim(gone.channel_log, &mut self.registry.channel_logs[gone.channel_log]);
        self.leave_channel_log(gone.channel_log);
    }

    /// Ends every subscription that a connection has or awaits, because the connection ends.
    fn remove_all_subscriptions(&mut self, id: ConnectionId) {
        self.note_backlog(id);
        while let Some(key) = self.connections.get(id).and_then(|connection| connection.subscriptions.last().copied()) {
            self.counters.undelivered += self.registry.take_unsent_count(key);
            self.remove_subscription(key);
        }
        while let Some(channel_log) = self.connections.get(id).and_then(|connection| connection.waiting.last().copied())
        {
            self.stop_waiting(id.slot, channel_log);
        }
    }

    /// Records a connection's backlog before it is lost with the subscriptions. The first record counts.
    fn note_backlog(&mut self, id: ConnectionId) {
        let backlog = self.backlog(id);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.final_backlog = Some(backlog);
        }
    }

    /// Appends messages that another shard has posted. They are for subscribers here, and go no further.
    fn receive_batch(&mut self, batch: &EncodedBatch) {
        self.counters.batches_received += 1;
        let Some(key) = self.registry.channel_logs.find(&batch.channel, batch.encoding) else { return };
        let channel_log = &mut self.registry.channel_logs[key];
        if channel_log.subscribers.is_empty() {
            return;
        }
        debug_assert!(!channel_log.to_post, "everything is posted before anything is received");
        self.budget.lend(&mut channel_log.log);
        channel_log.log.append_batch(&batch.bytes, &batch.lengths);
        channel_log.posted = channel_log.log.head();
        self.queue.list(key, channel_log);
        self.budget.note_size(channel_log);
    }

    fn report(&mut self, id: ConnectionId, stopped: Stopped) {
        self.effects.push_back(match stopped {
            Stopped::Full => Effect::Full(id),
            Stopped::Gone => Effect::Gone(id),
        });
    }
}

impl<O, E> Hooks for Sharded<O, E> {}

impl<O: Outlet, E: Encode> Policy<O> for Sharded<O, E> {
    type Item = Item;

    fn open(&mut self, outlet: O, encoding: Encoding) -> ConnectionId {
        self.connections.insert(Connection::new(outlet, encoding))
    }

    fn end(&mut self, id: ConnectionId, close_frame: &[u8]) {
        self.note_backlog(id);
        let Some(connection) = self.connections.get(id) else { return };
        if connection.phase == Phase::Serving || connection.has_lagged() {
            self.effects.retain(|effect| *effect != Effect::Drained(id));
            self.finish(id, close_frame);
        }
    }

    fn awaits_others(&self, id: ConnectionId) -> bool {
        let phase = self.connections.get(id).filter(|connection| !connection.has_lagged()).map(|it| it.phase);
        matches!(phase, Some(Phase::Finishing { barrier }) if !self.outbound.is_passed(barrier))
    }

    fn close(&mut self, id: ConnectionId) {
        self.remove_all_subscriptions(id);
        self.connections.remove(id);
    }

    fn answer(&mut self, id: ConnectionId, frame: &[u8]) {
        if self.connections.get(id).is_some_and(|connection| !connection.is_finishing()) {
            self.answer_slot(id.slot, frame);
        }
    }

    fn pending_bytes(&self, id: ConnectionId) -> usize {
        self.connections.get(id).map_or(0, Connection::pending_bytes)
    }

    fn backlog(&self, id: ConnectionId) -> Backlog {
        let Some(connection) = self.connections.get(id) else { return Backlog::default() };
        connection.final_backlog.unwrap_or_else(|| {
            let unsent = connection.subscriptions.iter().map(|key| self.registry.unsent(*key).len());
            let bytes_behind = connection.pending_bytes() + unsent.sum::<usize>();
            Backlog { channels: connection.subscriptions.len(), bytes_behind }
        })
    }

    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<LagRule>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions> {
        let Some(connection) = self.connections.get(id) else { return Ok(()) };
        if connection.phase != Phase::Serving {
            return Ok(());
        }
        let encoding = connection.encoding;
        let lag = lag.unwrap_or_else(|| self.limits.lag(encoding));
        let count = connection.subscriptions.len() + connection.waiting.len();
        if count >= self.limits.max_subscriptions && !self.has_asked_for(id.slot, channel) {
            let limit = self.limits.max_subscriptions;
            if self.count_subscriptions(id.slot) >= limit {
                return Err(TooManySubscriptions { limit });
            }
        }
        self.subscribe_to(id, channel, lag, answer);
        Ok(())
    }

    fn awaits_subscription(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_some_and(|connection| !connection.waiting.is_empty())
    }

    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        if self.connections.get(id).is_some_and(|connection| !connection.is_finishing()) {
            self.unsubscribe_from(id, channel, answer);
        }
    }

    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>) {
        if self.connections.get(from).is_none() {
            return;
        }
        self.counters.published += 1;
        for key in self.registry.channel_logs.of_channel(publication.channel) {
            let channel_log = &mut self.registry.channel_logs[key];
            if !channel_log.is_wanted() {
                continue;
            }
            self.budget.lend(&mut channel_log.log);
            let message = channel_log.log.head();
            let encoding = channel_log.encoding;
            channel_log.log.append(|out| self.encode.message(encoding, publication.channel, publication.payload, out));
            if publication.no_echo
                && let Some(own) = self.registry.subscription_to(from.slot, key)
            {
                self.registry.subscriptions[own as usize].own.push(message);
            }
            let channel_log = &mut self.registry.channel_logs[key];
            self.outbound.note_published(key, channel_log);
            if !channel_log.subscribers.is_empty() {
                self.queue.list(key, channel_log);
            }
            self.budget.note_size(channel_log);
        }
    }

    fn writable(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.reopen();
        self.resume(id);
    }

    fn post(&mut self) {
        self.post_all();
    }

    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch {
        self.outbound.batch(to)
    }

    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch) {
        self.post_all();
        for item in shard_batch.into_items() {
            match item {
                Item::Messages(batch) => self.receive_batch(&batch),
                Item::Interest { channel, encoding } => self.add_interest(from, &channel, encoding),
                Item::Withdrawn { channel, encoding } => self.remove_interest(from, &channel, encoding),
                // Everything accepted before is in the shard batch already.
                Item::Barrier(number) => self.outbound.batch(from).push(Item::Passed(number)),
                Item::Passed(number) => self.pass(from, number),
            }
        }
        self.outbound.ask_for_barrier();
    }

    fn finished(&mut self, from: ShardId) {
        self.pass(from, u64::MAX);
    }

    fn flush(&mut self, budget: usize) -> bool {
        self.flush_all(budget)
    }

    fn is_between_rounds(&self) -> bool {
        self.queue.is_between_rounds()
    }

    fn is_saturated(&self) -> bool {
        self.budget.is_saturated()
    }

    fn take_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
