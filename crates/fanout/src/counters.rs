//! Counts of a shard's work.

use crate::Sent;
use std::ops::AddAssign;

/// Totals since the shard started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that connections of this shard published.
    pub published: u64,
    /// Messages handed to the transport, once per subscriber. A message counts when its first byte has left. The
    /// baselines, which tell batches apart but not messages, count it when its whole batch has left.
    pub deliveries: u64,
    /// Calls of [`Outlet::send`](crate::Outlet::send) that carried messages.
    pub sends: u64,
    /// Bytes that those sends took.
    pub sent_bytes: u64,
    /// Sends that the transport took only in part or not at all.
    pub short_sends: u64,
    /// Messages that a GAP accounts for.
    pub missed: u64,
    /// Messages that had not been sent to a subscriber when its connection ended. The baselines count every message of
    /// a batch that was cut.
    pub undelivered: u64,
    /// Connections evicted because they lagged past the bound.
    pub lagged: u64,
    /// Encoded batches received from other shards.
    pub batches_received: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        let Self {
            published,
            deliveries,
            sends,
            sent_bytes,
            short_sends,
            missed,
            undelivered,
            lagged,
            batches_received,
        } = other;
        self.published += published;
        self.deliveries += deliveries;
        self.sends += sends;
        self.sent_bytes += sent_bytes;
        self.short_sends += short_sends;
        self.missed += missed;
        self.undelivered += undelivered;
        self.lagged += lagged;
        self.batches_received += batches_received;
    }
}

impl Counters {
    /// Counts a send that carried messages.
    pub fn sent(&mut self, sent: Sent) {
        self.sends += 1;
        self.sent_bytes += sent.taken() as u64;
    }
}
