//! How fast one connection may send.
//!
//! The generic cell rate algorithm (ITU-T I.371), in its virtual-scheduling form, with one difference: what was read
//! is charged afterwards, whole, so a connection may be in debt by one read. It is not read until the debt is paid.

use crate::config::RateLimit;
use std::time::{Duration, Instant};

/// A second's worth may come at once.
const BURST: Duration = Duration::from_secs(1);

/// What one connection may still send: as the instant by which everything so far is paid.
#[derive(Debug)]
struct Meter {
    /// A second's worth; none is no limit.
    rate: Option<f64>,
    paid_at: Instant,
}

impl Meter {
    fn new(rate: u64, now: Instant) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nobody notices one part in 2^53 of a rate")]
        let rate = (rate > 0).then_some(rate as f64);
        Self { rate, paid_at: now }
    }

    /// How long the connection must not be read, after it has sent so many more.
    fn charge(&mut self, count: usize, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "one read is far below 2^53 bytes")]
        let cost = Duration::from_secs_f64(count as f64 / rate);
        self.paid_at = self.paid_at.max(now) + cost;
        self.paid_at.saturating_duration_since(now).saturating_sub(BURST)
    }
}

/// The limits on one connection's sending.
#[derive(Debug)]
pub(crate) struct Rate {
    frames: Meter,
    bytes: Meter,
}

impl Rate {
    /// `None` where nothing is limited: then no clock is read either.
    pub(crate) fn new(limit: &RateLimit) -> Option<Self> {
        let now = Instant::now();
        (limit.frames > 0 || limit.bytes > 0)
            .then(|| Self { frames: Meter::new(limit.frames, now), bytes: Meter::new(limit.bytes, now) })
    }

    /// How long the connection must not be read, after a read brought this; zero while it is within its limits.
    pub(crate) fn charge(&mut self, frames: usize, bytes: usize) -> Duration {
        let now = Instant::now();
        self.frames.charge(frames, now).max(self.bytes.charge(bytes, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_is_free_and_the_rest_is_waited_for() {
        let now = Instant::now();
        let mut meter = Meter::new(100, now);
        assert_eq!(meter.charge(100, now), Duration::ZERO);
        assert_eq!(meter.charge(50, now), Duration::from_millis(500));
        assert_eq!(meter.charge(0, now + Duration::from_millis(200)), Duration::from_millis(300));
    }

    #[test]
    fn what_was_not_used_does_not_pile_up() {
        let now = Instant::now();
        let mut meter = Meter::new(100, now);
        let later = now + Duration::from_hours(1);
        assert_eq!(meter.charge(100, later), Duration::ZERO);
        assert_eq!(meter.charge(10, later), Duration::from_millis(100));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let now = Instant::now();
        assert_eq!(Meter::new(0, now).charge(usize::MAX, now), Duration::ZERO);
        assert!(Rate::new(&RateLimit::default()).is_none());
    }
}
