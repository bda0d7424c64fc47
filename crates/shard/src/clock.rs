//! The clock of a shard, from which all its deadlines are read.
//!
//! The clock advances with each sweep, by a few sweep intervals at most. A shard stands still while its process or machine
//! is stopped, or while something else has its CPU. It hears no peer in that time, so no peer is blamed for it.

use std::time::Duration;

/// The most sweep intervals by which the clock advances in one sweep. A sweep that comes later than that shows that the
/// shard stood still.
const MAX_SWEEPS: u32 = 5;

/// The time for which a shard has run, as of the last sweep, without standstills.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The most by which the clock advances in one sweep.
    most: Duration,
    now: Duration,
    /// The driver's time of the last sweep.
    swept: Duration,
    standstills: u64,
}

impl Clock {
    /// Creates a clock for sweeps at this interval. `at` is the driver's time now.
    pub(crate) fn start(at: Duration, sweep_interval: Duration) -> Self {
        Self { most: sweep_interval * MAX_SWEEPS, now: Duration::ZERO, swept: at, standstills: 0 }
    }

    /// Advances the clock at the beginning of a sweep. Returns the length of the standstill before it, if the shard stood
    /// still.
    pub(crate) fn advance(&mut self, at: Duration) -> Option<Duration> {
        let gap = at.saturating_sub(std::mem::replace(&mut self.swept, at));
        self.now += gap.min(self.most);
        (gap > self.most).then(|| {
            self.standstills += 1;
            gap
        })
    }

    /// Returns the time as of the last sweep.
    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// Returns the time including the part of the current sweep interval, for a deadline that must not be early by a sweep
    /// interval.
    pub(crate) fn read(&self, at: Duration) -> Duration {
        self.now + at.saturating_sub(self.swept).min(self.most)
    }

    /// Returns the number of standstills.
    pub(crate) fn standstills(&self) -> u64 {
        self.standstills
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_leaves_out_the_time_for_which_the_shard_stood_still() {
        let begin = Duration::from_secs(50);
        let mut clock = Clock::start(begin, Duration::from_millis(100));
        let mut sweep = |millis| (clock.advance(begin + Duration::from_millis(millis)), clock.now().as_millis());
        assert_eq!(sweep(100), (None, 100));
        assert_eq!(sweep(600), (None, 600), "late");
        assert_eq!(sweep(7600), (Some(Duration::from_secs(7)), 1100), "stopped");
        assert_eq!(sweep(7700), (None, 1200));
        assert_eq!(clock.standstills(), 1);
        let read = |millis| clock.read(begin + Duration::from_millis(millis)).as_millis();
        assert_eq!([7700, 7750, 9000].map(read), [1200, 1250, 1700], "between sweeps, and when one is late");
    }
}
