//! The end of subscriptions in the baselines: everything that was accepted before is written, or counted in a gap,
//! before the answer.
//!
//! A member that is to leave stays in the registry until every other shard has passed a barrier, and the registry has
//! done everything that this shard had requested. By then every message that was accepted before has been brought to
//! the member, or, under `Handoff::Owner`, named to this shard, which writes it first. Later messages are dropped.

use crate::Item;
use crate::registry::Directory;
use crate::shared::{Local, Shared, Subscribed};
use crate::writer::Membership;
use corecast_fanout::policy::{Barriers, Leaving, Request};
use corecast_fanout::{ConnectionId, Effect, Encode, LagRule, Outlet, ShardId};
use std::sync::Arc;

/// The phase of a connection, which decides what it may still be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Anything.
    Serving,
    /// Everything accepted before this barrier, then the close frame.
    Finishing { barrier: u64, close_frame: Vec<u8> },
    /// Nothing after what is pending.
    Ended,
}

impl Phase {
    /// Nothing, until it is ended again because it has lagged. Meanwhile its owner must not be told that anything has
    /// left.
    pub(crate) const LAGGED: Self = Self::Finishing { barrier: Barriers::NEVER, close_frame: Vec::new() };
}

/// An operation that waits until everything accepted before has been written.
#[derive(Debug)]
pub(crate) struct Awaiting {
    /// The barrier that every other shard must have passed.
    barrier: u64,
    /// The number of requests that the registry must have done for this shard.
    done: u64,
    /// The number of deliveries that must have been written, known once the other two conditions hold.
    written: Option<u64>,
    what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A subscription of this number ends.
    Leave { id: ConnectionId, channel: Arc<str>, number: u64 },
    /// A connection ends.
    End { id: ConnectionId },
}

impl<O: Outlet, E: Encode, D: Directory<O>> Shared<O, E, D> {
    /// Returns the number of requests that the registry will have done when it has done all of this shard's.
    fn asked(&self) -> u64 {
        self.directory.done() + self.directory.waiting() as u64
    }

    fn await_barrier(&mut self, what: What) -> u64 {
        let barrier = self.barriers.want();
        self.awaiting.push_back(Awaiting { barrier, done: self.asked(), written: None, what });
        barrier
    }

    /// Asks the other shards for the barrier that is wanted, if there is one.
    pub(crate) fn ask_for_barrier(&mut self) {
        if let Some(number) = self.barriers.take_wanted() {
            let own = usize::from(self.shard);
            let others = self.shard_batches.iter_mut().enumerate().filter(|(shard, _)| *shard != own);
            others.for_each(|(_, shard_batch)| shard_batch.push(Item::Barrier(number)));
        }
    }

    /// Records that another shard asks for a barrier.
    pub(crate) fn owe_barrier(&mut self, from: ShardId, number: u64) {
        self.commit_batch();
        self.to_pass.push_back((self.asked(), from, number));
    }

    /// Answers for the barriers before which nothing remains to be done.
    pub(crate) fn pass_barriers(&mut self) {
        let done = self.directory.done();
        while let Some((_, from, number)) = self.to_pass.pop_front_if(|(asked, ..)| *asked <= done) {
            self.shard_batches[usize::from(from)].push(Item::Passed(number));
        }
    }

    /// Does what waited for barriers that are passed.
    pub(crate) fn act_on_barriers(&mut self) {
        while let Some(first) = self.awaiting.front_mut()
            && self.barriers.is_passed(first.barrier)
            && self.directory.done() >= first.done
            && self.deliveries.written() >= *first.written.get_or_insert(self.deliveries.pushed())
        {
            let Some(Awaiting { barrier, what, .. }) = self.awaiting.pop_front() else { return };
            match what {
                What::Leave { id, channel, number } => self.take_out(id, &channel, number),
                What::End { id } => self.take_out_all(id, barrier),
            }
        }
    }

    pub(crate) fn subscribe_to(&mut self, id: ConnectionId, channel: &str, lag: LagRule, answer: &[u8]) {
        let Some(local) = self.connections.get_mut(id) else { return };
        match local.subscriptions.get_mut(channel) {
            Some(Subscribed { leaving: Some(leaving), .. }) => {
                local.waiting_bytes += answer.len();
                leaving.behind.push(Request::Subscribe { lag, answer: answer.into() });
                return;
            }
            Some(_) => local.writer.hold(answer),
            None => {
                self.subscriptions += 1;
                let channel: Arc<str> = Arc::from(channel);
                let member = Arc::new(Membership::new(Arc::clone(&local.writer), self.subscriptions, lag));
                self.directory.join(&channel, &member, answer);
                local.subscriptions.insert(channel, Subscribed { member, leaving: None });
            }
        }
        self.list(id);
    }

