//! The sharded policy: every shard has its own registry, logs and subscribers, and takes no lock.
//!
//! A message is encoded once per encoding and appended to this shard's log of the channel; another
//! shard that is interested is posted a copy of what was appended since the last tick and appends it
//! to its own log. A subscriber is a cursor; a flush sends every cursor up to its log's head, one send
//! each, or one for all channels of a connection.
//!
//! Invariants: only what was published here is posted, because a log's messages up to `posted` were
//! posted or came from elsewhere, and everything is posted before anything is received. A channel log that is
//! listed anywhere is not retired.

mod channel_log;
mod coalesce;
mod connection;
mod flush;
mod interest;
mod lag;
mod leave;
mod rounds;
mod subscription;

use super::barrier::Barriers;
use crate::log::BufferPool;
use crate::{
    Backlog, ConnectionId, Counters, Effect, Encode, EncodedBatch, Encoding, Item, Lag, Limits, Outlet, Policy,
    Publication, ShardBatch, ShardId, Slots, TooManySubscriptions,
};
use bytes::Bytes;
use channel_log::ChannelLogs;
use coalesce::Coalescing;
use connection::{Connection, Phase, Stopped};
use leave::Awaiting;
use rounds::Rounds;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use subscription::Subscription;

/// One shard's side of the sharded policy.
#[derive(Debug)]
pub struct Sharded<O, E> {
    shard: ShardId,
    encode: E,
    limits: Limits,
    connections: Slots<Connection<O>>,
    channel_logs: ChannelLogs,
    subscriptions: Slab<Subscription>,
    /// The subscription of a connection (by slot) to a channel log (by key).
    by_pair: HashMap<(u32, u32), u32>,
    /// Connections with answers that have not left.
    to_answer: Vec<ConnectionId>,
    /// Feeds with messages that some subscriber has not had.
    rounds: Rounds,
    /// Who is sent to at the end of the round.
    coalescing: Coalescing,
    /// The last flush ended a round.
    is_between_rounds: bool,
    /// Feeds with messages that interested shards have not had.
    to_post: Vec<u32>,
    /// One for each shard; this shard's own stays empty.
    shard_batches: Vec<ShardBatch>,
    effects: VecDeque<Effect>,
    buffers: BufferPool,
    barriers: Barriers,
    /// Operations that wait for barriers, each with its barrier's number, in order.
    awaiting: VecDeque<(u64, Awaiting)>,
    oversize_channel_logs: usize,
    /// The sizes of all logs.
    log_bytes: usize,
    saturated: bool,
    counters: Counters,
}

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// The side of shard `shard` of `shards`.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn new(shard: ShardId, shards: ShardId, limits: Limits, encode: E) -> Self {
        assert!(shard < shards, "shard {shard} of {shards}");
        Self {
            shard,
            encode,
            connections: Slots::with_capacity(shard, limits.reserved_connections),
            limits,
            channel_logs: ChannelLogs::default(),
            subscriptions: Slab::new(),
            by_pair: HashMap::new(),
            to_answer: Vec::new(),
            rounds: Rounds::default(),
            coalescing: Coalescing::default(),
            is_between_rounds: true,
            to_post: Vec::new(),
            shard_batches: (0..shards).map(|_| ShardBatch::default()).collect(),
            effects: VecDeque::new(),
            buffers: BufferPool::default(),
            barriers: Barriers::new(shard, shards),
            awaiting: VecDeque::new(),
            oversize_channel_logs: 0,
            log_bytes: 0,
            saturated: false,
            counters: Counters::default(),
        }
    }

    /// How many channel logs there are: channels that somebody here or elsewhere wants, by encoding.
    pub fn channel_logs(&self) -> usize {
        self.channel_logs.len()
    }

    fn answer_slot(&mut self, slot: u32, frame: &[u8]) {
        let (id, connection) = self.connections.at(slot);
        if connection.phase == Phase::Ending || frame.is_empty() {
            return;
        }
        connection.hold(frame);
        self.list_for_answer(id);
    }

    /// Has what is pending for a connection sent by the next flush.
    fn list_for_answer(&mut self, id: ConnectionId) {
        let connection = self.connections.get_mut(id).expect("it is there");
        if !std::mem::replace(&mut connection.listed, true) {
            self.to_answer.push(id);
        }
    }

    /// Returns true if a connection has or awaits a subscription that it has not asked to end.
    fn has_asked_for(&self, slot: u32, channel: &str) -> bool {
        let connection = self.connections.peek(slot);
        let Some(channel_log) = self.channel_logs.find(channel, connection.encoding) else { return false };
        match self.by_pair.get(&(slot, channel_log)) {
            Some(key) => self.subscriptions[*key as usize].leaving.as_ref().is_none_or(|leaving| leaving.comes_back()),
            None => connection.waiting.contains(&channel_log),
        }
    }

    fn subscribe_to(&mut self, id: ConnectionId, channel: &str, lag: Lag, answer: &[u8]) {
        let encoding = self.connections.peek(id.slot).encoding;
        let known = self
            .channel_logs
            .find(channel, encoding)
            .and_then(|channel_log| self.by_pair.get(&(id.slot, channel_log)).copied());
        if let Some(key) = known {
            if !self.come_back(id.slot, key, lag, answer) {
                self.answer_slot(id.slot, answer);
            }
            return;
        }
        let channel_log = self.channel_logs.find_or_create(channel, encoding);
        if self.ask_for(channel_log) {
            self.add_subscription(id.slot, channel_log, lag);
            self.answer_slot(id.slot, answer);
        } else {
            self.wait_for(channel_log, id.slot, lag, answer);
        }
    }

    fn unsubscribe_from(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        let encoding = self.connections.peek(id.slot).encoding;
        if let Some(channel_log) = self.channel_logs.find(channel, encoding) {
            if let Some(key) = self.by_pair.get(&(id.slot, channel_log)).copied() {
                return self.leave(id, key, answer);
            }
            for answer in self.stop_waiting(id.slot, channel_log) {
                self.answer_slot(id.slot, &answer);
            }
        }
        self.answer_slot(id.slot, answer);
    }

    fn add_subscription(&mut self, slot: u32, channel_log_key: u32, lag: Lag) {
        if self.by_pair.contains_key(&(slot, channel_log_key)) {
            return;
        }
        let (_, connection) = self.connections.at(slot);
        let channel_log = &mut self.channel_logs[channel_log_key];
        let key = self.subscriptions.insert(Subscription {
            slot,
            channel_log: channel_log_key,
            index_in_channel_log: u32::try_from(channel_log.subscribers.len()).expect("below 2^32 subscribers"),
            index_in_connection: u32::try_from(connection.subscriptions.len()).expect("below 2^32 subscriptions"),
            lag,
            cursor: channel_log.log.head(),
            missed: 0,
            coalesced: false,
            own: super::ranges::Ranges::default(),
            leaving: None,
        });
        let key = u32::try_from(key).expect("below 2^32 subscriptions");
        channel_log.subscribers.push(key);
        connection.subscriptions.push(key);
        self.by_pair.insert((slot, channel_log_key), key);
    }

    fn remove_subscription(&mut self, key: u32) {
        let gone = self.subscriptions.remove(key as usize);
        self.by_pair.remove(&(gone.slot, gone.channel_log));
        self.channel_logs[gone.channel_log].remove_subscriber(gone.index_in_channel_log, &mut self.subscriptions);
        let (_, connection) = self.connections.at(gone.slot);
        if gone.coalesced {
            connection.behind.retain(|behind| *behind != key);
        }
        connection.waiting_bytes -= gone.leaving.map_or(0, |leaving| leaving.bytes());
        connection.subscriptions.swap_remove(gone.index_in_connection as usize);
        if let Some(moved) = connection.subscriptions.get(gone.index_in_connection as usize) {
            self.subscriptions[*moved as usize].index_in_connection = gone.index_in_connection;
        }
        self.list_for_trim(gone.channel_log);
        self.leave_channel_log(gone.channel_log);
    }

    /// Ends every subscription that a connection has or awaits, because the connection ends.
    fn remove_all_subscriptions(&mut self, id: ConnectionId) {
        self.note_backlog(id);
        while let Some(key) = self.connections.get(id).and_then(|connection| connection.subscriptions.last().copied()) {
            let subscription = &mut self.subscriptions[key as usize];
            let end = subscription.end(self.channel_logs[subscription.channel_log].log.head());
            self.counters.undelivered += subscription.own.count_allowed(subscription.cursor, end);
            self.remove_subscription(key);
        }
        while let Some(channel_log) = self.connections.get(id).and_then(|connection| connection.waiting.last().copied())
        {
            self.stop_waiting(id.slot, channel_log);
        }
    }

    /// Keeps how a connection stands, before that is lost with its subscriptions. The first time counts.
    fn note_backlog(&mut self, id: ConnectionId) {
        let backlog = self.backlog(id);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.final_backlog = Some(backlog);
        }
    }

    fn list_for_flush(&mut self, key: u32) {
        let channel_log = &mut self.channel_logs[key];
        if !std::mem::replace(&mut channel_log.to_flush, true) {
            self.rounds.list(key, channel_log.completed);
        }
    }

    /// Has the log trimmed by another round: who has left it or caught up may have been the last behind.
    fn list_for_trim(&mut self, key: u32) {
        let channel_log = &mut self.channel_logs[key];
        if !channel_log.log.is_empty() {
            channel_log.outdated = true;
            self.list_for_flush(key);
        }
    }

    fn post_all(&mut self) {
        let mut to_post = std::mem::take(&mut self.to_post);
        for key in to_post.drain(..) {
            self.post_channel_log(key);
        }
        self.to_post = to_post;
        self.ask_for_barrier();
    }

    /// Puts the messages of a channel log that were not posted into the shard batches of those who want them.
    fn post_channel_log(&mut self, key: u32) {
        let channel_log = &mut self.channel_logs[key];
        channel_log.to_post = false;
        let head = channel_log.log.head();
        if let Some((last, others)) = channel_log.interested.split_last() {
            let batch = EncodedBatch {
                channel: Arc::clone(&channel_log.channel),
                encoding: channel_log.encoding,
                bytes: Bytes::copy_from_slice(channel_log.log.slice(channel_log.posted, head)),
                lengths: channel_log.log.lengths(channel_log.posted, head).collect(),
            };
            for shard in others {
                self.shard_batches[usize::from(*shard)].push(Item::Messages(batch.clone()));
            }
            self.shard_batches[usize::from(*last)].push(Item::Messages(batch));
        }
        channel_log.posted = head;
        if !channel_log.to_flush {
            debug_assert!(
                channel_log.subscribers.is_empty(),
                "a message for a subscriber here lists the channel log for the flush"
            );
            channel_log.log.drop_before(head);
            self.tidy(key);
            self.channel_logs.retire(key);
        }
    }

    /// After messages were dropped: an empty log keeps no buffers, and the sizes are right again.
    fn tidy(&mut self, key: u32) {
        let log = &mut self.channel_logs[key].log;
        if log.is_empty() {
            self.buffers.reclaim(log);
        }
        self.note_size(key);
    }

    /// Keeps count of the bytes of all logs, and of the channel logs that have more to send than a log may keep: what is kept for
    /// those who take nothing is no reason to read less.
    fn note_size(&mut self, key: u32) {
        let channel_log = &mut self.channel_logs[key];
        let size = channel_log.log.size();
        self.log_bytes = self.log_bytes - std::mem::replace(&mut channel_log.size, size) + size;
        let limit = self.limits.log_bytes;
        let oversize = size > limit && channel_log.unsent_bytes() > limit;
        if std::mem::replace(&mut channel_log.oversize, oversize) != oversize {
            if oversize { self.oversize_channel_logs += 1 } else { self.oversize_channel_logs -= 1 }
        }
    }

    fn report(&mut self, id: ConnectionId, stopped: Stopped) {
        self.effects.push_back(match stopped {
            Stopped::Full => Effect::Full(id),
            Stopped::Gone => Effect::Gone(id),
        });
    }
}

