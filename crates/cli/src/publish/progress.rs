//! The watch over the server's progress.

use std::time::{Duration, Instant};

/// Measures the time for which the server has neither acknowledged a message nor taken bytes that were sent.
pub(super) struct Progress {
    limit: Duration,
    last: Instant,
    /// The fewest bytes in the socket's send queue since the server acknowledged something.
    least_unsent: u32,
}

impl Progress {
    pub(super) fn new(now: Instant, limit: Duration) -> Self {
        Self { limit, last: now, least_unsent: u32::MAX }
    }

    /// Notes that the server has made progress, or that it was given something to do.
    pub(super) fn made(&mut self, now: Instant) {
        (self.last, self.least_unsent) = (now, u32::MAX);
    }

    /// Notes the length of the send queue, if it is known. Returns true if there was no progress for the whole time.
    ///
    /// Only a queue that is shorter than ever since the last acknowledgement is progress. The kernel of a server that
    /// stands still takes each message of a slow input, too.
    pub(super) fn is_missing(&mut self, now: Instant, unsent: Option<u32>) -> bool {
        let unsent = unsent.unwrap_or(u32::MAX);
        if unsent < self.least_unsent {
            (self.last, self.least_unsent) = (now, unsent);
        }
        now.saturating_duration_since(self.last) >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn a_shrinking_queue_and_acknowledgements_are_progress_and_a_refilled_queue_is_none() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(start, LIMIT);
        assert!(!progress.is_missing(at(3), Some(100)));
        assert!(!progress.is_missing(at(7), Some(0)), "it has shrunk");
        assert!(!progress.is_missing(at(10), Some(50)), "it was filled again");
        assert!(progress.is_missing(at(12), Some(0)), "it is as short as it was");
        progress.made(at(12));
        assert!(!progress.is_missing(at(13), Some(50)));
        assert!(!progress.is_missing(at(17), None));
        assert!(progress.is_missing(at(18), None));
    }
}
