//! Open loop: when each message is due, whatever became of the ones before.

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

    /// The number of the next message.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// When the next message is due.
    pub(crate) fn due_ns(&self) -> u64 {
        // In two parts, so that neither product overflows within a century.
        let (seconds, rest) = (self.next / self.rate, self.next % self.rate);
        self.start_ns + seconds * SECOND_NS + rest * SECOND_NS / self.rate
    }

    /// How long before a message is due the generator stops sleeping and looks for events without waiting: a
    /// CPU that sleeps may take a millisecond to wake. A tenth of the CPU at most.
    pub(crate) fn lead_ns(&self) -> u64 {
        (SECOND_NS / self.rate / 10).min(MAX_LEAD_NS)
    }

    pub(crate) fn advance(&mut self) {
        self.next += 1;
    }

    /// The number of messages that are due before a time.
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
