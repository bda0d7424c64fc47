//! A policy around a policy that does one thing wrong.

use crate::mutation::Mutation;
use crate::tap::{Tap, TapCodec};
use corecast_baselines::{Mutex, MutexDirectory};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{
    Backlog, ConnectionId, Counters, Effect, Encoding, FanoutLimits, Hooks, Item, LagRule, Policy, Publication,
    ShardBatch, ShardId, TooManySubscriptions,
};
use corecast_session::NATIVE;
use corecast_simulator::{PolicyFactory, Transport};
use std::cell::Cell;
use std::collections::BTreeMap;

/// The sharded policy, mutated.
pub(crate) struct MutatedSharded(pub(crate) Mutation);

/// The baseline with a lock, mutated.
pub(crate) struct MutatedMutex(pub(crate) Mutation);

impl PolicyFactory for MutatedSharded {
    type Policy = Mutant<Sharded<Tap, TapCodec>>;

    fn posts(&self) -> bool {
        true
    }

    fn keeps_batches(&self) -> bool {
        false
    }

    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        let mut limits = limits.clone();
        if self.0 == Mutation::LogOverBound {
            limits.log_bytes *= 8;
        }
        let policy = |shard| Sharded::new(shard, count, limits.clone(), TapCodec(self.0));
        (0..count).map(|shard| Mutant::new(self.0, count, policy(shard))).collect()
    }

    fn channel_logs(policy: &Self::Policy) -> usize {
        policy.inner.channel_logs()
    }
}

impl PolicyFactory for MutatedMutex {
    type Policy = Mutant<Mutex<Tap, TapCodec>>;

    fn posts(&self) -> bool {
        false
    }

    fn keeps_batches(&self) -> bool {
        true
    }

    fn shards(&self, count: ShardId, limits: &FanoutLimits) -> Vec<Self::Policy> {
        let directory = MutexDirectory::default();
        let policy = |shard| Mutex::new(shard, count, limits.clone(), TapCodec(self.0), directory.clone());
        (0..count).map(|shard| Mutant::new(self.0, count, policy(shard))).collect()
    }
}

/// A policy that is correct except for its mutation.
pub(crate) struct Mutant<P> {
    mutation: Mutation,
    inner: P,
    shards: ShardId,
    calls: Cell<usize>,
    taps: BTreeMap<ConnectionId, Tap>,
    by_slot: BySlot,
    orphan: Option<Tap>,
    swapped: Option<(ConnectionId, String, Vec<u8>, bool)>,
    late_answers: Vec<(ConnectionId, Vec<u8>)>,
    late_ends: Vec<ConnectionId>,
    /// Connections to close late, with the number of flushes before that.
    late_closes: Vec<(ConnectionId, u32)>,
    forged: Vec<Effect>,
    blocked: bool,
}

impl<P: Policy<Tap>> Mutant<P> {
    fn new(mutation: Mutation, shards: ShardId, inner: P) -> Self {
        Self {
            mutation,
            inner,
            shards,
            calls: Cell::new(0),
            taps: BTreeMap::new(),
            by_slot: BTreeMap::new(),
            orphan: None,
            swapped: None,
            late_answers: Vec::new(),
            late_ends: Vec::new(),
            late_closes: Vec::new(),
            forged: Vec::new(),
            blocked: false,
        }
    }

    /// Returns true in one call of four, for mutations that apply only to some calls.
    fn now(&self) -> bool {
        self.calls.set(self.calls.get() + 1);
        self.calls.get().is_multiple_of(4)
    }

    /// Drops all further messages to a connection that leaves, where the mutation follows connections.
    fn mute(&self, id: ConnectionId) {
        if self.mutation == Mutation::BacklogDroppedOnLeaving
            && let Some(tap) = self.taps.get(&id)
        {
            tap.mute();
        }
    }
}

/// An item of a policy that can be mutated.
pub(crate) trait MutableItem: Sized {
    /// Returns the answer to a barrier, before it is due.
    fn passed(number: u64) -> Self;

    /// Puts the mutated item into `out`. `now` returns true if a mutation that applies only to some calls applies to this
    /// one; `by_slot` has the latest connection of each slot.
    fn mutate(self, mutation: Mutation, now: impl Fn() -> bool, by_slot: &BySlot, out: &mut Vec<Self>);
}

/// The latest connection of each slot.
type BySlot = BTreeMap<u32, ConnectionId>;

impl MutableItem for Item {
    fn passed(number: u64) -> Self {
        Self::Passed(number)
    }

