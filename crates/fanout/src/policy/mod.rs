//! How a published message finds its subscribers: the trait, the `sharded` policy, and parts that policies share.
//!
//! A policy has one side on each shard. Its owner, the driver of the shard, calls [`Policy`], and [`Hooks`] at the points
//! that they name. The sides tell each other only what their owners carry in [`ShardBatch`]es.
//!
//! A policy outside this crate implements both traits, with items of its own. [`Barriers`], [`Leaving`] and [`PendingWrites`]
//! are there for it to use: they hold what the promises ask of every policy.

mod barrier;
mod leaving;
mod pending_writes;
mod sharded;

pub use barrier::Barriers;
pub use leaving::{Leaving, Request};
pub use pending_writes::PendingWrites;
pub use sharded::Sharded;

use crate::{ConnectionId, Counters, Encoding, Lag, Outlet, ShardBatch, ShardId};
use std::fmt;
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
pub trait Policy<O: Outlet>: Hooks {
    /// One thing that a shard of this policy tells another.
    type Item: Clone + fmt::Debug + Send + 'static;

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

    /// Takes a message. It is on its way when [`Hooks::commit`] has been called, at the latest.
    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>);

    /// The transport of a connection can take bytes again.
    fn writable(&mut self, id: ConnectionId);

    /// Puts what was published here since the last call into the shard batches.
    fn post(&mut self);

    /// What is to be posted to a shard; the owner takes it when the mailbox can have it.
    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch<Self::Item>;

    /// Takes a shard batch that another shard posted.
    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch<Self::Item>);

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

    /// The next thing to do for a connection.
    fn take_effect(&mut self) -> Option<Effect>;

    /// What was done so far.
    fn counters(&self) -> Counters;
}

/// Points at which a policy may do more than [`Policy`] asks. `sharded` does nothing there, which is what each method does by
/// default; a registry that shards share, perhaps on another thread, needs them.
pub trait Hooks {
    /// Every message that one read of this connection brought has been published.
    fn commit(&mut self, _from: ConnectionId) {}

    /// Returns true if a short wait before the next flush pays, because what comes meanwhile leaves in the same sends.
    fn merges(&self) -> bool {
        true
    }

    /// Returns true if something that was asked for here is still to be done elsewhere. It may yet fill shard batches;
    /// every call of [`Policy::post`] and [`Policy::flush`] looks for it.
    fn is_pending(&self) -> bool {
        false
    }

    /// Takes the waker to wake when the next flush would find something done that was pending.
    fn wake_with(&mut self, _waker: Waker) {}
}
