//! The statistics of a shard, and their sum over the shards of a server.

use corecast_fanout::Counters;
use corecast_wire::Code;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// The counts of what a shard, or all shards of a server, have done since the start.
#[derive(Clone, Debug, Default)]
pub struct ShardStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that have ended, by reason, including those refused.
    pub closed: BTreeMap<Code, u64>,
    /// Connections that had taken everything queued for them when the server stopped.
    pub drained: u64,
    /// Connections that had not taken everything queued for them when the time to drain was over.
    pub cut_off: u64,
    /// The part of the undelivered messages that belongs to connections which had ended before the server stopped.
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

impl AddAssign for ShardStats {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.drained += other.drained;
        self.cut_off += other.cut_off;
        self.undelivered_before += other.undelivered_before;
        self.counters += other.counters;
        for (code, count) in other.closed {
            *self.closed.entry(code).or_default() += count;
        }
    }
}

impl fmt::Display for ShardStats {
    /// Writes the counts in one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { published, deliveries, sends, missed, undelivered, .. } = self.counters;
        write!(
            formatter,
            "{} connections closed, {} drained, {} cut off, {} messages undelivered by the drain; {} connections accepted, \
             {published} messages published, {deliveries} delivered in {sends} sends, {missed} missed, {} undelivered \
             before the drain; closed:",
            self.closed.values().sum::<u64>(),
            self.drained,
            self.cut_off,
            undelivered.saturating_sub(self.undelivered_before),
            self.accepted,
            self.undelivered_before,
        )?;
        for (code, count) in &self.closed {
            write!(formatter, " {} {count}", code.name())?;
        }
        Ok(())
    }
}
