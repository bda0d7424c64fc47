//! The summary of a server that has ended.

use corecast_fanout::Counters;
use corecast_shard::ShardStats;
use corecast_wire::Code;
use std::collections::BTreeMap;
use std::fmt;

/// The totals of everything that a server has done.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed, by reason.
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

impl Summary {
    /// Adds the statistics of one shard.
    pub(super) fn add(&mut self, stats: ShardStats) {
        self.accepted += stats.accepted;
        self.drained += stats.drained;
        self.cut_off += stats.cut_off;
        self.undelivered_before += stats.undelivered_before;
        self.counters += stats.counters;
        for (code, count) in stats.closed {
            *self.closed.entry(code).or_default() += count;
        }
    }
}

impl fmt::Display for Summary {
    /// Writes the summary in one line.
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
