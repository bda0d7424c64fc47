//! Policies, which find the subscribers of a published message: the trait, the `sharded` policy, and parts that
//! policies share.
//!
//! A policy has one side on each shard. The driver of the shard owns it, and calls [`Policy`], and [`Hooks`] at the
//! points that they name. The sides exchange only what their owners carry in [`ShardBatch`]es.
//!
//! A policy outside this crate implements both traits, with its own items. [`Barriers`], [`Leaving`] and
//! [`PendingWrites`] are there for it to use: they implement what the promises require of every policy.

mod barrier;
mod leaving;
mod pending_writes;
mod sharded;

pub use barrier::Barriers;
pub use leaving::{Leaving, Request};
pub use pending_writes::PendingWrites;
pub use sharded::Sharded;

use crate::{ConnectionId, Counters, Encoding, LagRule, Outlet, ShardBatch, ShardId};
use std::fmt;
use std::task::Waker;

/// A message to publish.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The channel to publish to.
    pub channel: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// True if the publisher's own subscription must not receive the message.
    pub no_echo: bool,
}

/// An action that the owner of a policy must take for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its transport is full: call [`Policy::writable`] when it no longer is.
    Full(ConnectionId),
    /// The connection was full or is ending, and everything held back for it has left. After [`Policy::end`] this comes
    /// once, and covers the close frame too.
    Drained(ConnectionId),
    /// The connection lagged past the bound in a subscription whose effect is to disconnect. Its subscriptions have
    /// ended, and new ones are ignored. End it, even if it was already ending.
    Lagged(ConnectionId),
    /// Its peer is gone: close it.
    Gone(ConnectionId),
}

/// A connection's progress through its subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The number of channels that the connection is subscribed to.
    pub channels: usize,
    /// Bytes kept for the connection that its transport has not taken: messages, answers, the rest of a message that a
    /// short write cut.
    pub bytes_behind: usize,
}

/// The error for one subscription more than [`FanoutLimits::max_subscriptions`](crate::FanoutLimits::max_subscriptions).
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
    /// An item that one shard of this policy sends another.
    type Item: Clone + fmt::Debug + Send + 'static;

    /// Adds a connection that reads this encoding.
    fn open(&mut self, outlet: O, encoding: Encoding) -> ConnectionId;

    /// Ends every subscription and sends `close_frame` last, after every message that was accepted anywhere before this
    /// call. [`Effect::Drained`] reports that it has left. Later requests of the connection are ignored. If the
    /// connection lags meanwhile, the close frame is dropped ([`Effect::Lagged`]), and the owner must end it again.
    fn end(&mut self, id: ConnectionId, close_frame: &[u8]);

    /// Returns true if an ended connection still waits to learn what other shards accepted before its end. If it is
    /// closed meanwhile, those messages are not counted for it.
    fn awaits_others(&self, id: ConnectionId) -> bool;

    /// Forgets a connection. Its outlet is dropped after its last use.
    fn close(&mut self, id: ConnectionId);

    /// Sends an answer, at the latest at the next flush, and before any message that is published from now on.
    fn answer(&mut self, id: ConnectionId, frame: &[u8]);

    /// Returns the bytes held back for a connection that are not part of a log: answers, including those that wait for a
    /// subscription to take effect, and the rest of a message that a short write cut. They are not bounded here: the
    /// owner stops reading a connection that has too many.
    fn pending_bytes(&self, id: ConnectionId) -> usize;

    /// Returns the backlog of a connection. If it has lagged or ended, this is the backlog at that moment. Empty for a
    /// closed connection.
    fn backlog(&self, id: ConnectionId) -> Backlog;

    /// Subscribes a connection. `answer` leaves when every message published anywhere from then on will be delivered,
    /// and before the first of them. Subscribing again only repeats the answer.
    ///
    /// # Errors
    /// The connection has too many subscriptions.
    fn subscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) -> Result<(), TooManySubscriptions> {
        self.subscribe_with(id, channel, None, answer)
    }

    /// Subscribes a connection as [`subscribe`](Self::subscribe) does, with the effect of lagging for this
    /// subscription; without one, the encoding's default applies. The first subscription to the channel decides.
    ///
    /// # Errors
    /// The connection has too many subscriptions.
    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<LagRule>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions>;

    /// Returns true if a subscription of this connection has not taken effect yet.
    fn awaits_subscription(&self, id: ConnectionId) -> bool;

    /// Ends a subscription, if there is one. `answer` leaves after every message that was accepted anywhere before this
    /// call, or after the gap that counts it; no message of the channel follows `answer`. Requests for the same channel
    /// that arrive meanwhile are done after that.
    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]);

    /// Accepts a message. Its delivery begins when [`Hooks::commit`] is called, at the latest.
    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>);

    /// Reports that the transport of a connection can take bytes again.
    fn writable(&mut self, id: ConnectionId);

    /// Puts the messages published here since the last call into the shard batches.
    fn post(&mut self);

    /// Returns the batch that is to be posted to a shard. The owner takes it when the mailbox has room.
    fn shard_batch(&mut self, to: ShardId) -> &mut ShardBatch<Self::Item>;

    /// Receives a shard batch that another shard posted.
    fn receive(&mut self, from: ShardId, shard_batch: ShardBatch<Self::Item>);

    /// Reports that another shard accepts nothing more, and that all its shard batches have been received. It is no
    /// longer waited for.
    fn finished(&mut self, from: ShardId);

    /// Sends every answer, then what subscribers are behind with, to at most about `budget` subscribers and not beyond
    /// the end of a round. Messages that were not posted are posted first. Returns true if there is more to do.
    fn flush(&mut self, budget: usize) -> bool;

    /// Returns true if the last flush ended a round, in which every channel's subscribers are visited once. The owner
    /// may then wait briefly for more messages, which leave with the same sends.
    fn is_between_rounds(&self) -> bool;

    /// Returns true if more waits to be flushed than the logs should hold. Then the owner must neither read publishers
    /// nor receive shard batches until a flush has changed that.
    fn is_saturated(&self) -> bool;

    /// Takes the next action that is due for a connection.
    fn take_effect(&mut self) -> Option<Effect>;

    /// Returns the counts of the work done so far.
    fn counters(&self) -> Counters;
}

/// Points at which a policy may do more than [`Policy`] requires. Each method has a default, which `sharded` uses. A
/// registry that shards share, perhaps on another thread, needs these points.
pub trait Hooks {
    /// Called when every message that one read of this connection brought has been published.
    fn commit(&mut self, _from: ConnectionId) {}

    /// Returns true if a short wait before the next flush is worth it, because messages that arrive meanwhile leave in
    /// the same sends.
    fn merges(&self) -> bool {
        true
    }

    /// Returns true if a request made here is still being processed elsewhere. It may yet fill shard batches; every
    /// call of [`Policy::post`] and [`Policy::flush`] checks for that.
    fn is_pending(&self) -> bool {
        false
    }

    /// Registers the waker to wake when the next flush would find that pending work is done.
    fn wake_with(&mut self, _waker: Waker) {}
}
