//! What one shard posts to another.

use crate::Encoding;
use bytes::Bytes;
use std::sync::Arc;

/// Everything that one shard has for another since it last posted, in order.
///
/// Each policy has items of its own ([`Policy::Item`](crate::Policy::Item)); those of `sharded` are [`Item`].
#[derive(Clone, Debug)]
pub struct ShardBatch<I = Item> {
    items: Vec<I>,
}

/// One thing that a shard of the `sharded` policy tells another.
#[derive(Clone, Debug)]
pub enum Item {
    /// Messages of a channel that the receiver is interested in.
    Messages(EncodedBatch),
    /// The sender has subscribers of this channel now: post its messages.
    Interest {
        /// The channel.
        channel: Arc<str>,
        /// In which encoding.
        encoding: Encoding,
    },
    /// The sender has no subscribers of this channel any more.
    Withdrawn {
        /// The channel.
        channel: Arc<str>,
        /// In which encoding.
        encoding: Encoding,
    },
    /// To be answered with `Passed` and this number behind everything that was accepted before.
    Barrier(u64),
    /// The answer: all that the sender had accepted when it was asked has been posted.
    Passed(u64),
}

/// Consecutive messages of one channel, encoded.
#[derive(Clone, Debug)]
pub struct EncodedBatch {
    /// The channel.
    pub channel: Arc<str>,
    /// In which encoding.
    pub encoding: Encoding,
    /// The messages, one behind the other; shared by all receivers.
    pub bytes: Bytes,
    /// The length of each, in bytes.
    pub lengths: Arc<[u32]>,
}

impl<I> Default for ShardBatch<I> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<I> ShardBatch<I> {
    /// Returns true if there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds one item at the end.
    pub fn push(&mut self, item: I) {
        self.items.push(item);
    }

    /// Adds all items of another shard batch at the end.
    pub fn append(&mut self, mut later: Self) {
        self.items.append(&mut later.items);
    }

    /// The items, in order.
    pub fn into_items(self) -> impl Iterator<Item = I> {
        self.items.into_iter()
    }
}
