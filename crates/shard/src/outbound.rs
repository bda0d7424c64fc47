//! The mailboxes between shards, the only way from one shard to another.
//!
//! Messages that a full mailbox does not take stay with the sender. One waits here; the others accumulate in the policy's
//! batch for that shard, while publishers are not read. So no shard waits for another, and two shards with full mailboxes
//! both go on emptying them.
//!
//! Invariant: `Finished` goes to each shard once, after everything that was accepted for it. Only the answer to a barrier may follow.

use corecast_fanout::{Outlet, Policy, ShardBatch, ShardId};

/// The content of a shard's mailbox. `I` is the item that the policy's shards exchange; `R` is a request that the driver's
/// clients make of a shard.
#[derive(Debug)]
pub enum MailboxMessage<I, R> {
    /// A message from another shard.
    Shard(ShardId, ShardMessage<I>),
    /// A request to stop serving.
    Stop,
    /// A request from outside.
    Request(R),
}

/// A message from one shard to another.
#[derive(Debug)]
pub enum ShardMessage<I> {
    /// Items of the sender's policy.
    Batch(ShardBatch<I>),
    /// The sender has posted everything that it will ever publish.
    Finished,
}

/// The mailboxes of all shards, as one shard sees them.
pub trait Mailboxes {
    /// The item that the policy's shards exchange.
    type Item;

    /// A request from outside to a shard.
    type Request;

    /// Puts a message into another shard's mailbox. If there is no room, returns the message; the driver then has the shard
    /// tick once there is room.
    ///
    /// # Errors
    /// The message, if there is no room.
    fn post(&mut self, to: ShardId, message: ShardMessage<Self::Item>) -> Result<(), ShardMessage<Self::Item>>;

    /// Takes the next message from the shard's own mailbox.
    fn receive(&mut self) -> Option<MailboxMessage<Self::Item, Self::Request>>;

    /// Returns true if the mailbox of shard `to` has room.
    fn has_room(&self, to: ShardId) -> bool;

    /// Returns true if the shard's own mailbox is empty.
    fn is_empty(&self) -> bool;
}

/// The messages from one shard to the others that wait for room.
#[derive(Debug)]
pub(crate) struct Outbound<I> {
    own: ShardId,
    waiting: Vec<Option<ShardMessage<I>>>,
    told_finished: Vec<bool>,
    /// The number of other shards that will post nothing more.
    finished: usize,
}

impl<I> Outbound<I> {
    pub(crate) fn new(own: ShardId, shards: ShardId) -> Self {
        let waiting = (0..shards).map(|_| None).collect();
        Self { own, waiting, told_finished: vec![false; usize::from(shards)], finished: 0 }
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = ShardId> + use<I> {
        let own = self.own;
        (0..ShardId::try_from(self.waiting.len()).expect("made from a shard id")).filter(move |shard| *shard != own)
    }

    /// Notes that another shard will post nothing more.
    pub(crate) fn note_finished(&mut self) {
        self.finished += 1;
    }

    /// Returns true if every message of the other shards has arrived, and none of this shard waits for room.
    pub(crate) fn is_complete(&self) -> bool {
        self.finished == self.others().count() && !self.is_congested()
    }

    /// Returns true if a message waits for room.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.iter().any(Option::is_some)
    }

    /// Returns true if a message to this shard waits for room.
    pub(crate) fn is_waiting(&self, to: ShardId) -> bool {
        self.waiting[usize::from(to)].is_some()
    }

    /// Posts the policy's batches for other shards, as far as their mailboxes have room, then `Finished` if the shard is
    /// stopping.
    pub(crate) fn post<O: Outlet, P: Policy<O, Item = I>, M: Mailboxes<Item = I>>(
        &mut self,
        policy: &mut P,
        is_stopping: bool,
        mailboxes: &mut M,
    ) {
        for to in self.others() {
            let waiting = &mut self.waiting[usize::from(to)];
            loop {
                let batch = policy.shard_batch(to);
                let message = if let Some(message) = waiting.take() {
                    message
                } else if !batch.is_empty() {
                    ShardMessage::Batch(std::mem::take(batch))
                } else if is_stopping
                    && !policy.is_pending()
                    && !std::mem::replace(&mut self.told_finished[usize::from(to)], true)
                {
                    ShardMessage::Finished
                } else {
                    break;
                };
                if let Err(message) = mailboxes.post(to, message) {
                    *waiting = Some(message);
                    break;
                }
            }
        }
    }
}
