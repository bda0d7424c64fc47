//! The memory of a shard's logs: their total size, whether it is too much, and the buffers of empty logs.
//!
//! Invariants: `used` is the sum of the sizes that the channel logs recorded, and `oversize` the number of those that
//! are marked. An empty channel log adds to neither.

use super::registry::ChannelLog;
use crate::log::BufferPool;
use crate::{FanoutLimits, Log};

/// The bounds of a shard's logs, and their current use.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    /// The most bytes that one log may keep.
    log_bytes: usize,
    /// The most bytes that all logs together may keep.
    shard_log_bytes: usize,
    /// The sum of the sizes of all logs.
    used: usize,
    /// The number of channel logs that have more to send than a log may keep.
    oversize: usize,
    saturated: bool,
    buffers: BufferPool,
}

impl MemoryBudget {
    pub(super) fn new(limits: &FanoutLimits) -> Self {
        Self {
            log_bytes: limits.log_bytes,
            shard_log_bytes: limits.shard_log_bytes,
            used: 0,
            oversize: 0,
            saturated: false,
            buffers: BufferPool::default(),
        }
    }

    /// Gives an empty log a free buffer, if there is one, so that appending needs no new allocation.
    pub(super) fn lend(&mut self, log: &mut Log) {
        self.buffers.lend(log);
    }

    /// Records the size of a log that has changed, and whether it has more to send than it may keep. A backlog kept for
    /// subscribers that take nothing is no reason to read less.
    pub(super) fn note_size(&mut self, channel_log: &mut ChannelLog) {
        let size = channel_log.log.size();
        self.used = self.used - std::mem::replace(&mut channel_log.size, size) + size;
        let oversize = size > self.log_bytes && channel_log.unsent_bytes() > self.log_bytes;
        if std::mem::replace(&mut channel_log.oversize, oversize) != oversize {
            if oversize { self.oversize += 1 } else { self.oversize -= 1 }
        }
    }

    /// Called after messages were dropped: takes the buffers of an empty log back and records the sizes.
    pub(super) fn tidy(&mut self, channel_log: &mut ChannelLog) {
        if channel_log.log.is_empty() {
            self.buffers.reclaim(&mut channel_log.log);
        }
        self.note_size(channel_log);
    }

    /// Returns the oldest message that a log may keep.
    pub(super) fn oldest_within(&self, log: &Log) -> u64 {
        log.oldest_within(self.log_bytes)
    }

    /// Returns true if all logs together keep more than they may.
    pub(super) fn is_exceeded(&self) -> bool {
        self.used > self.shard_log_bytes
    }

    /// Decides whether the shard is saturated, at the end of a flush. `has_more` is true if the flush left something to
    /// send.
    pub(super) fn review(&mut self, has_more: bool) {
        self.saturated = has_more && (self.oversize > 0 || self.is_exceeded());
    }

    /// Returns true if more waits to be flushed than the logs should hold.
    pub(super) fn is_saturated(&self) -> bool {
        self.saturated
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::ChannelLogs;
    use super::*;
    use crate::Encoding;

    /// A budget of 100 bytes a log and 150 in all, and two logs.
    fn budget() -> (MemoryBudget, ChannelLogs, [u32; 2]) {
        let limits = FanoutLimits { log_bytes: 100, shard_log_bytes: 150, ..FanoutLimits::default() };
        let mut logs = ChannelLogs::default();
        let keys = ["a", "b"].map(|name| logs.find_or_create(name, Encoding::new(0)));
        (MemoryBudget::new(&limits), logs, keys)
    }

    fn append(budget: &mut MemoryBudget, channel_log: &mut ChannelLog, bytes: usize) {
        budget.lend(&mut channel_log.log);
        channel_log.log.append(|out| out.resize(out.len() + bytes, 0));
        budget.note_size(channel_log);
    }

    #[test]
    fn a_log_with_too_much_to_send_saturates_the_shard_until_it_is_sent() {
        let (mut budget, mut logs, [key, _]) = budget();
        append(&mut budget, &mut logs[key], 90);
        append(&mut budget, &mut logs[key], 20);
        budget.review(true);
        assert!(budget.is_saturated() && !budget.is_exceeded());
        // Every subscriber whose socket is not full has been offered the messages. A backlog of the others is no reason
        // to read less.
        logs[key].offered = logs[key].log.head();
        budget.note_size(&mut logs[key]);
        budget.review(true);
        assert!(!budget.is_saturated());
    }

    #[test]
    fn all_logs_together_have_a_bound_and_what_is_dropped_is_free_again() {
        let (mut budget, mut logs, [first, second]) = budget();
        append(&mut budget, &mut logs[first], 80);
        append(&mut budget, &mut logs[second], 80);
        assert!(budget.is_exceeded());
        budget.review(false);
        assert!(!budget.is_saturated(), "there is nothing to send");
        budget.review(true);
        assert!(budget.is_saturated());
        for key in [first, second] {
            logs[key].log.drop_before(1);
            budget.tidy(&mut logs[key]);
        }
        assert_eq!((budget.used, budget.oversize), (0, 0));
        assert!(!logs[first].log.has_buffers());
        append(&mut budget, &mut logs[first], 1);
        assert!(logs[first].log.has_buffers());
    }
}
