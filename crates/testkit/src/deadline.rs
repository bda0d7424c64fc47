//! The time that a test waits.

use std::time::{Duration, Instant};

/// The time after which something in a test counts as never happening: 10 s.
///
/// It is long enough for a loaded machine with two cores, so a test that reaches it has found a hang.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The interval between two checks of [`wait_until`].
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The instant at which a wait ends in failure.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline [`DEADLINE`] from now.
    pub fn start() -> Self {
        Self::after(DEADLINE)
    }

    /// Returns the deadline this long from now.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Returns the remaining time; zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Returns the remaining time, for calls that take zero as "for ever".
    ///
    /// # Panics
    /// If the deadline has passed. `what` names the event that was waited for.
    pub fn remaining_for(self, what: &str) -> Duration {
        let remaining = self.remaining();
        assert!(!remaining.is_zero(), "the deadline passed waiting for {what}");
        remaining
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::start()
    }
}

/// Checks every 2 ms whether `condition` holds.
///
/// Use this only if there is no event to wait for: the end of a child, memory or CPU use, a counter. For bytes use
/// [`Peer`](crate::Peer), for output [`Process`](crate::Process), which block.
///
/// # Panics
/// If it does not hold by the deadline.
pub fn wait_until(deadline: Deadline, what: &str, mut condition: impl FnMut() -> bool) {
    while !condition() {
        let pause = deadline.remaining_for(what).min(POLL_INTERVAL);
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        wait_until(Deadline::start(), "three looks", || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    #[should_panic(expected = "waiting for the impossible")]
    fn a_condition_that_never_holds_panics_with_its_name() {
        wait_until(Deadline::after(Duration::from_millis(5)), "the impossible", || false);
    }
}
