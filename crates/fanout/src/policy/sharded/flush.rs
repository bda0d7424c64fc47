//! The flush: every cursor up to its log's head, answers first.

use super::Sharded;
use super::feed::Pass;
use crate::{ConnectionId, Effect, Encode, Outgoing, Outlet, Sent};
use arrayvec::ArrayVec;
use std::ops::Range;

/// Subscribers visited of one feed before the next feed has its turn.
const TURN: usize = 256;

/// Sends handed to the transport together.
const BATCH: usize = 64;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Sends answers, then messages feed by feed in turns, until nothing is behind or the budget is spent.
    pub(super) fn flush_all(&mut self, mut budget: usize) -> bool {
        // What everybody here has had is dropped, which must not be before it was posted.
        self.post_all();
        self.send_answers();
        while budget > 0
            && let Some(key) = self.to_flush.pop_front()
        {
            let turn = budget.min(TURN);
            let visited = self.visit(key, turn);
            budget -= visited.max(1);
            self.end_turn(key);
        }
        if self.to_flush.is_empty() {
            self.bound_all_logs();
        }
        let more = !self.to_flush.is_empty();
        self.saturated = more && (self.oversize_feeds > 0 || self.log_bytes > self.limits.shard_log_bytes);
        more
    }

    fn send_answers(&mut self) {
        let mut to_answer = std::mem::take(&mut self.to_answer);
        for id in to_answer.drain(..) {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            connection.listed = false;
            if connection.is_open() {
                match connection.send_held() {
                    Ok(()) if connection.take_drained() => self.effects.push_back(Effect::Drained(id)),
                    Ok(()) => {}
                    Err(stopped) => self.report(id, stopped),
                }
            }
        }
        self.to_answer = to_answer;
    }

    /// Brings up to `turn` subscribers of a feed up to its head; how many were visited.
    fn visit(&mut self, key: u32, turn: usize) -> usize {
        let feed = &mut self.feeds[key];
        let head = feed.log.head();
        let begin = Pass { below: feed.subscribers.len(), begun_at: head, lowest: head };
        if feed.pass.is_none() {
            feed.outdated = false;
        }
        let mut pass = *feed.pass.get_or_insert(begin);
        let visited = pass.below.min(turn);
        let end = pass.below;
        pass.below -= visited;
        for begin in (pass.below..end).step_by(BATCH) {
            let lowest = self.catch_up_batch(key, begin..end.min(begin + BATCH));
            pass.lowest = pass.lowest.min(lowest);
        }
        self.feeds[key].pass = Some(pass);
        visited
    }

    /// Brings a few subscribers of a feed, by index, up to its head; the lowest cursor that is left behind.
    fn catch_up_batch(&mut self, key: u32, indices: Range<usize>) -> u64 {
        let mut clear: ArrayVec<u32, BATCH> = ArrayVec::new();
        for index in indices.clone() {
            let subscription = self.feeds[key].subscribers[index];
            if self.is_clear(subscription) {
                clear.push(subscription);
            } else {
                self.catch_up(subscription);
            }
        }
        self.send_to_all(key, &clear);
        let cursor = |subscription: &u32| self.subscriptions[*subscription as usize].cursor;
        self.feeds[key].subscribers[indices].iter().map(cursor).min().expect("a batch is not empty")
    }

    /// Whether a subscriber is to have all messages up to the head and nothing before them.
    fn is_clear(&self, key: u32) -> bool {
        let subscription = &self.subscriptions[key as usize];
        subscription.missed == 0
            && subscription.own.is_empty()
            && subscription.cursor < self.feeds[subscription.feed].log.head()
            && self.connections.peek(subscription.slot).clear_outlet().is_some()
    }

    /// Sends each of these subscribers of a feed all that it has not had, in one go.
    fn send_to_all(&mut self, key: u32, clear: &[u32]) {
        let log = &self.feeds[key].log;
        let head = log.head();
        let mut batch: ArrayVec<Outgoing<'_, O>, BATCH> = ArrayVec::new();
        for subscription in clear {
            let subscription = &self.subscriptions[*subscription as usize];
            let outlet = self.connections.peek(subscription.slot).clear_outlet().expect("it is clear");
            batch.push(Outgoing { outlet, bytes: log.slice(subscription.cursor, head), sent: Sent::Took(0) });
        }
        O::send_each(&mut batch);
        let sent: ArrayVec<Sent, BATCH> = batch.into_iter().map(|outgoing| outgoing.sent).collect();
        for (subscription, sent) in clear.iter().zip(sent) {
            let subscription = &mut self.subscriptions[*subscription as usize];
            let (id, connection) = self.connections.at(subscription.slot);
            let from = subscription.cursor;
            let (cursor, outcome) = connection.take_note(&self.feeds[key].log, from, head, sent);
            subscription.cursor = cursor;
            self.counters.sends += 1;
            self.counters.deliveries += cursor - from;
            if let Err(stopped) = outcome {
                self.counters.short_sends += 1;
                self.report(id, stopped);
            }
        }
    }

    /// After a round: drops what everybody has had and what is over the bound. Lists the feed again if
    /// there is more to do.
    fn end_turn(&mut self, key: u32) {
        let pass = self.feeds[key].pass.expect("a visit began it");
        if pass.below > 0 {
            self.to_flush.push_back(key);
            return;
        }
        self.feeds[key].pass = None;
        self.trim(key, pass);
        let feed = &mut self.feeds[key];
        if feed.log.head() > pass.begun_at || feed.outdated {
            self.to_flush.push_back(key);
        } else {
            feed.to_flush = false;
            self.feeds.retire(key);
        }
    }

    fn trim(&mut self, key: u32, pass: Pass) {
        let log = &mut self.feeds[key].log;
        log.drop_before(pass.lowest);
        // What came during the round has its own: a subscriber that takes bytes does not lag because we are slow.
        // Until then the shard is saturated.
        let oldest = log.oldest_within(self.limits.log_bytes).min(pass.begun_at);
        if oldest > log.first() {
            self.evict(key, oldest);
        }
        let log = &mut self.feeds[key].log;
        if log.is_empty() {
            self.buffers.reclaim(log);
        }
        self.note_size(key);
    }

    /// Sends one subscriber what it has not had, if its connection takes it.
    fn catch_up(&mut self, key: u32) {
        let subscription = &mut self.subscriptions[key as usize];
        let feed = &self.feeds[subscription.feed];
        let head = feed.log.head();
        if subscription.cursor == head && subscription.missed == 0 {
            return;
        }
        let (id, connection) = self.connections.at(subscription.slot);
        if !connection.is_open() {
            return;
        }
        if subscription.missed > 0 {
            let missed = std::mem::take(&mut subscription.missed);
            connection.hold_with(|out| self.encode.gap(feed.encoding, &feed.channel, missed, out));
        }
        let mut outcome = connection.send_held();
        while outcome.is_ok() {
            let (from, to) = subscription.own.next_allowed(subscription.cursor, head);
            subscription.cursor = from;
            if from == to {
                break;
            }
            (subscription.cursor, outcome) = connection.send_run(&feed.log, from, to);
            self.counters.sends += 1;
            self.counters.deliveries += subscription.cursor - from;
            self.counters.short_sends += u64::from(outcome.is_err());
        }
        if let Err(stopped) = outcome {
            self.report(id, stopped);
        }
    }

    /// Goes on with a connection that takes bytes again.
    pub(super) fn resume(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if !connection.is_open() {
            return;
        }
        if let Err(stopped) = connection.send_held() {
            self.report(id, stopped);
            return;
        }
        for index in 0..connection.subscriptions.len() {
            let Some(connection) = self.connections.get(id) else { return };
            if !connection.is_open() {
                return;
            }
            let key = connection.subscriptions[index];
            self.catch_up(key);
            let feed = self.subscriptions[key as usize].feed;
            self.list_for_trim(feed);
        }
        if let Some(connection) = self.connections.get_mut(id)
            && connection.is_open()
            && connection.take_drained()
        {
            self.effects.push_back(Effect::Drained(id));
        }
    }
}
