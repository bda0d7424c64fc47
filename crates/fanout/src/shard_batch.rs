//! The unit that one shard posts to another.

use crate::Encoding;
use bytes::Bytes;
use std::sync::Arc;

/// Everything that one shard has for another since it last posted, in order.
///
/// Each policy has its own items ([`Policy::Item`](crate::Policy::Item)); those of `sharded` are [`Item`].
#[derive(Clone, Debug)]
pub struct ShardBatch<I = Item> {
    items: Vec<I>,
}

/// An item that a shard of the `sharded` policy sends another.
#[derive(Clone, Debug)]
pub enum Item {
    /// Messages of a channel that the receiver is interested in.
    Messages(EncodedBatch),
    /// The sender now has subscribers of this channel: post its messages.
    Interest {
        /// The channel.
        channel: Arc<str>,
        /// The encoding.
        encoding: Encoding,
    },
    /// The sender has no subscribers of this channel any more.
    Withdrawn {
        /// The channel.
        channel: Arc<str>,
        /// The encoding.
        encoding: Encoding,
    },
    /// The receiver must answer `Passed` with this number, after everything that it accepted before.
    Barrier(u64),
    /// The answer: everything that the sender had accepted when it was asked has been posted.
    Passed(u64),
}

/// Consecutive messages of one channel, encoded.
#[derive(Clone, Debug)]
pub struct EncodedBatch {
    /// The channel.
    pub channel: Arc<str>,
    /// The encoding.
    pub encoding: Encoding,
    /// The messages, one after the other; shared by all receivers.
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
    /// Returns true if there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds one item at the end.
    pub fn push(&mut self, item: I) {
        self.items.push(item);
    }

    /// Returns the items, in order.
    pub fn into_items(self) -> impl Iterator<Item = I> {
        self.items.into_iter()
    }
}
