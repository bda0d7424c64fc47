//! A shard with subscribers.

use crate::Sink;
use crate::frames::{CHANNEL, PAYLOAD};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{ConnectionId, FanoutLimits, Policy, Publication, ShardBatch, ShardId};
use corecast_session::{Codec, NATIVE};

/// The number of rounds before anything is measured, after which buffers and tables have their final size.
const WARM_UP_ROUNDS: usize = 64;

/// The number of subscribers that one turn of a flush visits, as in the engine.
const FLUSH_BUDGET: usize = 64;

/// A shard of the `sharded` policy whose subscribers, all of one channel, speak `native`.
#[derive(Debug)]
pub struct Shard {
    policy: Sharded<Sink, Codec>,
    publisher: ConnectionId,
    members: Vec<ConnectionId>,
    /// The index of the subscriber that leaves and returns next.
    next_to_leave: usize,
    subscribed: Vec<u8>,
    unsubscribed: Vec<u8>,
}

impl Shard {
    /// Creates the only shard of its server, with this number of subscribers, after some rounds of everything that it
    /// can do.
    pub fn alone(subscribers: usize) -> Self {
        let mut shard = Self::of(0, 1, subscribers);
        for _ in 0..WARM_UP_ROUNDS {
            shard.publish();
            shard.flush();
            shard.leave_and_return();
        }
        shard
    }

    /// Creates two shards, after some rounds of use: the first publishes, and the second has this number of
    /// subscribers.
    pub fn pair(subscribers: usize) -> (Self, Self) {
        let mut first = Self::of(0, 2, 0);
        let mut second = Self::of(1, 2, subscribers);
        // The second shard asks, and the first confirms.
        first.receive(1, second.take_shard_batch(0));
        second.receive(0, first.take_shard_batch(1));
        for _ in 0..WARM_UP_ROUNDS {
            first.publish();
            second.receive(0, first.take_shard_batch(1));
            second.flush();
        }
        (first, second)
    }

    fn of(number: ShardId, shards: ShardId, subscribers: usize) -> Self {
        let mut policy = Sharded::new(number, shards, FanoutLimits::default(), Codec);
        let publisher = policy.open(Sink, NATIVE);
        let members = (0..subscribers).map(|_| policy.open(Sink, NATIVE)).collect();
        let (subscribed, unsubscribed) = answers();
        let mut shard = Self { policy, publisher, members, next_to_leave: 0, subscribed, unsubscribed };
        for index in 0..subscribers {
            shard.subscribe(shard.members[index]);
        }
        shard.flush();
        shard
    }

    /// Publishes one message of 64 bytes.
    pub fn publish(&mut self) {
        self.policy.publish(self.publisher, &Publication { channel: CHANNEL, payload: &PAYLOAD, no_echo: false });
    }

    /// Flushes until nobody is behind.
    ///
    /// # Panics
    /// If a connection needs an action; it must not, because the transport takes everything.
    pub fn flush(&mut self) {
        while self.policy.flush(FLUSH_BUDGET) {}
        assert_eq!(self.policy.take_effect(), None);
    }

    /// Makes one subscriber leave, subscribe again, and receive both answers. The subscribers take turns, so that the
    /// one that leaves is seldom the last of the list, which is the easiest to remove.
    pub fn leave_and_return(&mut self) {
        let member = self.members[self.next_to_leave];
        self.next_to_leave = (self.next_to_leave + 1) % self.members.len();
        self.policy.unsubscribe(member, CHANNEL, &self.unsubscribed);
        self.subscribe(member);
        self.flush();
    }

    /// Takes the batch that is to be posted to another shard.
    pub fn take_shard_batch(&mut self, to: ShardId) -> ShardBatch {
        self.policy.post();
        std::mem::take(self.policy.shard_batch(to))
    }

    /// Receives a batch that another shard posted.
    pub fn receive(&mut self, from: ShardId, shard_batch: ShardBatch) {
        self.policy.receive(from, shard_batch);
    }

    /// Returns the number of messages delivered so far, once per subscriber.
    pub fn deliveries(&self) -> u64 {
        self.policy.counters().deliveries
    }

    fn subscribe(&mut self, member: ConnectionId) {
        self.policy.subscribe(member, CHANNEL, &self.subscribed).expect("one subscription a connection");
    }
}

/// Encodes SUBSCRIBED and UNSUBSCRIBED.
fn answers() -> (Vec<u8>, Vec<u8>) {
    use corecast_wire::native::{Frame, encode};
    let channel = corecast_wire::ChannelName::new(CHANNEL).expect("a valid name");
    let (mut subscribed, mut unsubscribed) = (Vec::new(), Vec::new());
    encode(&Frame::Subscribed(channel), &mut subscribed);
    encode(&Frame::Unsubscribed(channel), &mut unsubscribed);
    (subscribed, unsubscribed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_message_reaches_every_subscriber() {
        for subscribers in [1, 100, 1_000] {
            let mut shard = Shard::alone(subscribers);
            let before = shard.deliveries();
            shard.publish();
            shard.flush();
            assert_eq!(shard.deliveries() - before, subscribers as u64);
        }
    }

    #[test]
    fn who_leaves_and_returns_is_a_subscriber_again() {
        let mut shard = Shard::alone(3);
        (0..4).for_each(|_| shard.leave_and_return());
        let before = shard.deliveries();
        shard.publish();
        shard.flush();
        assert_eq!(shard.deliveries() - before, 3);
    }

    #[test]
    fn a_shard_batch_reaches_every_subscriber_of_the_other_shard() {
        let (mut first, mut second) = Shard::pair(100);
        let before = second.deliveries();
        (0..16).for_each(|_| first.publish());
        second.receive(0, first.take_shard_batch(1));
        second.flush();
        assert_eq!(second.deliveries() - before, 16 * 100);
        assert_eq!(first.deliveries(), 0);
    }
}
