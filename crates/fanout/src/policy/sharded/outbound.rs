//! The outbound side of a shard: the batches for other shards, the channel logs to post, and the barriers that it asks
//! for.
//!
//! Invariants: the batch for this shard stays empty. Everything is posted before anything is received, so only messages
//! that were published here are posted. Operations that wait for barriers are done in their order.

use super::Sharded;
use super::registry::ChannelLog;
use crate::policy::barrier::Barriers;
use crate::{ConnectionId, Encode, EncodedBatch, Item, Outlet, ShardBatch, ShardId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// An operation that waits for a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaiting {
    /// The other shards will post a channel log's messages here.
    Interest { channel_log: u32 },
    /// The end of a connection's subscription to a channel log.
    Leave { id: ConnectionId, channel_log: u32 },
    /// The end of a connection.
    End { id: ConnectionId },
}

/// The batches for other shards, and what is still to be put into them.
#[derive(Debug)]
pub(super) struct Outbound {
    shard: ShardId,
    /// One batch for each shard.
    batches: Vec<ShardBatch>,
    /// The channel logs with messages that interested shards have not received.
    to_post: VecDeque<u32>,
    barriers: Barriers,
    /// The operations that wait for barriers, each with its barrier's number, in order.
    awaiting: VecDeque<(u64, Awaiting)>,
}

impl Outbound {
    pub(super) fn new(shard: ShardId, shards: ShardId) -> Self {
        Self {
            shard,
            batches: (0..shards).map(|_| ShardBatch::default()).collect(),
            to_post: VecDeque::new(),
            barriers: Barriers::new(shard, shards),
            awaiting: VecDeque::new(),
        }
    }

    /// Returns true if there is no other shard.
    pub(super) fn is_alone(&self) -> bool {
        self.batches.len() == 1
    }

    /// The batch for a shard.
    pub(super) fn batch(&mut self, to: ShardId) -> &mut ShardBatch {
        &mut self.batches[usize::from(to)]
    }

    /// Adds an item for every other shard.
    pub(super) fn tell_others(&mut self, item: &Item) {
        let own = usize::from(self.shard);
        let others = self.batches.iter_mut().enumerate().filter(|(shard, _)| *shard != own);
        others.for_each(|(_, batch)| batch.push(item.clone()));
    }

    /// Records that a message was published to a channel log. If a shard is interested, the channel log is listed to be
    /// posted.
    pub(super) fn note_published(&mut self, key: u32, channel_log: &mut ChannelLog) {
        if channel_log.interested.is_empty() {
            channel_log.posted = channel_log.log.head();
        } else if !std::mem::replace(&mut channel_log.to_post, true) {
            self.to_post.push_back(key);
        }
    }

    /// Takes the next channel log that is to be posted.
    fn take_to_post(&mut self) -> Option<u32> {
        self.to_post.pop_front()
    }

