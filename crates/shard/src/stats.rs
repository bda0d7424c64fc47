//! The statistics of a shard.

use corecast_fanout::Counters;
use corecast_wire::Code;
use std::collections::BTreeMap;

/// The counts of what a shard has done since it started.
#[derive(Clone, Debug, Default)]
pub struct ShardStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that have ended, by reason, including those refused.
    pub closed: BTreeMap<Code, u64>,
    /// Connections that had taken everything queued for them when the server stopped.
    pub drained: u64,
    /// Connections that had not taken everything queued for them when the server stopped.
    pub cut_off: u64,
    /// Messages that were undelivered when the server stopped.
    pub undelivered_before: u64,
    /// The counts of messages and sends.
    pub counters: Counters,
}

impl ShardStats {
    /// Counts the end of a connection.
    pub(crate) fn count_closed(&mut self, code: Code) {
        *self.closed.entry(code).or_default() += 1;
    }
}
