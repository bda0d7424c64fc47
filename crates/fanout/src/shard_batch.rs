//! What one shard posts to another.

use crate::policy::Delivery;
use crate::{ConnectionId, Encoding};
use bytes::Bytes;
use std::sync::Arc;

/// Everything that one shard has for another since it last posted, in order.
#[derive(Clone, Debug, Default)]
pub struct ShardBatch {
    items: Vec<Item>,
}

/// One thing that a shard tells another.
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
    /// Messages for connections of the receiver, which writes to them (the baselines, if so told).
    Delivery(Delivery),
    /// Something befell a connection of the receiver while the sender wrote to it (the baselines).
    Notice(ConnectionId, Notice),
}

/// What befell a connection while another shard wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is full: wait until it is writable.
    Full,
    /// It fell behind by more than the bound.
    Lagged,
    /// Its peer is gone.
    Gone,
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

impl ShardBatch {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds one item at the end.
    pub fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Adds all items of another shard batch at the end.
    pub fn append(&mut self, mut later: ShardBatch) {
        self.items.append(&mut later.items);
    }

    /// The items, in order.
    pub fn into_items(self) -> impl Iterator<Item = Item> {
        self.items.into_iter()
    }
}