    fn mutate(self, mutation: Mutation, now: impl Fn() -> bool, _by_slot: &BySlot, out: &mut Vec<Self>) {
        match (mutation, &self) {
            (Mutation::MessagesLost, Self::Messages(_)) if now() => {}
            (Mutation::MessagesDoubled, Self::Messages(_)) if now() => out.extend([self.clone(), self]),
            (Mutation::NeverPassed, Self::Passed(_)) => {}
            _ => out.push(self),
        }
    }
}

impl MutableItem for corecast_baselines::Item {
    fn passed(number: u64) -> Self {
        Self::Passed(number)
    }

    fn mutate(self, mutation: Mutation, _now: impl Fn() -> bool, by_slot: &BySlot, out: &mut Vec<Self>) {
        out.push(match self {
            Self::Notice(id, notice) if mutation == Mutation::GenerationIgnored => {
                Self::Notice(by_slot.get(&id.slot).copied().unwrap_or(id), notice)
            }
            item => item,
        });
    }
}

impl<P: Policy<Tap>> Hooks for Mutant<P> {
    fn commit(&mut self, from: ConnectionId) {
        if let Some((from, channel, payload, no_echo)) = self.swapped.take() {
            self.inner.publish(from, &Publication { channel: &channel, payload: &payload, no_echo });
        }
        self.inner.commit(from);
    }
}

impl<P: Policy<Tap, Item: MutableItem>> Policy<Transport> for Mutant<P> {
    type Item = P::Item;

    fn open(&mut self, outlet: Transport, encoding: Encoding) -> ConnectionId {
        if let Some(orphan) = self.orphan.take() {
            orphan.redirect(outlet.clone());
        }
        let tap = Tap::new(self.mutation, outlet, encoding == NATIVE);
        let id = self.inner.open(tap.clone(), encoding);
        self.by_slot.insert(id.slot, id);
        let is_followed = [Mutation::CloseHandsOver, Mutation::BacklogDroppedOnLeaving].contains(&self.mutation);
        if is_followed && encoding == NATIVE {
            self.taps.insert(id, tap);
        }
        id
    }

    fn end(&mut self, id: ConnectionId, close_frame: &[u8]) {
        self.mute(id);
        match self.mutation {
            Mutation::CloseFrameLost => self.inner.end(id, &[]),
            // A connection that is broken off continues as if nothing had happened.
            Mutation::CloseHandsOver if close_frame.is_empty() && self.taps.contains_key(&id) => {}
            Mutation::CloseFrameTooEarly => {
                self.inner.answer(id, close_frame);
                self.late_ends.push(id);
            }
            _ => self.inner.end(id, close_frame),
        }
    }

    fn awaits_others(&self, id: ConnectionId) -> bool {
        self.inner.awaits_others(id)
    }

    fn finished(&mut self, from: ShardId) {
        self.inner.finished(from);
    }

    fn close(&mut self, id: ConnectionId) {
        match self.mutation {
            Mutation::CloseForgotten => {}
            Mutation::BacklogDroppedOnLeaving => {
                self.taps.remove(&id);
                self.inner.close(id);
            }
            Mutation::CloseHandsOver => {
                self.orphan = self.taps.remove(&id);
                self.late_closes.push((id, 4));
            }
            _ => self.inner.close(id),
        }
    }

    fn answer(&mut self, id: ConnectionId, frame: &[u8]) {
        match self.mutation {
            Mutation::AnswerLost if self.now() => return,
            Mutation::AnswerDoubled if self.now() => self.inner.answer(id, frame),
            _ => {}
        }
        self.inner.answer(id, frame);
    }

    fn pending_bytes(&self, id: ConnectionId) -> usize {
        if self.mutation == Mutation::BacklogUncounted { 0 } else { self.inner.pending_bytes(id) }
    }

    fn backlog(&self, id: ConnectionId) -> Backlog {
        self.inner.backlog(id)
    }

    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<LagRule>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions> {
        match self.mutation {
            Mutation::AnsweredTooEarly => {
                self.inner.subscribe_with(id, channel, lag, &[])?;
                self.inner.answer(id, answer);
                Ok(())
            }
            Mutation::AnsweredTooLate => {
                self.inner.subscribe_with(id, channel, lag, &[])?;
                self.late_answers.push((id, answer.to_vec()));
                Ok(())
            }
            Mutation::LagOfSubscriptionIgnored => self.inner.subscribe_with(id, channel, None, answer),
            _ => self.inner.subscribe_with(id, channel, lag, answer),
        }
    }

