//! The delay before the next attempt to connect.

use crate::ReconnectOptions;
use std::time::Duration;

/// Exponential back-off with jitter, of at least the delay that the server suggests.
///
/// Half of each delay is random ("equal jitter"), so that the clients of a failed server do not return together:
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
    max_suggested: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(options: &ReconnectOptions, random: fastrand::Rng) -> Self {
        let ReconnectOptions { initial_delay, max_delay, max_suggested_delay, .. } = *options;
        Self { initial: initial_delay, max: max_delay, max_suggested: max_suggested_delay, random }
    }

    /// Returns the delay after `failures` failed attempts and the server's suggestion, if there is one.
    ///
    /// Before the first attempt the suggestion alone counts, because the server has spread its clients already.
    pub(crate) fn delay(&mut self, failures: u32, suggested: Option<Duration>) -> Duration {
        match suggested.map(|suggested| suggested.min(self.max_suggested)) {
            Some(suggested) if failures == 0 => suggested,
            Some(suggested) => suggested.max(self.random_delay(failures)),
            None => self.random_delay(failures),
        }
    }

    fn random_delay(&mut self, failures: u32) -> Duration {
        let doubled = 2_u32.checked_pow(failures).and_then(|factor| self.initial.checked_mul(factor));
        let most = doubled.map_or(self.max, |delay| delay.min(self.max));
        most / 2 + (most / 2).mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(30);

    fn backoff(seed: u64) -> Backoff {
        let options = ReconnectOptions::default().with_initial_delay(INITIAL).with_max_delay(MAX);
        Backoff::new(&options, fastrand::Rng::with_seed(seed))
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        for seed in 0..100 {
            let mut backoff = backoff(seed);
            for failures in 0..100 {
                let most = if failures < 9 { (INITIAL * (1 << failures)).min(MAX) } else { MAX };
                let delay = backoff.delay(failures, None);
                assert!((most / 2..=most).contains(&delay), "{failures} failures: {delay:?}");
            }
        }
    }

    #[test]
    fn delays_differ_between_clients() {
        let delays: std::collections::BTreeSet<_> = (0..100).map(|seed| backoff(seed).delay(5, None)).collect();
        assert!(delays.len() > 90, "{} different delays of 100", delays.len());
    }

    #[test]
    fn the_suggestion_of_the_server_is_kept() {
        let mut backoff = backoff(1);
        for suggested in [Duration::ZERO, Duration::from_millis(3), Duration::from_secs(50)] {
            assert_eq!(backoff.delay(0, Some(suggested)), suggested);
        }
        let later = backoff.delay(3, Some(Duration::from_millis(3)));
        assert!(later >= INITIAL * 4, "attempts in vain count beside a short suggestion: {later:?}");
        assert_eq!(backoff.delay(3, Some(Duration::from_secs(50))), Duration::from_secs(50));
    }

    #[test]
    fn a_suggestion_has_a_limit() {
        let limit = ReconnectOptions::default().max_suggested_delay;
        assert_eq!(backoff(1).delay(0, Some(Duration::MAX)), limit);
    }
}
