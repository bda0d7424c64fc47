//! How long to wait for a server that works off what it was sent before it answers.

use crate::outbox::Outbox;
use std::time::{Duration, Instant};

/// A deadline that begins anew with every sign of progress: a PUBLISHED, or fewer bytes in the socket's send queue than
/// ever since the wait began. So PONGs, which come and go there, prolong nothing.
pub(crate) struct Patience {
    limit: Duration,
    /// None if no clock reaches it.
    deadline: Option<Instant>,
    acknowledged: u64,
    least_unsent_bytes: u32,
}

/// How often to look at the send queue, which gives no event.
const LOOK: Duration = Duration::from_millis(100);

impl Patience {
    pub(crate) fn new(limit: Duration, acknowledged: u64, outbox: &Outbox) -> Self {
        let least_unsent_bytes = outbox.unsent_bytes().unwrap_or(u32::MAX);
        Self { limit, deadline: Instant::now().checked_add(limit), acknowledged, least_unsent_bytes }
    }

    /// Until when to read before looking again.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let look = Instant::now() + LOOK;
        if self.least_unsent_bytes == 0 {
            return self.deadline;
        }
        Some(self.deadline.map_or(look, |deadline| deadline.min(look)))
    }

    /// Looks for progress; false once there was none for the whole time.
    pub(crate) fn lasts(&mut self, acknowledged: u64, outbox: &Outbox) -> bool {
        let unsent_bytes = outbox.unsent_bytes().unwrap_or(u32::MAX);
        if acknowledged > self.acknowledged || unsent_bytes < self.least_unsent_bytes {
            self.deadline = Instant::now().checked_add(self.limit);
        }
        self.acknowledged = acknowledged;
        self.least_unsent_bytes = self.least_unsent_bytes.min(unsent_bytes);
        self.deadline.is_none_or(|deadline| deadline > Instant::now())
    }
}
