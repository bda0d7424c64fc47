//! How a published message finds its subscribers: one file or folder a policy.
//!
//! | policy | registry of subscribers | who writes the socket |
//! | --- | --- | --- |
//! | [`Sharded`] | one per shard, no lock | the owning shard, from its log, once per tick |
//! | [`Mutex`] | one for the process, locked for the whole fan-out | the publisher's thread, once per subscriber and read batch |
//! | [`Snapshot`] | one for the process, copy-on-write, locked to clone an `Arc` | the publisher's thread, likewise |
//! | [`Subjected`] | one for the process, an object under a policy of `corecast_subjector` | the thread on which the fan-out runs, likewise |
//!
//! All but the first are the baselines. They are the one exception to the rule that only shard batches cross
//! shards. Under [`Handoff::Owner`] they only name the subscribers, and the owning shard writes.

mod barrier;
mod leaving;
mod pending_writes;
mod ranges;
mod sharded;
mod shared;

pub use sharded::Sharded;
pub use shared::{
    Delivery, Directory, FanOut, Handoff, Members, Membership, Mutex, MutexDirectory, Outcome, Registry, Shared,
    Snapshot, SnapshotDirectory, Subjected, SubjectorDirectory, Writer,
};

use crate::{ConnectionId, Counters, Encoding, Lag, Outlet, ShardBatch, ShardId};
use std::task::Waker;

/// A message on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Where to.
    pub channel: &'a str,
    /// What.
    pub payload: &'a [u8],
    /// Not to the publisher's own subscription.
    pub no_echo: bool,
}

/// What the owner of a policy must do for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its transport is full: call [`Policy::writable`] when it no longer is.
    Full(ConnectionId),
    /// It was full or is ended, and everything that was held back for it has left. After
    /// [`Policy::end`] it comes once, and means the close frame too.
    Drained(ConnectionId),
    /// It lagged past the bound in a subscription that disconnects then: its subscriptions have ended, and
    /// new ones are ignored; end it, again if it was ending.
    Lagged(ConnectionId),
    /// Its peer is gone: close it.
    Gone(ConnectionId),
}

/// How far a connection has come with what it subscribed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Channels that it is subscribed to.
    pub channels: usize,
    /// Bytes that are kept for it and that the transport has not taken: messages, answers, what a short write left.
    pub bytes_behind: usize,
}

/// One subscription more than [`Limits::max_subscriptions`](crate::Limits::max_subscriptions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection may hold {limit} subscriptions")]
pub struct TooManySubscriptions {
    /// The limit.
    pub limit: usize,
}

/// A shard's side of a policy.
///
/// The owner drains [`take_effect`](Self::take_effect) after any call, posts every non-empty
/// [`shard_batch`](Self::shard_batch), and never calls a method for a connection after closing it; such a call
/// does nothing.
pub trait Policy<O: Outlet> {
    /// A connection has come; it reads this encoding.
    fn open(&mut self, outlet: O, encoding: Encoding) -> ConnectionId;

    /// Ends every subscription and says `close_frame` as the last thing, behind every message that was accepted anywhere
    /// before; nothing is sent behind it. [`Effect::Drained`] tells when it has left. What the connection asks for from
    /// now on is ignored. Of a connection that lags meanwhile the close frame is dropped ([`Effect::Lagged`]): end it again.
    fn end(&mut self, id: ConnectionId, close_frame: &[u8]);

    /// Returns true if an ended connection still waits to learn what other shards accepted before its end. If it is closed
    /// meanwhile, those messages are not counted for it.
    fn awaits_others(&self, id: ConnectionId) -> bool;

    /// Forgets a connection; its outlet is dropped with the last use.
    fn close(&mut self, id: ConnectionId);

    /// Sends an answer: before any message that is published from now on, at the latest at the next
    /// flush.
    fn answer(&mut self, id: ConnectionId, frame: &[u8]);

    /// Bytes held back for a connection that are not of a log: answers, those that wait for a
    /// subscription to take effect included, and what a short write left. Not bounded here: the owner
    /// stops reading a connection that has too many.
    fn pending_bytes(&self, id: ConnectionId) -> usize;

    /// How a connection stands; of one that has lagged or is ended, how it stood then. Nothing for one that is closed.
    fn backlog(&self, id: ConnectionId) -> Backlog;

    /// Subscribes a connection. `answer` leaves when every message published anywhere from then on
    /// will be delivered, and before the first of them. Subscribing again only gives the answer again.
    ///
    /// # Errors
    /// The connection has too many.
    fn subscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) -> Result<(), TooManySubscriptions> {
        self.subscribe_with(id, channel, None, answer)
    }

    /// Subscribes a connection as [`subscribe`](Self::subscribe) does, with what lagging means for this subscription; by
    /// default what it means for the encoding. The first time that it subscribes to the channel decides.
    ///
    /// # Errors
    /// The connection has too many.
    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<Lag>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions>;

    /// Whether a subscription of this connection has not taken effect yet.
    fn awaits_subscription(&self, id: ConnectionId) -> bool;

    /// Ends a subscription, if there is one. `answer` leaves behind every message that was accepted anywhere before, or
    /// the gap that counts it; no message of the channel leaves behind `answer`. What is asked of the same channel
    /// meanwhile is done behind that.
    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]);

    /// Takes a message. It is on its way when [`commit`](Self::commit) has been called, at the latest.
    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>);

    /// Ends the batch of messages that one read of this connection brought.
    fn commit(&mut self, from: ConnectionId);

    /// The transport of a connection can take bytes again.
    fn writable(&mut self, id: ConnectionId);

    /// Puts what was published here since the last call into the shard batches.
    fn post(&mut self);

    /// What is to be posted to a shard; the owner takes it when the mailbox can have it.
    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch;

    /// Takes a shard batch that another shard posted.
    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch);

    /// Another shard accepts nothing more, and all its shard batches have been received: it is not waited for any more.
    fn finished(&mut self, from: ShardId);

    /// Sends every answer, then what is behind, to at most about `budget` subscribers and not beyond the end of a
    /// round; whether there is more to do. What was not posted is posted first.
    fn flush(&mut self, budget: usize) -> bool;

    /// Whether the last flush ended a round, in which every channel's subscribers are visited once: the owner may wait
    /// a little for more that then leaves with the same sends.
    fn is_between_rounds(&self) -> bool;

    /// Whether more is waiting to be flushed than the logs should hold: publishers must not be read, nor
    /// shard batches received, until a flush has changed that.
    fn is_saturated(&self) -> bool;

    /// Whether it pays to wait a little with the next flush, because what comes meanwhile leaves in the same sends.
    fn merges(&self) -> bool {
        true
    }

    /// Whether something that was asked for here is still to be done by others (the baselines whose registry is
    /// asynchronous). It may yet fill shard batches; every call of [`flush`](Self::flush) looks whether it is done.
    fn is_pending(&self) -> bool {
        false
    }

    /// Takes what is to be woken when a flush would find something done that was pending; whether that ever happens.
    fn wake_with(&mut self, _waker: Waker) -> bool {
        false
    }

    /// The next thing to do for a connection.
    fn take_effect(&mut self) -> Option<Effect>;

    /// What was done so far.
    fn counters(&self) -> Counters;
}
