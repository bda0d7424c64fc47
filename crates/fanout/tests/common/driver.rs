//! Several shards in one thread, driven as an engine would drive them.

use super::{FakeOutlet, Frame, PolicyFactory, answer};
use corecast_fanout::{
    ConnectionId, Counters, Effect, Encoding, FanoutLimits, Hooks, LagRule, Policy, Publication, ShardBatch, ShardId,
    TooManySubscriptions,
};
use std::collections::VecDeque;

/// The items that the shards of a policy send each other.
type Item<F> = <<F as PolicyFactory>::Policy as Policy<FakeOutlet>>::Item;

/// The shards, and the mailboxes between them.
pub(crate) struct Driver<F: PolicyFactory> {
    pub(crate) shards: Vec<F::Policy>,
    mailboxes: Vec<VecDeque<(ShardId, ShardBatch<Item<F>>)>>,
    /// The number of shard batches that a mailbox has room for.
    mailbox_capacity: usize,
    /// The effects that the test has not looked at.
    effects: Vec<Effect>,
}

/// A connection and its transport.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) outlet: FakeOutlet,
    pub(crate) encoding: Encoding,
}

impl Peer {
    /// Returns everything received, which must end at the end of a frame.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let taken = self.outlet.taken();
        let (frames, length) = Frame::parse(self.encoding, &taken);
        assert_eq!(length, taken.len(), "whole frames");
        frames
    }

    /// Returns the payloads of all messages received.
    pub(crate) fn payloads(&self) -> Vec<Vec<u8>> {
        let payload = |frame| match frame {
            Frame::Message { payload, .. } => Some(payload),
            _ => None,
        };
        self.frames().into_iter().filter_map(payload).collect()
    }
}

/// Returns bounds under which the first encoding skips and all others disconnect.
pub(crate) fn limits(log_bytes: usize) -> FanoutLimits {
    let mut limits = FanoutLimits { log_bytes, ..FanoutLimits::default() };
    limits.lag[super::FIRST.index()] = LagRule::Skip;
    limits
}

impl<F: PolicyFactory> Driver<F> {
    pub(crate) fn new(shards: ShardId) -> Self {
        Self::with(shards, &limits(1 << 20), 8)
    }

    /// Creates shards whose logs hold `log_bytes`.
    pub(crate) fn with_log(shards: ShardId, log_bytes: usize) -> Self {
        Self::with(shards, &limits(log_bytes), 8)
    }

    pub(crate) fn with(shards: ShardId, limits: &FanoutLimits, mailbox_capacity: usize) -> Self {
        Self {
            shards: F::shards(shards, limits),
            mailboxes: (0..shards).map(|_| VecDeque::new()).collect(),
            mailbox_capacity,
            effects: Vec::new(),
        }
    }

    /// Returns the shard with this number, modulo the number of shards.
    pub(crate) fn shard(&mut self, shard: ShardId) -> &mut F::Policy {
        let shards = self.shards.len();
        &mut self.shards[usize::from(shard) % shards]
    }

    pub(crate) fn open(&mut self, shard: ShardId, encoding: Encoding) -> Peer {
        let outlet = FakeOutlet::new();
        let id = self.shard(shard).open(outlet.clone(), encoding);
        Peer { id, outlet, encoding }
    }

    /// Subscribes a connection; the answer is `+channel`.
    pub(crate) fn subscribe(&mut self, peer: &Peer, channel: &str) -> Result<(), TooManySubscriptions> {
        let frame = answer(peer.encoding, &format!("+{channel}"));
        self.shard(peer.id.shard).subscribe(peer.id, channel, &frame)
    }

    /// Returns a connection that has subscribed and has received its answer.
    pub(crate) fn join(&mut self, shard: ShardId, encoding: Encoding, channel: &str) -> Peer {
        let peer = self.open(shard, encoding);
        self.subscribe(&peer, channel).unwrap();
        self.settle();
        assert_eq!(peer.frames(), [Frame::answer(&format!("+{channel}"))]);
        peer
    }

    /// Unsubscribes a connection; the answer is `-channel`.
    pub(crate) fn unsubscribe(&mut self, peer: &Peer, channel: &str) {
        let frame = answer(peer.encoding, &format!("-{channel}"));
        self.shard(peer.id.shard).unsubscribe(peer.id, channel, &frame);
    }

