//! How long to wait for a server that works off what it was sent before it answers.

use std::time::{Duration, Instant};

/// Counts that grow while the server goes on.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    /// PUBLISHED frames so far.
    pub(crate) acknowledged: u64,
    /// Bytes that the server's host has not taken; none if that cannot be told now.
    pub(crate) unsent_bytes: Option<u64>,
}

/// A deadline that begins anew with every sign of progress: a PUBLISHED, or fewer unsent bytes than ever since the wait
/// began. So PONGs, which come and go there, prolong nothing.
pub(crate) struct Patience {
    limit: Duration,
    /// None if no clock reaches it.
    deadline: Option<Instant>,
    acknowledged: u64,
    least_unsent_bytes: u64,
}

/// How often to look at the unsent bytes, which give no event.
const LOOK: Duration = Duration::from_millis(100);

impl Patience {
    pub(crate) fn new(now: Instant, limit: Duration, progress: Progress) -> Self {
        let least_unsent_bytes = progress.unsent_bytes.unwrap_or(u64::MAX);
        Self { limit, deadline: now.checked_add(limit), acknowledged: progress.acknowledged, least_unsent_bytes }
    }

    /// Until when to read before looking again.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        let look = now + LOOK;
        if self.least_unsent_bytes == 0 {
            return self.deadline;
        }
        Some(self.deadline.map_or(look, |deadline| deadline.min(look)))
    }

    /// Looks for progress; false once there was none for the whole time.
    pub(crate) fn lasts(&mut self, now: Instant, progress: Progress) -> bool {
        let unsent_bytes = progress.unsent_bytes.unwrap_or(u64::MAX);
        if progress.acknowledged > self.acknowledged || unsent_bytes < self.least_unsent_bytes {
            self.deadline = now.checked_add(self.limit);
        }
        self.acknowledged = progress.acknowledged;
        self.least_unsent_bytes = self.least_unsent_bytes.min(unsent_bytes);
        self.deadline.is_none_or(|deadline| deadline > now)
    }
}
