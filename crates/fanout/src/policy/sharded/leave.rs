//! The end of subscriptions: everything that was accepted before is sent, or counted in a gap, before the answer.
//!
//! A subscription that is to end goes on as before until every other shard has passed a barrier ([`Barriers`]). Then
//! its end is fixed at the head of the log. If its connection takes the rest at once, the subscription is over. If not,
//! the rest stays in the log within the log's bounds, and the answer waits for it. A connection that ends does so with
//! all its subscriptions, and its close frame waits for the last of them.
//!
//! Invariant: a subscription whose end is fixed is behind, and its connection does not take bytes. So no flush meets
//! one.
//!
//! [`Barriers`]: crate::policy::barrier::Barriers

use super::Sharded;
use super::connection::Phase;
use super::outbound::Awaiting;
use super::registry::Interest;
use crate::policy::leaving::{Leaving, Request};
use crate::{ConnectionId, Effect, Encode, LagRule, Outlet, ShardId};

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Records that another shard has passed a barrier, and does what waited for it.
    pub(super) fn pass(&mut self, from: ShardId, number: u64) {
        self.outbound.pass(from, number);
        self.act_on_barriers();
    }

    /// Does what waited for barriers that are passed.
    pub(super) fn act_on_barriers(&mut self) {
        while let Some((barrier, awaiting)) = self.outbound.take_passed() {
            match awaiting {
                Awaiting::Interest { channel_log } => self.confirm(channel_log, barrier),
                Awaiting::Leave { id, channel_log } => self.fix_end_of(id, channel_log),
                Awaiting::End { id } => self.fix_ends(id, barrier),
            }
        }
    }

    /// Returns true if a subscription can end at once: no other shard has to be asked, and nothing is queued for it.
    fn can_leave_now(&self, key: u32) -> bool {
        let subscription = &self.registry.subscriptions[key as usize];
        let is_behind = subscription.cursor < self.registry.channel_logs[subscription.channel_log].log.head();
        self.outbound.is_alone() && !is_behind && subscription.missed == 0 && subscription.leaving.is_none()
    }

    /// Begins the end of a subscription.
    pub(super) fn leave(&mut self, id: ConnectionId, key: u32, answer: &[u8]) {
        if self.can_leave_now(key) {
            self.remove_subscription(key);
            return self.answer_slot(id.slot, answer);
        }
        self.connections.at(id.slot).1.waiting_bytes += answer.len();
        let subscription = &mut self.registry.subscriptions[key as usize];
        if let Some(leaving) = &mut subscription.leaving {
            return leaving.behind.push(Request::Unsubscribe { answer: answer.into() });
        }
        subscription.leaving = Some(Box::new(Leaving::new(answer)));
        let channel_log = subscription.channel_log;
        self.outbound.await_barrier(Awaiting::Leave { id, channel_log });
        self.act_on_barriers();
    }

    /// Makes a connection subscribe to a channel again once its subscription to it has ended. Returns false if the
    /// subscription is not ending.
    pub(super) fn come_back(&mut self, slot: u32, key: u32, lag: LagRule, answer: &[u8]) -> bool {
        let Some(leaving) = &mut self.registry.subscriptions[key as usize].leaving else { return false };
        leaving.behind.push(Request::Subscribe { lag, answer: answer.into() });
        self.connections.at(slot).1.waiting_bytes += answer.len();
        true
    }

    /// Returns the number of subscriptions that a connection has requested and not asked to end.
    pub(super) fn count_subscriptions(&self, slot: u32) -> usize {
        let connection = self.connections.peek(slot);
        connection.subscriptions.iter().filter(|key| self.registry.stays(**key)).count() + connection.waiting.len()
    }

    fn fix_end_of(&mut self, id: ConnectionId, channel_log: u32) {
        if self.connections.get(id).is_some()
            && let Some(key) = self.registry.subscription_to(id.slot, channel_log)
        {
            self.fix_end(key);
        }
    }

    /// Fixes the end of a subscription at the head of its log.
    fn fix_end(&mut self, key: u32) {
        let subscription = &mut self.registry.subscriptions[key as usize];
        let head = self.registry.channel_logs[subscription.channel_log].log.head();
        let leaving = subscription.leaving.get_or_insert_with(|| Box::new(Leaving::new(&[])));
        if leaving.until.is_none() {
            leaving.until = Some(head);
        }
        self.catch_up(key);
        self.complete(key);
    }

    /// Ends a subscription that has received or missed everything up to its end, or whose peer is gone. Returns true if
    /// it ended.
    pub(super) fn complete(&mut self, key: u32) -> bool {
        let subscription = &mut self.registry.subscriptions[key as usize];
        let is_over = subscription.leaving.as_ref().is_some_and(|leaving| leaving.until.is_some());
        let (id, connection) = self.connections.at(subscription.slot);
        if !is_over || !subscription.is_complete() && !connection.is_gone() {
            return false;
        }
        self.counters.undelivered += self.registry.take_unsent_count(key);
        let subscription = &mut self.registry.subscriptions[key as usize];
        let channel_log = &self.registry.channel_logs[subscription.channel_log];
        if subscription.missed > 0 {
            connection
                .hold_with(|out| self.encode.gap(channel_log.encoding, &channel_log.channel, subscription.missed, out));
        }
        let leaving = subscription.leaving.take().expect("it is over");
        connection.waiting_bytes -= leaving.bytes();
        let channel = std::sync::Arc::clone(&channel_log.channel);
        self.remove_subscription(key);
        self.answer_slot(id.slot, &leaving.answer);
        for request in leaving.behind {
            self.carry_out(id, &channel, request);
        }
        self.send_close_frame(id);
        true
    }

    /// Carries out a request for a channel that was made while its subscription was ending.
    fn carry_out(&mut self, id: ConnectionId, channel: &str, request: Request) {
        let connection = self.connections.at(id.slot).1;
        match request {
            // The request was within the limit when it was made. A connection that is ending gets its answer and no
            // message, because nothing can have been published after that.
            Request::Subscribe { lag, answer } if connection.phase == Phase::Serving => {
                self.subscribe_to(id, channel, lag, &answer);
            }
            Request::Subscribe { answer, .. } => self.answer_slot(id.slot, &answer),
            Request::Unsubscribe { answer } => self.unsubscribe_from(id, channel, &answer),
        }
    }

    /// Begins the end of a connection.
    pub(super) fn finish(&mut self, id: ConnectionId, close_frame: &[u8]) {
        let connection = self.connections.at(id.slot).1;
        let has_none = connection.subscriptions.is_empty() && connection.waiting.is_empty();
        connection.keep_close_frame(close_frame);
        if has_none {
            connection.end();
            return self.list_for_answer(id);
        }
        let barrier = self.outbound.await_barrier(Awaiting::End { id });
        self.connections.at(id.slot).1.phase = Phase::Finishing { barrier };
        self.act_on_barriers();
    }

    /// Fixes the ends of all subscriptions of a connection. Its close frame follows them.
    fn fix_ends(&mut self, id: ConnectionId, barrier: u64) {
        let is_due = |connection: &super::Connection<O>| connection.phase == Phase::Finishing { barrier };
        let mut index = 0;
        while let Some(connection) = self.connections.get(id).filter(|connection| is_due(connection))
            && let Some(key) = connection.subscriptions.get(index).copied()
        {
            self.fix_end(key);
            // If the subscription has ended, another one has taken its index.
            index += usize::from(self.registry.subscriptions.get(key as usize).is_some_and(|s| s.leaving.is_some()));
        }
        if self.connections.get(id).is_some_and(is_due) {
            self.send_close_frame(id);
        }
    }

    /// Releases the close frame if nothing else is still to come for a connection that ends.
    fn send_close_frame(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let Phase::Finishing { barrier } = connection.phase else { return };
        if connection.has_finished() && self.outbound.is_passed(barrier) {
            connection.end();
            // An earlier report that it was drained is out of date, and must not be taken for the close frame's
            // departure.
            self.effects.retain(|effect| *effect != Effect::Drained(id));
            self.list_for_answer(id);
        }
    }

    /// Records that the other shards post a channel log's messages here from now on.
    fn confirm(&mut self, key: u32, barrier: u64) {
        if self
            .registry
            .channel_logs
            .get(key)
            .is_some_and(|channel_log| channel_log.interest == Interest::Asked { barrier })
        {
            self.let_in(key);
        }
    }
}
