//! When the generator did not run: the time between two looks at its clock that it had not asked to sleep.
//!
//! It looks at each receive and before each wait, so a time without a look is short unless something took the
//! thread off its CPU: another program, a signal, the hypervisor. The scheduler's account knows only the first.

use std::time::Duration;

/// The longest sleep at a time: what is stopped while it sleeps is noticed by waking too late.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_millis(10);

/// The longest scheduling stall since it was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SchedulingStall {
    /// The last look, or when the sleep that followed it ends at the latest.
    expected_ns: u64,
    longest_ns: u64,
}

impl SchedulingStall {
    /// Watches from a time on.
    pub(crate) fn since(now_ns: u64) -> Self {
        Self { expected_ns: now_ns, longest_ns: 0 }
    }

    /// The thread runs.
    #[inline]
    pub(crate) fn look(&mut self, now_ns: u64) {
        self.longest_ns = self.longest_ns.max(now_ns.saturating_sub(self.expected_ns));
        self.expected_ns = now_ns;
    }

    /// No look is to be expected before then: it will sleep, or has done what takes long.
    pub(crate) fn excuse_until(&mut self, ns: u64) {
        self.expected_ns = self.expected_ns.max(ns);
    }

    /// The longest so far.
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
