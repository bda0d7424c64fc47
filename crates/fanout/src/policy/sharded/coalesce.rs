//! One send for everything that a connection is behind with, across channels.
//!
//! A flush goes channel by channel. If a channel has few subscribers, or a subscriber has several channels, that would
//! be one send a message. Such subscribers are therefore only noted in passing, and sent to after every channel of the
//! round was visited. Connections are sent to in batches; the messages of several channels for one connection are
//! copied together.

use super::Sharded;
use super::flush::BATCH;
use super::flush_queue::FlushQueue;
use super::registry::Registry;
use crate::{ConnectionId, Encode, Outgoing, Outlet, Sent};
use arrayvec::ArrayVec;
use std::ops::Range;

/// The most bytes of a connection that are copied together. The rest leaves with separate sends, which are worth it at
/// that size.
const MAX_COPIED: usize = 16 * 1024;

/// A channel with fewer subscribers than this is too small for a separate batch, so they are coalesced.
const FEW: usize = 4;

/// The share of one connection in a batch.
struct Part {
    id: ConnectionId,
    keys: Range<usize>,
    /// The range of the copied bytes; empty if the connection has one subscription, whose log is sent from directly.
    copied: Range<usize>,
}

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Returns true if a subscriber is better sent to at the end of the round than with the others of its channel.
    pub(super) fn must_coalesce(&self, key: u32) -> bool {
        let subscription = &self.registry.subscriptions[key as usize];
        self.registry.channel_logs[subscription.channel_log].subscribers.len() < FEW
            || self.connections.peek(subscription.slot).subscriptions.len() > 1
    }

    /// Notes that a subscriber is behind.
    pub(super) fn coalesce(&mut self, key: u32) {
        let subscription = &mut self.registry.subscriptions[key as usize];
        if std::mem::replace(&mut subscription.coalesced, true) {
            return;
        }
        let (id, connection) = self.connections.at(subscription.slot);
        if connection.behind.is_empty() {
            self.queue.coalescing.note(id);
        }
        connection.behind.push(key);
    }

    /// Sends to at most `count` of the noted connections. Returns the number of connections.
    pub(super) fn send_coalesced(&mut self, count: usize) -> usize {
        let mut parts: ArrayVec<Part, BATCH> = ArrayVec::new();
        self.queue.coalescing.begin_batch();
        let mut others = Vec::new();
        let mut visited = 0;
        while visited < count.min(BATCH)
            && let Some(id) = self.queue.coalescing.take()
        {
            visited += 1;
            if let Some(part) = self.part(id, &mut others) {
                parts.push(part);
            }
        }
        self.send_parts(&parts);
        for key in others {
            self.catch_up(key);
        }
        visited
    }

    /// Collects what a connection is sent in one go. Subscriptions that cannot be part of it are added to `others`.
    fn part(&mut self, id: ConnectionId, others: &mut Vec<u32>) -> Option<Part> {
        let mut behind = std::mem::take(&mut self.connections.get_mut(id)?.behind);
        let Self {
            queue: FlushQueue { coalescing, .. },
            registry: Registry { subscriptions, channel_logs, .. },
            connections,
            ..
        } = self;
        let (first, begin) = (coalescing.keys.len(), coalescing.bytes.len());
        let is_alone = behind.len() == 1;
        for key in behind.drain(..) {
            subscriptions[key as usize].coalesced = false;
            let subscription = &subscriptions[key as usize];
            debug_assert_eq!(subscription.missed, 0, "nobody who is noted lags before the round ends");
            let log = &channel_logs[subscription.channel_log].log;
            if subscription.cursor == log.head() {
                continue;
            }
            let is_clear = subscription.own.is_empty() && connections.peek(subscription.slot).clear_outlet().is_some();
            let bytes = if is_clear { log.slice(subscription.cursor, log.head()) } else { &[] };
            if !is_clear || !is_alone && coalescing.bytes.len() - begin + bytes.len() > MAX_COPIED {
                others.push(key);
                continue;
            }
            coalescing.keys.push(key);
            if !is_alone {
                coalescing.bytes.extend_from_slice(bytes);
            }
        }
        let part = Part { id, keys: first..coalescing.keys.len(), copied: begin..coalescing.bytes.len() };
        // The next round reuses the capacity.
        self.connections.get_mut(id)?.behind = behind;
        (!part.keys.is_empty()).then_some(part)
    }

    fn send_parts(&mut self, parts: &[Part]) {
        let mut batch: ArrayVec<Outgoing<'_, O>, BATCH> = ArrayVec::new();
        for part in parts {
            let bytes = if part.copied.is_empty() {
                let subscription = &self.registry.subscriptions[self.queue.coalescing.keys[part.keys.start] as usize];
                let log = &self.registry.channel_logs[subscription.channel_log].log;
                log.slice(subscription.cursor, log.head())
            } else {
                &self.queue.coalescing.bytes[part.copied.clone()]
            };
            let outlet = self.connections.peek(part.id.slot).clear_outlet().expect("it is clear");
            batch.push(Outgoing { outlet, bytes, sent: Sent::Took(0) });
        }
        O::send_each(&mut batch);
        let sent: ArrayVec<Sent, BATCH> = batch.into_iter().map(|outgoing| outgoing.sent).collect();
        for (part, sent) in parts.iter().zip(sent) {
            self.account_for(part, sent);
        }
    }

    /// Moves the cursors of a connection past what its transport took.
    fn account_for(&mut self, part: &Part, sent: Sent) {
        self.counters.sent(sent);
        let mut taken = sent.taken();
        for index in part.keys.clone() {
            let key = self.queue.coalescing.keys[index];
            let subscription = &self.registry.subscriptions[key as usize];
            let log = &self.registry.channel_logs[subscription.channel_log].log;
            let head = log.head();
            let own = match sent {
                Sent::Took(_) => Sent::Took(taken.min(log.slice(subscription.cursor, head).len())),
                Sent::Gone => Sent::Gone,
            };
            taken -= own.taken();
            if !self.advance(key, head, own) {
                // The rest, and the other channels, leave when the transport takes bytes again.
                return;
            }
        }
    }
}