    /// Puts the messages of a channel log that were not posted into the batches of the interested shards.
    fn post(&mut self, channel_log: &mut ChannelLog) {
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
                self.batches[usize::from(*shard)].push(Item::Messages(batch.clone()));
            }
            self.batches[usize::from(*last)].push(Item::Messages(batch));
        }
        channel_log.posted = head;
    }

    /// Registers an operation to be done when all shards have passed a barrier from now on. Returns the barrier's
    /// number.
    pub(super) fn await_barrier(&mut self, awaiting: Awaiting) -> u64 {
        let barrier = self.barriers.want();
        self.awaiting.push_back((barrier, awaiting));
        barrier
    }

    /// Asks the other shards for the barrier that is wanted, if there is one.
    pub(super) fn ask_for_barrier(&mut self) {
        if let Some(number) = self.barriers.take_wanted() {
            self.tell_others(&Item::Barrier(number));
        }
    }

    /// Records that another shard has passed a barrier and all before it.
    pub(super) fn pass(&mut self, from: ShardId, number: u64) {
        self.barriers.pass(from, number);
    }

    /// Returns true if every shard has passed this barrier.
    pub(super) fn is_passed(&self, barrier: u64) -> bool {
        self.barriers.is_passed(barrier)
    }

    /// Takes the next operation whose barrier is passed, with the barrier's number.
    pub(super) fn take_passed(&mut self) -> Option<(u64, Awaiting)> {
        let barriers = &self.barriers;
        self.awaiting.pop_front_if(|(barrier, _)| barriers.is_passed(*barrier))
    }
}

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Posts everything that was published here since the last time.
    pub(super) fn post_all(&mut self) {
        while let Some(key) = self.outbound.take_to_post() {
            self.post_channel_log(key);
        }
        self.outbound.ask_for_barrier();
    }

    /// Posts the messages of a channel log that were not posted. If nobody here has them to come, they are dropped.
    fn post_channel_log(&mut self, key: u32) {
        self.outbound.post(&mut self.registry.channel_logs[key]);
        if self.registry.channel_logs[key].to_flush {
            return;
        }
        debug_assert!(
            self.registry.channel_logs[key].subscribers.iter().all(|key| self.registry.unsent(*key).is_empty()),
            "a message for a subscriber here lists the channel log for the flush"
        );
        let channel_log = &mut self.registry.channel_logs[key];
        channel_log.log.drop_before(channel_log.posted);
        self.budget.tidy(channel_log);
        self.registry.channel_logs.retire(key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::ChannelLogs;
    use super::*;
    use crate::Encoding;

    const ID: ConnectionId = ConnectionId { shard: 1, slot: 0, generation: 0 };

    fn items(outbound: &mut Outbound, to: ShardId) -> Vec<Item> {
        std::mem::take(outbound.batch(to)).into_items().collect()
    }

    #[test]
    fn only_interested_shards_are_posted_to_and_each_message_once() {
        let (mut outbound, mut logs) = (Outbound::new(1, 4), ChannelLogs::default());
        let key = logs.find_or_create("news", Encoding::new(0));
        let publish = |outbound: &mut Outbound, logs: &mut ChannelLogs, message: &[u8]| {
            logs[key].log.append(|out| out.extend_from_slice(message));
            outbound.note_published(key, &mut logs[key]);
        };
        publish(&mut outbound, &mut logs, b"before");
        assert_eq!(outbound.take_to_post(), None);
        logs[key].interested.extend([0, 3]);
        for message in [&b"one"[..], b"three"] {
            publish(&mut outbound, &mut logs, message);
        }
        assert_eq!((outbound.take_to_post(), outbound.take_to_post()), (Some(key), None));
        outbound.post(&mut logs[key]);
        for to in [0, 3] {
            let [Item::Messages(batch)] = &items(&mut outbound, to)[..] else { panic!("one batch for {to}") };
            assert_eq!((&batch.bytes[..], &batch.lengths[..]), (&b"onethree"[..], &[3, 5][..]));
        }
        assert!(outbound.batch(1).is_empty() && outbound.batch(2).is_empty());
        publish(&mut outbound, &mut logs, b"four");
        assert_eq!(outbound.take_to_post(), Some(key), "it is listed again");
    }

    #[test]
    fn operations_wait_for_their_barrier_in_their_order() {
        let mut outbound = Outbound::new(1, 3);
        let (first, second) = (Awaiting::End { id: ID }, Awaiting::Interest { channel_log: 7 });
        let barrier = outbound.await_barrier(first);
        outbound.ask_for_barrier();
        outbound.ask_for_barrier();
        let later = outbound.await_barrier(second);
        assert_eq!((barrier, later), (0, 1));
        for to in [0, 2] {
            assert!(matches!(items(&mut outbound, to)[..], [Item::Barrier(0)]));
        }
        outbound.pass(0, 1);
        assert_eq!(outbound.take_passed(), None);
        outbound.pass(2, 0);
        assert_eq!((outbound.take_passed(), outbound.take_passed()), (Some((0, first)), None));
        outbound.pass(2, 1);
        assert_eq!((outbound.take_passed(), outbound.take_passed()), (Some((1, second)), None));
    }
}
