//! The time base of a run.

use std::time::{Duration, Instant};

/// Nanoseconds on the monotonic clock since the run began. Payloads carry them, and histograms record them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now_ns(self) -> u64 {
        duration_ns(self.origin.elapsed())
    }
}

/// Returns a duration in nanoseconds; 584 years fit.
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos())
}
