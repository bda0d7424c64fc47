//! The messages that a shard must write to its own connections, because the registry named them to it
//! ([`Handoff::Owner`]).
//!
//! [`Handoff::Owner`]: crate::Handoff::Owner

use super::batch::EncodedMessages;
use corecast_fanout::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// The encoded messages of one channel, and the connections of one shard that must receive them.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub(crate) channel: Arc<str>,
    /// The messages, shared by all shards.
    pub(crate) encoded: Arc<EncodedMessages>,
    pub(crate) recipients: Vec<Recipient>,
}

/// A subscription of a connection. It may have ended since, and the same connection may have begun another one, which
/// must not receive messages published before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipient {
    pub(crate) id: ConnectionId,
    pub(crate) subscription: u64,
}

/// The deliveries that a shard has to make, in order.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    queue: VecDeque<Delivery>,
    /// The recipients of the first delivery that have been written to; at least one has not.
    done: usize,
    bytes: usize,
    /// The number of deliveries so far.
    pushed: u64,
}

impl Deliveries {
    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.encoded.bytes.len();
        self.pushed += 1;
        self.queue.push_back(delivery);
    }

    /// Returns the number of deliveries so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Returns the number of deliveries that have been written to all recipients.
    pub(crate) fn written(&self) -> u64 {
        self.pushed - self.queue.len() as u64
    }

    /// Takes out the first delivery, with the number of its recipients that have been written to.
    pub(crate) fn take(&mut self) -> Option<(Delivery, usize)> {
        let first = self.queue.pop_front()?;
        self.bytes -= first.encoded.bytes.len();
        Some((first, std::mem::take(&mut self.done)))
    }

    /// Puts back a delivery that was taken, unless all its recipients are done.
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

    /// Returns the bytes of the waiting messages, each counted once.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