impl<O: Outlet, E: Encode> Policy<O> for Sharded<O, E> {
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
        matches!(phase, Some(Phase::Finishing { barrier }) if !self.barriers.is_passed(barrier))
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
            let unsent = connection.subscriptions.iter().map(|key| {
                let subscription = &self.subscriptions[*key as usize];
                let log = &self.channel_logs[subscription.channel_log].log;
                log.slice(subscription.cursor, subscription.end(log.head())).len()
            });
            let bytes_behind = connection.pending_bytes() + unsent.sum::<usize>();
            Backlog { channels: connection.subscriptions.len(), bytes_behind }
        })
    }

    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<Lag>,
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
        for key in self.channel_logs.of_channel(publication.channel) {
            let channel_log = &mut self.channel_logs[key];
            if !channel_log.is_wanted() {
                continue;
            }
            self.buffers.lend(&mut channel_log.log);
            let message = channel_log.log.head();
            let encoding = channel_log.encoding;
            channel_log.log.append(|out| self.encode.message(encoding, publication.channel, publication.payload, out));
            if publication.no_echo
                && let Some(own) = self.by_pair.get(&(from.slot, key))
            {
                self.subscriptions[*own as usize].own.push(message);
            }
            if channel_log.interested.is_empty() {
                channel_log.posted = message + 1;
            } else if !std::mem::replace(&mut channel_log.to_post, true) {
                self.to_post.push(key);
            }
            if !channel_log.subscribers.is_empty() {
                self.list_for_flush(key);
            }
            self.note_size(key);
        }
    }

    fn commit(&mut self, _from: ConnectionId) {}

    fn writable(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.reopen();
        self.resume(id);
    }

    fn post(&mut self) {
        self.post_all();
    }

    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch {
        &mut self.shard_batches[usize::from(to)]
    }

    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch) {
        self.post_all();
        for item in shard_batch.into_items() {
            match item {
                Item::Messages(batch) => self.receive_batch(&batch),
                Item::Interest { channel, encoding } => self.add_interest(from, &channel, encoding),
                Item::Withdrawn { channel, encoding } => self.remove_interest(from, &channel, encoding),
                // What was accepted before is in the shard batch already.
                Item::Barrier(number) => self.shard_batches[usize::from(from)].push(Item::Passed(number)),
                Item::Passed(number) => self.pass(from, number),
                Item::Notice(..) | Item::Delivery(_) => {
                    unreachable!("no shard writes to another's connections, or has others write")
                }
            }
        }
        self.ask_for_barrier();
    }

    fn finished(&mut self, from: ShardId) {
        self.pass(from, u64::MAX);
    }

    fn flush(&mut self, budget: usize) -> bool {
        self.flush_all(budget)
    }

    fn is_between_rounds(&self) -> bool {
        self.is_between_rounds
    }

    fn is_saturated(&self) -> bool {
        self.saturated
    }

    fn take_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
