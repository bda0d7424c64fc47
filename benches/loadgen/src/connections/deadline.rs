//! A limit on waiting that counts only time in which the generator could have heard from the server. It is checked
//! between waits. If the time between two checks exceeds a bound because the generator itself was stopped, the excess
//! is left out.

use crate::measure::clock::duration_ns;
use std::time::Duration;

/// The most time that counts between two checks. A wait is a hundredth of a second at most (`scheduling_stall.rs`), and
/// a busy generator checks after every 128 events.
const MOST_PER_LOOK_NS: u64 = 500_000_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    looked_ns: u64,
    left_ns: u64,
}

impl Deadline {
    /// Creates a deadline that is over after this much counted time.
    pub(crate) fn after(limit: Duration, now_ns: u64) -> Self {
        Self { looked_ns: now_ns, left_ns: duration_ns(limit) }
    }

    /// Shortens the remaining time to at most this limit.
    pub(crate) fn shorten(&mut self, limit: Duration) {
        self.left_ns = self.left_ns.min(duration_ns(limit));
    }

    /// Returns true if the deadline is over now. It must be called after every wait; otherwise the time between is not counted.
    pub(crate) fn is_over(&mut self, now_ns: u64) -> bool {
        let passed = now_ns.saturating_sub(self.looked_ns).min(MOST_PER_LOOK_NS);
        self.looked_ns = now_ns;
        self.left_ns = self.left_ns.saturating_sub(passed);
        self.left_ns == 0
    }

    /// Returns the time at which the deadline is over if the generator runs until then.
    pub(crate) fn at_ns(&self) -> u64 {
        self.looked_ns.saturating_add(self.left_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_generator_stood_still_does_not_count() {
        let ms = |count: u64| count * 1_000_000;
        let mut deadline = Deadline::after(Duration::from_secs(2), ms(100));
        assert_eq!(deadline.at_ns(), ms(2100));
        assert!(!deadline.is_over(ms(600)));
        assert!(!deadline.is_over(ms(60_000)), "stopped for a minute");
        assert_eq!(deadline.at_ns(), ms(61_000));
        assert!(!deadline.is_over(ms(60_500)));
        assert!(!deadline.is_over(ms(60_999)));
        assert!(deadline.is_over(ms(61_000)));
    }
}
