//! What a shard is to write to connections of its own, because the registry named them to it ([`Handoff::Owner`]).
//!
//! [`Handoff::Owner`]: super::Handoff::Owner

use super::batch::EncodedMessages;
use crate::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// Messages of one channel, encoded, and the connections of one shard that are to have them.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(super) channel: Arc<str>,
    /// Shared by all shards.
    pub(super) encoded: Arc<EncodedMessages>,
    pub(super) recipients: Vec<Recipient>,
}

/// A connection's subscription. It may have ended since, and another of the same connection may have begun, which is
/// not to have what was published before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipient {
    pub(super) id: ConnectionId,
    pub(super) subscription: u64,
}

/// The deliveries that a shard has to do, in order.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    queue: VecDeque<Delivery>,
    /// Recipients of the first that have been written to; at least one has not.
    done: usize,
    bytes: usize,
    /// How many there have been.
    pushed: u64,
}

impl Deliveries {
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.encoded.bytes.len();
        self.pushed += 1;
        self.queue.push_back(delivery);
    }

    /// How many there have been.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many of them have been written to all recipients.
    pub(super) fn written(&self) -> u64 {
        self.pushed - self.queue.len() as u64
    }

    /// Takes the first out, with how many of its recipients have been written to.
    pub(super) fn take(&mut self) -> Option<(Delivery, usize)> {
        let first = self.queue.pop_front()?;
        self.bytes -= first.encoded.bytes.len();
        Some((first, std::mem::take(&mut self.done)))
    }

    /// Puts back what was taken, unless so many recipients are all.
    pub(super) fn put_back(&mut self, delivery: Delivery, done: usize) {
        if done < delivery.recipients.len() {
            self.bytes += delivery.encoded.bytes.len();
            self.queue.push_front(delivery);
            self.done = done;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of the messages that wait, each counted once.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
