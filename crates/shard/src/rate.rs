//! The rate limit of one connection: a token bucket for its frames and one for its bytes.
//!
//! A bucket holds a second's worth of tokens, is full at the start, and fills at the rate. A frame is admitted whole. It
//! needs one token of the first bucket, and as many of the second as it has bytes. A frame larger than the second bucket
//! needs a full bucket and leaves it in debt. A frame that is not admitted is not received: it stays in the kernel until
//! the buckets have filled.

use std::time::Duration;

/// A bucket of tokens.
#[derive(Debug)]
struct Bucket {
    /// Tokens per second, and the capacity of the bucket; `None` for no limit.
    rate: Option<f64>,
    /// Tokens now; negative while in debt.
    tokens: f64,
}

#[expect(clippy::cast_precision_loss, reason = "nobody notices one part in 2^53 of a rate or a length")]
impl Bucket {
    fn new(rate: u64) -> Self {
        let rate = (rate > 0).then_some(rate as f64);
        Self { rate, tokens: rate.unwrap_or_default() }
    }

    fn fill(&mut self, elapsed: Duration) {
        if let Some(rate) = self.rate {
            self.tokens = (self.tokens + elapsed.as_secs_f64() * rate).min(rate);
        }
    }

    /// Returns the time until `count` tokens may be taken.
    fn wait(&self, count: usize) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let missing = (count as f64).min(rate) - self.tokens;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        // Rounded up, so that there are enough tokens when the time has passed.
        Duration::from_secs_f64(missing / rate) + Duration::from_nanos(1)
    }

    fn take(&mut self, count: usize) {
        self.tokens -= count as f64;
    }
}

/// The limits on one connection's sending.
#[derive(Debug)]
pub(crate) struct Rate {
    frames: Bucket,
    bytes: Bucket,
    /// The driver's time at which the buckets were last filled.
    filled_at: Duration,
}

impl Rate {
    /// Creates the rate limit, or returns `None` where neither rate is limited; then no clock is read either.
    pub(crate) fn new(frames: u64, bytes: u64, at: Duration) -> Option<Self> {
        (frames > 0 || bytes > 0).then(|| Self {
            frames: Bucket::new(frames),
            bytes: Bucket::new(bytes),
            filled_at: at,
        })
    }

    /// Admits a frame of this many bytes and returns zero, or returns the time for which the frame has to wait.
    pub(crate) fn admit(&mut self, bytes: usize, at: Duration) -> Duration {
        let elapsed = at.saturating_sub(std::mem::replace(&mut self.filled_at, at));
        self.frames.fill(elapsed);
        self.bytes.fill(elapsed);
        let wait = self.frames.wait(1).max(self.bytes.wait(bytes));
        if wait.is_zero() {
            self.frames.take(1);
            self.bytes.take(bytes);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(frames: u64, bytes: u64) -> (Rate, Duration) {
        let now = Duration::from_secs(1000);
        (Rate::new(frames, bytes, now).expect("a limit"), now)
    }

    /// Returns the number of frames of this length that are admitted at once.
    fn passing(rate: &mut Rate, bytes: usize, now: Duration) -> usize {
        (0..1_000_000).take_while(|_| rate.admit(bytes, now).is_zero()).count()
    }

    #[test]
    fn a_bucket_of_a_second_passes_at_once_and_the_rest_one_by_one() {
        for frames in [1, 3, 6, 7, 10, 1000, 99_991] {
            let (mut rate, now) = rate(frames, 0);
            assert_eq!(passing(&mut rate, 20, now), usize::try_from(frames).expect("a few"), "{frames}");
            let wait = rate.admit(20, now);
            assert_eq!(passing(&mut rate, 20, now + wait), 1, "{frames}");
            assert_eq!(wait.as_micros(), u128::from(1_000_000 / frames), "{frames}");
        }
    }

    #[test]
    fn what_was_not_used_does_not_pile_up() {
        let (mut rate, now) = rate(100, 0);
        assert_eq!(passing(&mut rate, 1, now + Duration::from_hours(1)), 100);
    }

    #[test]
    fn a_frame_over_the_bucket_needs_a_full_one_and_leaves_it_in_debt() {
        let (mut rate, now) = rate(0, 100);
        assert_eq!(passing(&mut rate, 250, now), 1);
        assert_eq!(rate.admit(1, now).as_millis(), 1510);
        let full = now + Duration::from_millis(2500);
        assert_eq!(rate.admit(250, now + Duration::from_millis(2499)).as_millis(), 1);
        assert_eq!(passing(&mut rate, 250, full), 1);
    }

    #[test]
    fn a_frame_that_waits_for_one_bucket_takes_nothing_of_the_other() {
        let (mut rate, now) = rate(2, 100);
        assert_eq!(passing(&mut rate, 80, now), 1);
        assert_eq!(passing(&mut rate, 20, now), 1);
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert!(Rate::new(0, 0, Duration::ZERO).is_none());
        let (mut rate, now) = rate(0, 1);
        assert_eq!(rate.frames.wait(usize::MAX), Duration::ZERO);
        assert_eq!(rate.admit(0, now), Duration::ZERO);
    }
}
