//! A channel in one encoding, from the point of view of one shard.

use super::Subscription;
use super::pass::{GOLDEN_RATIO, Pass};
use crate::{Encoding, LagRule, Log, ShardId};
use slab::Slab;
use std::ops::Range;
use std::sync::Arc;

/// The log of a channel in one encoding, its subscribers here, and the shards that want its messages.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a list that it is in, or counted in, or not")]
pub(crate) struct ChannelLog {
    pub(crate) channel: Arc<str>,
    pub(crate) encoding: Encoding,
    pub(crate) log: Log,
    /// The subscriptions, as keys of the shard's table, in no order.
    pub(crate) subscribers: Vec<u32>,
    /// The other shards that have subscribers.
    pub(crate) interested: Vec<ShardId>,
    /// The other shards' knowledge of our subscribers.
    pub(crate) interest: Interest,
    /// The connections that are answered once the other shards know.
    pub(crate) waiting: Vec<Waiting>,
    /// Messages before this one were posted, or came from another shard.
    pub(crate) posted: u64,
    /// True if this is in the shard's list of channel logs to post.
    pub(crate) to_post: bool,
    /// True if this is in the shard's list of channel logs to flush.
    pub(crate) to_flush: bool,
    /// The last round in which all subscribers were visited, 0 if there was none.
    pub(crate) completed: u64,
    /// Messages before this one were offered to every subscriber whose socket was not full.
    pub(crate) offered: u64,
    /// True if there is more to send than the log may keep.
    pub(crate) oversize: bool,
    /// The size of the log as counted in the shard's sum.
    pub(crate) size: usize,
    /// The progress of the current round.
    pub(crate) pass: Option<Pass>,
    /// The point at which the current or last round began, in parts of 2^32 of the subscribers.
    rotation: u32,
    /// True if a subscriber that was behind has left or caught up since the round began, so there may be more to drop.
    pub(crate) outdated: bool,
}

/// The state of our interest in this channel, which decides whether the other shards post its messages to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// They do not.
    Absent,
    /// They were asked, and do once they have passed this barrier.
    Asked { barrier: u64 },
    /// All do.
    Confirmed,
}

/// A connection whose subscription takes effect when the interest is confirmed.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) slot: u32,
    pub(crate) lag: LagRule,
    pub(crate) answer: Box<[u8]>,
}

impl ChannelLog {
    pub(crate) fn new(channel: Arc<str>, encoding: Encoding) -> Self {
        Self {
            channel,
            encoding,
            log: Log::default(),
            subscribers: Vec::new(),
            interested: Vec::new(),
            interest: Interest::Absent,
            waiting: Vec::new(),
            posted: 0,
            to_post: false,
            to_flush: false,
            completed: 0,
            offered: 0,
            oversize: false,
            size: 0,
            pass: None,
            rotation: 0,
            outdated: false,
        }
    }

    /// Returns true if any shard has a subscriber.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.subscribers.is_empty() || !self.interested.is_empty()
    }

    /// Returns the bytes of the messages that were not yet offered to every subscriber.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.log.slice(self.offered.max(self.log.first()), self.log.head()).len()
    }

    /// Returns true if no connection here has or awaits a subscription.
    pub(crate) fn is_deserted(&self) -> bool {
        self.subscribers.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn is_unused(&self) -> bool {
        self.is_deserted() && self.interested.is_empty() && !self.to_flush && !self.to_post
    }

    /// Returns the next subscribers to visit, by index, at most `at_most`. Begins a round if none is under way.
    pub(crate) fn advance_pass(&mut self, at_most: usize) -> Range<usize> {
        let (count, head) = (self.count(), self.log.head());
        if self.pass.is_none() {
            self.outdated = false;
            self.rotation = self.rotation.wrapping_add(GOLDEN_RATIO);
        }
        let pass = self.pass.get_or_insert_with(|| Pass::begin(count, self.rotation, head));
        pass.advance(count, u32::try_from(at_most).unwrap_or(u32::MAX))
    }

    fn count(&self) -> u32 {
        u32::try_from(self.subscribers.len()).expect("below 2^32 subscribers")
    }

    /// Returns true if the pass under way has visited every subscriber.
    pub(crate) fn is_pass_over(&self) -> bool {
        self.pass.is_some_and(|pass| pass.is_over(self.count()))
    }

    /// Removes a subscriber. Another one takes its index in such a way that the round under way skips nobody.
    pub(crate) fn remove_subscriber(&mut self, index: u32, subscriptions: &mut Slab<Subscription>) {
        let count = self.count();
        let mut place = |channel_log: &mut Self, from: u32, to: u32| {
            let moved = channel_log.subscribers[from as usize];
            channel_log.subscribers[to as usize] = moved;
            subscriptions[moved as usize].index_in_channel_log = to;
        };
        let border = self.pass.as_mut().and_then(|pass| pass.make_room(index, count));
        let free = border.unwrap_or(index);
        if free != index {
            place(self, free, index);
        }
        if free != count - 1 {
            place(self, count - 1, free);
        }
        self.subscribers.pop();
    }
}
