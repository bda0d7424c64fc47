//! The clock that all deadlines of a shard are read from.
//!
//! It advances with the sweep, by a few sweep intervals at most. A shard that stood still, because its process or machine was
//! stopped or something else had its CPU, heard nobody in that time, so nobody is blamed for it.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Sweep intervals by which the clock advances in one sweep, at most. A sweep that comes later than that found the shard
/// standing still.
const MAX_SWEEPS: u32 = 5;

/// Time that a shard has run, as of the last sweep: standstills are left out.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The most by which it advances in one sweep.
    most: Duration,
    now: Cell<Duration>,
    swept: Cell<Instant>,
    standstills: Cell<u64>,
}

impl Clock {
    /// A clock for sweeps at this interval.
    pub(crate) fn start(sweep_interval: Duration) -> Self {
        Self {
            most: sweep_interval * MAX_SWEEPS,
            now: Cell::default(),
            swept: Cell::new(Instant::now()),
            standstills: Cell::default(),
        }
    }

    /// A sweep begins; for how long the shard stood still before it, if it did.
    pub(crate) fn advance(&self) -> Option<Duration> {
        self.advance_to(Instant::now())
    }

    fn advance_to(&self, instant: Instant) -> Option<Duration> {
        let gap = instant.saturating_duration_since(self.swept.replace(instant));
        self.now.update(|now| now + gap.min(self.most));
        (gap > self.most).then(|| {
            self.standstills.update(|standstills| standstills + 1);
            gap
        })
    }

    /// As of the last sweep.
    pub(crate) fn now(&self) -> Duration {
        self.now.get()
    }

    /// The time between two sweeps too, for what must not end early by a sweep interval.
    pub(crate) fn read(&self) -> Duration {
        self.now.get() + self.swept.get().elapsed().min(self.most)
    }

    /// How often the shard stood still.
    pub(crate) fn standstills(&self) -> u64 {
        self.standstills.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_leaves_out_what_the_shard_stood_still() {
        let clock = Clock::start(Duration::from_millis(100));
        let begin = clock.swept.get();
        let sweep = |millis| clock.advance_to(begin + Duration::from_millis(millis));
        assert_eq!((sweep(100), clock.now().as_millis()), (None, 100));
        assert_eq!((sweep(600), clock.now().as_millis()), (None, 600), "late");
        assert_eq!((sweep(7600), clock.now().as_millis()), (Some(Duration::from_secs(7)), 1100), "stopped");
        assert_eq!((sweep(7700), clock.now().as_millis()), (None, 1200));
        assert_eq!(clock.standstills(), 1);
        assert!(clock.read() >= clock.now() && clock.read() <= clock.now() + 5 * Duration::from_millis(100));
    }
}