    fn awaits_subscription(&self, id: ConnectionId) -> bool {
        self.mutation != Mutation::AnsweredTooEarly && self.inner.awaits_subscription(id)
    }

    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        if self.mutation == Mutation::UnsubscribeIgnored {
            return self.inner.answer(id, answer);
        }
        self.mute(id);
        self.inner.unsubscribe(id, channel, answer);
        if self.mutation == Mutation::PassedTooEarly {
            for other in (0..self.shards).filter(|other| *other != id.shard) {
                let mut forged = ShardBatch::default();
                forged.push(P::Item::passed(u64::MAX - 1));
                self.inner.receive(other, forged);
            }
        }
    }

    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>) {
        let Publication { channel, payload, no_echo } = *publication;
        match self.mutation {
            Mutation::PublishLoses if self.now() => return,
            Mutation::PublishDoubles if self.now() => self.inner.publish(from, publication),
            Mutation::PublishSwaps if self.swapped.is_none() => {
                self.swapped = Some((from, channel.to_owned(), payload.to_vec(), no_echo));
                return;
            }
            Mutation::PublishAltersByte if self.now() => {
                let mut payload = payload.to_vec();
                *payload.last_mut().expect("a message has a head") ^= 1;
                return self.inner.publish(from, &Publication { payload: &payload, ..*publication });
            }
            Mutation::PublishEchoes => {
                return self.inner.publish(from, &Publication { no_echo: false, ..*publication });
            }
            Mutation::PublishMisroutes if self.now() => {
                let channel = if channel == "z" { "lobby" } else { "z" };
                return self.inner.publish(from, &Publication { channel, ..*publication });
            }
            _ => {}
        }
        self.inner.publish(from, publication);
    }

    fn writable(&mut self, id: ConnectionId) {
        self.inner.writable(id);
    }

    fn post(&mut self) {
        self.inner.post();
    }

    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch<P::Item> {
        self.inner.shard_batch(to)
    }

    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch<P::Item>) {
        let mut items = Vec::new();
        for item in shard_batch.into_items() {
            item.mutate(self.mutation, || self.now(), &self.by_slot, &mut items);
        }
        if self.mutation == Mutation::BatchReversed {
            items.reverse();
        }
        let mut mutated = ShardBatch::default();
        for item in items {
            mutated.push(item);
        }
        self.inner.receive(from, mutated);
    }

    fn flush(&mut self, budget: usize) -> bool {
        if self.mutation == Mutation::LaggedForNothing && budget > 0 && self.now() {
            self.forged.extend(self.by_slot.values().next().copied().map(Effect::Lagged));
        }
        let more = self.inner.flush(budget);
        let inner = &self.inner;
        let late = self.late_answers.extract_if(.., |(id, _)| !inner.awaits_subscription(*id));
        for (id, answer) in late.collect::<Vec<_>>() {
            self.inner.answer(id, &answer);
        }
        if budget > 0 {
            for id in std::mem::take(&mut self.late_ends) {
                self.inner.end(id, &[]);
            }
            self.late_closes.iter_mut().for_each(|(_, flushes)| *flushes -= 1);
            for (id, _) in self.late_closes.extract_if(.., |(_, flushes)| *flushes == 0) {
                self.inner.close(id);
            }
        }
        let shards = self.shards;
        self.blocked = (0..shards).any(|to| !self.inner.shard_batch(to).is_empty());
        more
    }

    fn is_between_rounds(&self) -> bool {
        self.inner.is_between_rounds()
    }

    fn is_saturated(&self) -> bool {
        self.inner.is_saturated() || self.mutation == Mutation::MailboxesDeadlock && self.blocked
    }

    fn take_effect(&mut self) -> Option<Effect> {
        if let Some(effect) = self.forged.pop() {
            return Some(effect);
        }
        loop {
            let effect = self.inner.take_effect()?;
            let untold = match effect {
                Effect::Full(_) => self.mutation == Mutation::FullUntold,
                Effect::Drained(_) => self.mutation == Mutation::DrainedUntold,
                Effect::Lagged(_) => self.mutation == Mutation::LaggedUntold,
                Effect::Gone(_) => false,
            };
            if !untold {
                return Some(effect);
            }
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = self.inner.counters();
        match self.mutation {
            Mutation::UndeliveredUncounted => counters.undelivered = 0,
            Mutation::MissedCountedTwice => counters.missed *= 2,
            _ => {}
        }
        counters
    }
}
