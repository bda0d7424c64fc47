//! Open loop: the time at which each message is due, whatever happened to the ones before.

/// A schedule of evenly spaced messages. Message `n` is due at `start + n / rate`.
#[derive(Debug)]
pub(crate) struct Pace {
    start_ns: u64,
    rate: u64,
    next: u64,
}

const SECOND_NS: u64 = 1_000_000_000;
/// The longest lead.
const MAX_LEAD_NS: u64 = 2_000_000;

impl Pace {
    pub(crate) fn new(start_ns: u64, rate: u64) -> Self {
        Self { start_ns, rate, next: 0 }
    }

    /// Returns the number of the next message.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the time at which the next message is due.
    pub(crate) fn due_ns(&self) -> u64 {
        // This is computed in two parts, so that neither product overflows within a century.
        let (seconds, rest) = (self.next / self.rate, self.next % self.rate);
        self.start_ns + seconds * SECOND_NS + rest * SECOND_NS / self.rate
    }

    /// Returns the time before a message is due from which the generator checks for events without sleeping, because a
    /// sleeping CPU may take a millisecond to wake. This uses at most a tenth of the CPU.
    pub(crate) fn lead_ns(&self) -> u64 {
        (SECOND_NS / self.rate / 10).min(MAX_LEAD_NS)
    }

    pub(crate) fn advance(&mut self) {
        self.next += 1;
    }

    /// Returns the number of messages that are due before a time.
    pub(crate) fn due_before(&self, until_ns: u64) -> u64 {
        let span_ns = until_ns.saturating_sub(self.start_ns);
        let (seconds, rest) = (span_ns / SECOND_NS, span_ns % SECOND_NS);
        seconds * self.rate + (rest * self.rate).div_ceil(SECOND_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_a_tenth_of_the_time_between_messages() {
        for (rate, lead_ns) in [(1, 2_000_000), (50, 2_000_000), (1000, 100_000), (1_000_000, 100)] {
            assert_eq!(Pace::new(0, rate).lead_ns(), lead_ns);
        }
    }

    #[test]
    fn the_schedule_does_not_drift() {
        for rate in [1, 3, 7, 100, 8000, 1_000_000] {
            let mut pace = Pace::new(500, rate);
            for number in 0..3 * rate {
                assert_eq!(pace.due_before(pace.due_ns()), number);
                assert_eq!(pace.due_before(pace.due_ns() + 1), number + 1);
                pace.advance();
            }
            assert_eq!(pace.due_ns(), 500 + 3 * SECOND_NS);
        }
    }
}
