//! The wait for a server that processes what it was sent before it answers.

use std::time::{Duration, Instant};

/// Values that show whether the server makes progress.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    /// The number of PUBLISHED frames so far.
    pub(crate) acknowledged: u64,
    /// The number of bytes that the server's host has not taken; `None` if it cannot be read now.
    pub(crate) unsent_bytes: Option<u64>,
}

/// A deadline that begins anew with every sign of progress: a PUBLISHED, or fewer unsent bytes than at any time since
/// the wait began. PONGs, which are sent and taken meanwhile, therefore do not prolong it.
pub(crate) struct Patience {
    limit: Duration,
    /// The deadline; `None` if no clock reaches it.
    deadline: Option<Instant>,
    acknowledged: u64,
    least_unsent_bytes: u64,
}

/// The interval at which to check the unsent bytes, which cause no event.
const LOOK: Duration = Duration::from_millis(100);

impl Patience {
    pub(crate) fn new(now: Instant, limit: Duration, progress: Progress) -> Self {
        let least_unsent_bytes = progress.unsent_bytes.unwrap_or(u64::MAX);
        Self { limit, deadline: now.checked_add(limit), acknowledged: progress.acknowledged, least_unsent_bytes }
    }

    /// Returns the time until which to read before checking again.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        let look = now + LOOK;
        if self.least_unsent_bytes == 0 {
            return self.deadline;
        }
        Some(self.deadline.map_or(look, |deadline| deadline.min(look)))
    }

    /// Checks for progress. Returns false once there was none for the whole time limit.
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
