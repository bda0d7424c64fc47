//! A channel in one encoding, as one shard sees it.

use super::subscription::Subscription;
use crate::{Encoding, Lag, Log, MAX_ENCODINGS, ShardId};
use slab::Slab;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// The log of a channel in one encoding, its subscribers here, and the shards that want its messages.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a list that it is in, or counted in, or not")]
pub(super) struct Feed {
    pub(super) channel: Arc<str>,
    pub(super) encoding: Encoding,
    pub(super) log: Log,
    /// The subscriptions, as keys of the shard's table, in no order.
    pub(super) subscribers: Vec<u32>,
    /// The other shards that have subscribers.
    pub(super) interested: Vec<ShardId>,
    /// Whether the other shards know of our subscribers.
    pub(super) interest: Interest,
    /// Who gets an answer when they do.
    pub(super) waiting: Vec<Waiting>,
    /// Messages before this one were posted, or came from another shard.
    pub(super) posted: u64,
    /// It is in the shard's list of feeds to post.
    pub(super) to_post: bool,
    /// It is in the shard's list of feeds to flush.
    pub(super) to_flush: bool,
    /// The round in which its subscribers were all visited last, 0 if they never were.
    pub(super) completed: u64,
    /// Messages before this one were offered to everybody who takes any.
    pub(super) offered: u64,
    /// There is more to send than the log may keep.
    pub(super) oversize: bool,
    /// The size of the log as the shard's sum has it.
    pub(super) size: usize,
    /// How far the current flush has come.
    pub(super) pass: Option<Pass>,
    /// Since it began, somebody who was behind has left or caught up: there may be more to drop.
    pub(super) outdated: bool,
}

/// Whether the other shards post this channel's messages to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// No.
    Absent,
    /// They were asked, and do when they have passed this barrier.
    Asked { barrier: u64 },
    /// All do.
    Confirmed,
}

/// A connection whose subscription takes effect when the interest is confirmed.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) slot: u32,
    pub(super) lag: Lag,
    pub(super) answer: Box<[u8]>,
}

/// One round over all subscribers of a feed, from the last to the first: a leaving subscriber's place is
/// taken by the last, which has been visited, so that none is passed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// The visit goes on below this index.
    pub(super) below: usize,
    /// The head when the round began: what came later needs another round.
    pub(super) begun_at: u64,
    /// The lowest cursor that was left behind.
    pub(super) lowest: u64,
    /// Some subscribers are sent to at the end of the round, and their cursors count then.
    pub(super) gathers: bool,
}

impl Feed {
    fn new(channel: Arc<str>, encoding: Encoding) -> Self {
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
            outdated: false,
        }
    }

    /// Whether anybody, here or elsewhere, wants what is published.
    pub(super) fn is_wanted(&self) -> bool {
        !self.subscribers.is_empty() || !self.interested.is_empty()
    }

    /// Bytes of the messages that were not yet offered to everybody.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.log.slice(self.offered.max(self.log.first()), self.log.head()).len()
    }

    /// Whether nobody here has or awaits a subscription.
    pub(super) fn is_deserted(&self) -> bool {
        self.subscribers.is_empty() && self.waiting.is_empty()
    }

    fn is_unused(&self) -> bool {
        self.is_deserted() && self.interested.is_empty() && !self.to_flush && !self.to_post
    }

    /// Removes a subscriber; the last one takes its place.
    pub(super) fn remove_subscriber(&mut self, index: u32, subscriptions: &mut Slab<Subscription>) {
        self.subscribers.swap_remove(index as usize);
        if let Some(moved) = self.subscribers.get(index as usize) {
            subscriptions[*moved as usize].index_in_feed = index;
        }
        if let Some(pass) = &mut self.pass {
            pass.below = pass.below.min(self.subscribers.len());
        }
    }
}

/// A shard's feeds, by key and by name.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    entries: Slab<Feed>,
    by_channel: HashMap<Arc<str>, Keys>,
}

/// The keys of a channel's feeds, by encoding. Each is one more than the feed's, so that none takes no memory of its own.
type Keys = [Option<NonZeroU32>; MAX_ENCODINGS];

fn feed_key(key: NonZeroU32) -> u32 {
    key.get() - 1
}

impl Feeds {
    /// The keys of a channel's feeds.
    pub(super) fn of_channel(&self, channel: &str) -> impl Iterator<Item = u32> + use<> {
        self.by_channel.get(channel).copied().unwrap_or_default().into_iter().flatten().map(feed_key)
    }

    pub(super) fn find(&self, channel: &str, encoding: Encoding) -> Option<u32> {
        self.by_channel.get(channel)?[encoding.index()].map(feed_key)
    }

    pub(super) fn find_or_create(&mut self, channel: &str, encoding: Encoding) -> u32 {
        if let Some(key) = self.find(channel, encoding) {
            return key;
        }
        let name = match self.by_channel.get_key_value(channel) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(channel),
        };
        let key = u32::try_from(self.entries.insert(Feed::new(Arc::clone(&name), encoding))).expect("below 2^32 feeds");
        self.by_channel.entry(name).or_default()[encoding.index()] = NonZeroU32::new(key + 1);
        key
    }

    /// Forgets a feed that nothing refers to any more.
    pub(super) fn retire(&mut self, key: u32) {
        if !self.entries[key as usize].is_unused() {
            return;
        }
        let feed = self.entries.remove(key as usize);
        debug_assert!(feed.log.is_empty() && !feed.oversize && feed.size == 0, "what is not listed holds nothing");
        let keys = self.by_channel.get_mut(&feed.channel).expect("every feed has its channel");
        keys[feed.encoding.index()] = None;
        if keys.iter().all(Option::is_none) {
            self.by_channel.remove(&feed.channel);
        }
    }

    pub(super) fn get(&self, key: u32) -> Option<&Feed> {
        self.entries.get(key as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl std::ops::Index<u32> for Feeds {
    type Output = Feed;

    fn index(&self, key: u32) -> &Feed {
        &self.entries[key as usize]
    }
}

impl std::ops::IndexMut<u32> for Feeds {
    fn index_mut(&mut self, key: u32) -> &mut Feed {
        &mut self.entries[key as usize]
    }
}
