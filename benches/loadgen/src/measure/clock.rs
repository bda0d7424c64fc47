//! The run's one time base.

use std::time::{Duration, Instant};

/// Nanoseconds on the monotonic clock since the run began: what payloads carry and histograms record.
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

/// A duration in nanoseconds; 584 years fit.
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos())
}
