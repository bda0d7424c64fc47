//! The flush, which moves every cursor up to its log's head, answers first.

use super::Sharded;
use super::registry::Pass;
use crate::{ConnectionId, Effect, Encode, Outgoing, Outlet, Sent};
use arrayvec::ArrayVec;
use std::ops::Range;

/// Subscribers of one channel log that are visited before the next channel log has its turn.
const TURN: usize = 256;

/// Sends handed to the transport together.
pub(super) const BATCH: usize = 64;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Sends answers, then messages channel log by channel log in turns, until the round ends or the budget is spent.
    pub(super) fn flush_all(&mut self, mut budget: usize) -> bool {
        // Messages that every subscriber here has received are dropped, which must not happen before they were posted.
        self.post_all();
        self.send_answers();
        while budget > 0
            && let Some(key) = self.queue.take()
        {
            let turn = budget.min(TURN);
            let visited = self.visit(key, turn);
            budget -= visited.max(1);
            self.end_turn(key);
        }
        // If the budget is not spent, every channel log of the round has had its turn.
        while budget > 0 && !self.queue.coalescing.is_empty() {
            budget -= self.send_coalesced(budget);
        }
        if self.queue.coalescing.is_empty() {
            self.settle_coalesced();
        }
        // An evicted connection has left its other channels too, which may need a turn for that.
        self.queue.end_round_if_over();
        if self.queue.is_empty() {
            self.bound_all_logs();
        }
        // A subscriber that lost the rest of what it was owed has left, and may have subscribed again.
        self.outbound.ask_for_barrier();
        let more = !self.queue.is_empty();
        self.budget.review(more);
        more
    }

    fn send_answers(&mut self) {
        let to_answer = self.queue.take_to_answer();
        for id in to_answer.iter().copied() {
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
        self.queue.reuse(to_answer);
    }

    /// Brings up to `turn` subscribers of a channel log up to its head. Returns the number of subscribers visited.
    fn visit(&mut self, key: u32, turn: usize) -> usize {
        let indices = self.registry.channel_logs[key].advance_pass(turn);
        let visited = indices.len();
        for begin in indices.clone().step_by(BATCH) {
            self.catch_up_batch(key, begin..indices.end.min(begin + BATCH));
        }
        visited
    }

    /// Brings a few subscribers of a channel log, by index, up to its head, or notes that they are behind.
    fn catch_up_batch(&mut self, key: u32, indices: Range<usize>) {
        let mut clear: ArrayVec<u32, BATCH> = ArrayVec::new();
        let mut coalesces = false;
        for index in indices.clone() {
            let subscription = self.registry.channel_logs[key].subscribers[index];
            if !self.is_clear(subscription) {
                self.catch_up(subscription);
            } else if self.must_coalesce(subscription) {
                self.coalesce(subscription);
                coalesces = true;
            } else {
                clear.push(subscription);
            }
        }
        self.send_to_all(key, &clear);
        let lowest = self.registry.lowest_cursor(key, indices);
        let pass = self.registry.channel_logs[key].pass.as_mut().expect("a visit began it");
        pass.coalesces |= coalesces;
        pass.lowest = pass.lowest.min(lowest);
    }

    /// Returns true if a subscriber must receive every message up to the head and nothing before them.
    fn is_clear(&self, key: u32) -> bool {
        let subscription = &self.registry.subscriptions[key as usize];
        subscription.missed == 0
            && subscription.own.is_empty()
            && subscription.cursor < self.registry.channel_logs[subscription.channel_log].log.head()
            && self.connections.peek(subscription.slot).clear_outlet().is_some()
    }

    /// Sends each of these subscribers of a channel log everything that it has not received, in one batch.
    fn send_to_all(&mut self, key: u32, clear: &[u32]) {
        let log = &self.registry.channel_logs[key].log;
        let head = log.head();
        let mut batch: ArrayVec<Outgoing<'_, O>, BATCH> = ArrayVec::new();
        for subscription in clear {
            let subscription = &self.registry.subscriptions[*subscription as usize];
            let outlet = self.connections.peek(subscription.slot).clear_outlet().expect("it is clear");
            batch.push(Outgoing { outlet, bytes: log.slice(subscription.cursor, head), sent: Sent::Took(0) });
        }
        O::send_each(&mut batch);
        let sent: ArrayVec<Sent, BATCH> = batch.into_iter().map(|outgoing| outgoing.sent).collect();
        for (subscription, sent) in clear.iter().zip(sent) {
            self.counters.sent(sent);
            self.advance(*subscription, head, sent);
        }
    }

    /// Moves a subscriber's cursor past what its transport took of the messages up to `to`. Returns true if it took
    /// them all.
    pub(super) fn advance(&mut self, key: u32, to: u64, sent: Sent) -> bool {
        let subscription = &mut self.registry.subscriptions[key as usize];
        let (id, connection) = self.connections.at(subscription.slot);
        let from = subscription.cursor;
        let (cursor, outcome) =
            connection.take_note(&self.registry.channel_logs[subscription.channel_log].log, from, to, sent);
        subscription.cursor = cursor;
        self.counters.deliveries += cursor - from;
        let Err(stopped) = outcome else { return true };
        self.counters.short_sends += 1;
        self.report(id, stopped);
        false
    }

    /// Ends a turn. Lists the channel log again if there is more to do, in this round or in the next.
    fn end_turn(&mut self, key: u32) {
        let pass = self.registry.channel_logs[key].pass.expect("a visit began it");
        if !self.registry.channel_logs[key].is_pass_over() {
            self.queue.continue_with(key);
            return;
        }
        if pass.coalesces {
            self.queue.coalescing.channel_logs.push(key);
        } else {
            self.end_pass(key, pass);
        }
    }

    /// Ends the rounds of the channel logs whose coalesced subscribers have now been sent to.
    fn settle_coalesced(&mut self) {
        let mut channel_logs = std::mem::take(&mut self.queue.coalescing.channel_logs);
        for key in channel_logs.drain(..) {
            let lowest = self.registry.lowest_cursor_of_all(key);
            let channel_log = &mut self.registry.channel_logs[key];
            channel_log.outdated = false;
            let mut pass = channel_log.pass.expect("a visit began it");
            pass.lowest = lowest;
            self.end_pass(key, pass);
        }
        self.queue.coalescing.channel_logs = channel_logs;
    }

    fn end_pass(&mut self, key: u32, pass: Pass) {
        let channel_log = &mut self.registry.channel_logs[key];
        channel_log.pass = None;
        channel_log.offered = pass.begun_at;
        self.trim(key, pass);
        if !self.queue.end_pass(key, pass.begun_at, &mut self.registry.channel_logs[key]) {
            self.registry.channel_logs.retire(key);
        }
    }

    fn trim(&mut self, key: u32, pass: Pass) {
        let log = &mut self.registry.channel_logs[key].log;
        log.drop_before(pass.lowest);
        // Messages that came during the round are kept until a round of their own, because a subscriber that takes
        // bytes must not lag because the shard is slow. Until then the shard is saturated.
        let oldest = self.budget.oldest_within(log).min(pass.begun_at);
        if oldest > log.first() {
            self.trim_log(key, oldest);
        }
        self.budget.tidy(&mut self.registry.channel_logs[key]);
    }

    /// Sends one subscriber what it has not received, if its connection takes it.
    pub(super) fn catch_up(&mut self, key: u32) {
        let subscription = &mut self.registry.subscriptions[key as usize];
        let channel_log = &self.registry.channel_logs[subscription.channel_log];
        let head = subscription.end(channel_log.log.head());
        if subscription.cursor == head && subscription.missed == 0 {
            return;
        }
        let (id, connection) = self.connections.at(subscription.slot);
        if !connection.is_open() {
            return;
        }
        if subscription.missed > 0 {
            let missed = std::mem::take(&mut subscription.missed);
            connection.hold_with(|out| self.encode.gap(channel_log.encoding, &channel_log.channel, missed, out));
        }
        if let Err(stopped) = connection.send_held() {
            return self.report(id, stopped);
        }
        loop {
            let subscription = &mut self.registry.subscriptions[key as usize];
            let (from, to) = subscription.own.next_allowed(subscription.cursor, head);
            subscription.cursor = from;
            if from == to {
                return;
            }
            let (_, connection) = self.connections.at(subscription.slot);
            let sent = connection.send(self.registry.channel_logs[subscription.channel_log].log.slice(from, to));
            self.counters.sent(sent);
            if !self.advance(key, to, sent) {
                return;
            }
        }
    }

    /// Continues sending to a connection that takes bytes again.
    pub(super) fn resume(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id).filter(|connection| connection.is_open()) else { return };
        if let Err(stopped) = connection.send_held() {
            return self.report(id, stopped);
        }
        let mut index = 0;
        while let Some(connection) = self.connections.get(id).filter(|connection| connection.is_open())
            && let Some(key) = connection.subscriptions.get(index).copied()
        {
            self.catch_up(key);
            let channel_log = self.registry.subscriptions[key as usize].channel_log;
            self.queue.list_for_trim(channel_log, &mut self.registry.channel_logs[channel_log]);
            // If the subscription has ended, another one has taken its index.
            index += usize::from(!self.complete(key));
        }
        let Some(connection) = self.connections.get_mut(id).filter(|connection| connection.is_open()) else { return };
        // Answers that waited for the end of a subscription are pending now.
        match connection.send_held() {
            Ok(()) if connection.take_drained() => self.effects.push_back(Effect::Drained(id)),
            Ok(()) => {}
            Err(stopped) => self.report(id, stopped),
        }
    }
}