    pub(crate) fn publish(&mut self, peer: &Peer, channel: &str, payload: &[u8]) {
        self.publish_as(peer, &Publication { channel, payload, no_echo: false });
    }

    /// Publishes one message as everything that one read brought.
    pub(crate) fn publish_as(&mut self, peer: &Peer, publication: &Publication<'_>) {
        let policy = self.shard(peer.id.shard);
        policy.publish(peer.id, publication);
        policy.commit(peer.id);
    }

    pub(crate) fn answer(&mut self, peer: &Peer, text: &str) {
        self.shard(peer.id.shard).answer(peer.id, &answer(peer.encoding, text));
    }

    pub(crate) fn end(&mut self, peer: &Peer, close_frame: &str) {
        self.shard(peer.id.shard).end(peer.id, &answer(peer.encoding, close_frame));
    }

    pub(crate) fn close(&mut self, peer: &Peer) {
        self.shard(peer.id.shard).close(peer.id);
    }

    pub(crate) fn pending_bytes(&mut self, peer: &Peer) -> usize {
        self.shard(peer.id.shard).pending_bytes(peer.id)
    }

    /// Gives a transport room for `bytes`, and reports it as writable.
    pub(crate) fn make_room(&mut self, peer: &Peer, bytes: usize) {
        peer.outlet.set_room(bytes);
        self.shard(peer.id.shard).writable(peer.id);
        self.collect();
    }

    /// Posts what a shard has for the others, as far as their mailboxes have room. Returns true if anything was posted.
    pub(crate) fn dispatch(&mut self, from: ShardId) -> bool {
        let policy = &mut self.shards[usize::from(from)];
        policy.post();
        let mut moved = false;
        for (to, mailbox) in (0..).zip(&mut self.mailboxes) {
            let shard_batch = policy.shard_batch(to);
            assert!(to != from || shard_batch.is_empty(), "a shard posts nothing to itself");
            if !shard_batch.is_empty() && mailbox.len() < self.mailbox_capacity {
                mailbox.push_back((from, std::mem::take(shard_batch)));
                moved = true;
            }
        }
        moved
    }

    /// Hands a shard the first shard batch of its mailbox. Returns false if there was none.
    pub(crate) fn receive(&mut self, to: ShardId) -> bool {
        let Some((from, shard_batch)) = self.mailboxes[usize::from(to)].pop_front() else { return false };
        self.shards[usize::from(to)].receive(from, shard_batch);
        self.collect();
        true
    }

    /// Flushes a shard, after one step of the executor that a shared registry may use. Returns true if there is more to
    /// flush.
    pub(crate) fn flush(&mut self, shard: ShardId, budget: usize) -> bool {
        F::step();
        let more = self.shards[usize::from(shard)].flush(budget);
        self.collect();
        more
    }

    /// Runs all shards until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut moved = F::step() || self.is_pending();
            for shard in self.shard_ids() {
                moved |= self.dispatch(shard) | self.receive(shard) | self.flush(shard, 64);
                // A subscription that ended in the flush may have a request for the other shards.
                moved |= self.dispatch(shard);
            }
            if !moved {
                return self.collect();
            }
        }
    }

    /// Returns true if a shard waits for the registry.
    pub(crate) fn is_pending(&self) -> bool {
        self.shards.iter().any(Hooks::is_pending)
    }

    pub(crate) fn shard_ids(&self) -> std::ops::Range<ShardId> {
        0..ShardId::try_from(self.shards.len()).unwrap()
    }

    /// Returns the effects since the last call.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        self.collect();
        std::mem::take(&mut self.effects)
    }

    /// Returns the sum of all shards' counters.
    pub(crate) fn counters(&self) -> Counters {
        let mut total = Counters::default();
        self.shards.iter().for_each(|policy| total += policy.counters());
        total
    }

    /// Returns the number of channel logs that all shards keep.
    pub(crate) fn channel_logs(&self) -> usize {
        self.shards.iter().map(F::channel_logs).sum()
    }

    fn collect(&mut self) {
        for policy in &mut self.shards {
            self.effects.extend(std::iter::from_fn(|| policy.take_effect()));
        }
    }
}
