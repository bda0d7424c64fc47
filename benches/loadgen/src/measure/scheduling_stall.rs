//! The times at which the generator did not run: the time between two readings of its clock for which it had not asked
//! to sleep.
//!
//! It reads the clock at each receive and before each wait. So the time without a reading is short unless something
//! took the thread off its CPU: another program, a signal, or the hypervisor. The scheduler's account knows only the
//! first.

use std::time::Duration;

/// The longest sleep at a time. A thread that is stopped while it sleeps is detected because it wakes too late.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_millis(10);

/// The longest scheduling stall since this was created.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SchedulingStall {
    /// The last reading, or the latest end of the sleep that followed it.
    expected_ns: u64,
    longest_ns: u64,
}

impl SchedulingStall {
    /// Starts watching at this time.
    pub(crate) fn since(now_ns: u64) -> Self {
        Self { expected_ns: now_ns, longest_ns: 0 }
    }

    /// Records that the thread runs.
    #[inline]
    pub(crate) fn look(&mut self, now_ns: u64) {
        self.longest_ns = self.longest_ns.max(now_ns.saturating_sub(self.expected_ns));
        self.expected_ns = now_ns;
    }

    /// Expects no reading before this time, because the thread will sleep or has done something that takes long.
    pub(crate) fn excuse_until(&mut self, ns: u64) {
        self.expected_ns = self.expected_ns.max(ns);
    }

    /// Returns the longest stall so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_that_was_asked_for_is_none_and_what_is_over_it_is() {
        let mut scheduling_stall = SchedulingStall::since(1000);
        let mut longest = |looks: &[(u64, u64)]| {
            for (now_ns, wake_ns) in looks {
                scheduling_stall.look(*now_ns);
                scheduling_stall.excuse_until(*wake_ns);
            }
            scheduling_stall.longest().as_nanos()
        };
        assert_eq!(longest(&[(1010, 1010), (1015, 2000)]), 10, "work");
        assert_eq!(longest(&[(1500, 2500), (2500, 0)]), 10, "woken early, and in time");
        assert_eq!(longest(&[(2505, 3000), (3200, 3200)]), 200, "woken late");
        scheduling_stall.excuse_until(5000);
        scheduling_stall.look(5001);
        assert_eq!(scheduling_stall.longest().as_nanos(), 200, "excused");
    }
}