    pub(crate) fn unsubscribe_from(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        let Some(local) = self.connections.get_mut(id) else { return };
        let Some((channel, _)) = local.subscriptions.get_key_value(channel) else {
            local.writer.hold(answer);
            return self.list(id);
        };
        let channel = Arc::clone(channel);
        local.waiting_bytes += answer.len();
        let Some(Subscribed { member, leaving }) = local.subscriptions.get_mut(&channel) else { return };
        if let Some(leaving) = leaving {
            return leaving.behind.push(Request::Unsubscribe { answer: answer.into() });
        }
        *leaving = Some(Box::new(Leaving::new(answer)));
        let number = member.number;
        self.await_barrier(What::Leave { id, channel, number });
    }

    /// Ends a subscription that has received everything.
    fn take_out(&mut self, id: ConnectionId, channel: &Arc<str>, number: u64) {
        let Some(local) = self.connections.get_mut(id) else { return };
        if local.subscriptions.get(channel).is_none_or(|subscribed| subscribed.member.number != number) {
            return;
        }
        let Some(Subscribed { member, leaving: Some(leaving) }) = local.subscriptions.remove(channel) else { return };
        member.leave(channel, &self.fan_out.encode);
        self.directory.leave(channel, id);
        local.waiting_bytes -= leaving.bytes();
        if local.writer.has_lagged() {
            // It has not received everything, and is told that instead.
            return;
        }
        local.writer.hold(&leaving.answer);
        for request in leaving.behind {
            self.carry_out(id, channel, request);
        }
        self.list(id);
    }

    /// Carries out a request for a channel that was made while its subscription was ending.
    fn carry_out(&mut self, id: ConnectionId, channel: &str, request: Request) {
        let Some(local) = self.connections.get(id) else { return };
        match request {
            // The request was within the limit when it was made. A connection that is ending gets its answer and no
            // message, because nothing can have been published after that.
            Request::Subscribe { lag, answer } if local.phase == Phase::Serving => {
                self.subscribe_to(id, channel, lag, &answer);
            }
            Request::Unsubscribe { answer } if local.phase == Phase::Serving => {
                self.unsubscribe_from(id, channel, &answer);
            }
            request => local.writer.hold(request.answer()),
        }
    }

    /// Begins the end of a connection, unless it has begun already.
    pub(crate) fn finish(&mut self, id: ConnectionId, close_frame: &[u8]) {
        let may_begin = |local: &&mut Local<O>| local.phase == Phase::Serving || local.phase == Phase::LAGGED;
        let Some(local) = self.connections.get_mut(id).filter(may_begin) else { return };
        if local.owes_lag_notice(id, &self.effects) {
            local.phase = Phase::LAGGED;
            // As below: there is no close frame that could have left.
            self.effects.retain(|effect| *effect != Effect::Drained(id));
            return;
        }
        local.final_backlog = Some(local.backlog());
        if local.subscriptions.is_empty() {
            return self.send_close_frame(id, close_frame);
        }
        let barrier = self.await_barrier(What::End { id });
        if let Some(local) = self.connections.get_mut(id) {
            local.phase = Phase::Finishing { barrier, close_frame: close_frame.into() };
        }
        self.effects.retain(|effect| *effect != Effect::Drained(id));
    }

    fn send_close_frame(&mut self, id: ConnectionId, close_frame: &[u8]) {
        let Some(local) = self.connections.get_mut(id) else { return };
        if local.owes_lag_notice(id, &self.effects) {
            local.phase = Phase::LAGGED;
            // As below: there is no close frame that could have left.
            self.effects.retain(|effect| *effect != Effect::Drained(id));
            return;
        }
        local.phase = Phase::Ended;
        local.writer.end(close_frame);
        // An earlier report that it was drained is out of date, and must not be taken for the close frame's departure.
        self.effects.retain(|effect| *effect != Effect::Drained(id));
        self.list(id);
    }

    /// Ends all subscriptions of a connection that has received everything, and sends the close frame.
    fn take_out_all(&mut self, id: ConnectionId, awaited: u64) {
        let Some(local) = self.connections.get_mut(id) else { return };
        let Phase::Finishing { barrier, close_frame } = &mut local.phase else { return };
        if *barrier != awaited {
            return;
        }
        let close_frame = std::mem::take(close_frame);
        let mut subscriptions: Vec<_> = local.subscriptions.drain().collect();
        // Missed messages are reported in this order, so that the same run always takes the same course.
        subscriptions.sort_unstable_by_key(|(_, subscribed)| subscribed.member.number);
        for (channel, Subscribed { member, .. }) in subscriptions {
            member.leave(&channel, &self.fan_out.encode);
            self.directory.leave(&channel, id);
        }
        self.send_close_frame(id, &close_frame);
    }

    /// Reports that everything has left, unless the close frame is still to come.
    pub(crate) fn note_drained(&mut self, id: ConnectionId, drained: bool) {
        let finishing = self.connections.get(id).is_some_and(|local| matches!(local.phase, Phase::Finishing { .. }));
        if drained && !finishing {
            self.effects.push_back(Effect::Drained(id));
        }
    }
}
