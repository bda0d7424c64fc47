//! What a shard is to write to connections of its own, because the registry named them to it ([`Handoff::Owner`]).
//!
//! [`Handoff::Owner`]: crate::Handoff::Owner

use super::batch::EncodedMessages;
use corecast_fanout::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// Messages of one channel, encoded, and the connections of one shard that are to have them.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(crate) channel: Arc<str>,
    /// Shared by all shards.
    pub(crate) encoded: Arc<EncodedMessages>,
    pub(crate) recipients: Vec<Recipient>,
}

/// A connection's subscription. It may have ended since, and another of the same connection may have begun, which is
/// not to have what was published before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipient {
    pub(crate) id: ConnectionId,
    pub(crate) subscription: u64,
}

/// The deliveries that a shard has to do, in order.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    queue: VecDeque<Delivery>,
    /// Recipients of the first that have been written to; at least one has not.
    done: usize,
    bytes: usize,
    /// How many there have been.
    pushed: u64,
}

impl Deliveries {
    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.encoded.bytes.len();
        self.pushed += 1;
        self.queue.push_back(delivery);
    }

    /// How many there have been.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many of them have been written to all recipients.
    pub(crate) fn written(&self) -> u64 {
        self.pushed - self.queue.len() as u64
    }

    /// Takes the first out, with how many of its recipients have been written to.
    pub(crate) fn take(&mut self) -> Option<(Delivery, usize)> {
        let first = self.queue.pop_front()?;
        self.bytes -= first.encoded.bytes.len();
        Some((first, std::mem::take(&mut self.done)))
    }

    /// Puts back what was taken, unless so many recipients are all.
    pub(crate) fn put_back(&mut self, delivery: Delivery, done: usize) {
        if done < delivery.recipients.len() {
            self.bytes += delivery.encoded.bytes.len();
            self.queue.push_front(delivery);
            self.done = done;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of the messages that wait, each counted once.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
