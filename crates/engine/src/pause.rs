//! The pause behind a flush: what moderates how often every subscriber is sent something.
//!
//! A send costs microseconds at both ends however little it carries, so a shard that flushes whenever it
//! can spends all its time, and its receivers', on small sends. A pause in proportion to what the flush took
//! merges what comes meanwhile, as a network card moderates its interrupts. A flush to a few subscribers
//! takes microseconds and is followed by none; nor is one that had nothing to merge, because the pause
//! runs from its end and the next message comes later. The larger the sends are already, the shorter it is.
//!
//! `docs/decisions/0004-flush-pause.md` has the measurements behind the defaults.

use crate::config::Tuning;
use corecast_fanout::Counters;
use std::time::{Duration, Instant};

/// Pauses below this are not worth a timer.
const LEAST: Duration = Duration::from_micros(20);

/// A send of so many bytes, on average, costs so much more than one of none that merging two saves nothing worth a wait.
const FULL_BYTES: u64 = 128 * 1024;

/// Among so many messages in a send, what the call itself costs is no more than what they do, and halving it is not
/// worth a wait in which nothing leaves.
const FULL_MESSAGES: u64 = 256;

/// What a flush sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sends {
    count: u64,
    bytes: u64,
    messages: u64,
}

impl Sends {
    /// What was counted between these.
    pub(crate) fn between(before: &Counters, after: &Counters) -> Self {
        Self {
            count: (after.sends - before.sends).max(1),
            bytes: after.sent_bytes - before.sent_bytes,
            messages: after.deliveries - before.deliveries,
        }
    }

    /// How far they are from as large as is worth a wait, on average.
    fn room_percent(self) -> u32 {
        let taken = |sum: u64, full: u64| (sum / self.count * 100 / full).min(100);
        let taken = taken(self.bytes, FULL_BYTES).max(taken(self.messages, FULL_MESSAGES));
        u32::try_from(100 - taken).expect("at most 100")
    }
}

/// When the next flush may begin.
#[derive(Debug)]
pub(crate) struct Pause {
    percent: u32,
    most: Duration,
    until: Option<Instant>,
}

impl Pause {
    pub(crate) fn new(tuning: &Tuning) -> Self {
        Self { percent: tuning.flush_pause_percent, most: tuning.max_flush_pause, until: None }
    }

    /// A flush took from `begin` to `end` for these sends.
    pub(crate) fn after_flush(&mut self, begin: Instant, end: Instant, sends: Sends) {
        let worth = end.saturating_duration_since(begin) * self.percent / 100 * sends.room_percent() / 100;
        let pause = worth.min(self.most);
        self.until = (pause >= LEAST).then(|| end + pause);
    }

    /// Until when the next flush must wait, if it must.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(took: Duration, bytes: u64, messages: u64) -> Option<Duration> {
        let tuning = Tuning { flush_pause_percent: 50, max_flush_pause: Duration::from_millis(1), ..Tuning::default() };
        let mut pause = Pause::new(&tuning);
        let begin = Instant::now();
        pause.after_flush(begin, begin + took, Sends { count: 3, bytes: 3 * bytes, messages: 3 * messages });
        pause.until(begin + took).map(|until| until - (begin + took))
    }

    #[test]
    fn a_pause_is_in_proportion_and_bounded_at_both_ends() {
        assert_eq!(pause(Duration::from_micros(30), 0, 1), None);
        assert_eq!(pause(Duration::from_micros(400), 0, 1), Some(Duration::from_micros(200)));
        assert_eq!(pause(Duration::from_millis(10), 0, 1), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_pause_is_the_shorter_the_more_each_send_has() {
        let took = Duration::from_micros(400);
        assert_eq!(pause(took, FULL_BYTES / 2, 1), Some(Duration::from_micros(100)));
        assert_eq!(pause(took, 1, FULL_MESSAGES / 2), Some(Duration::from_micros(100)));
        for times in [1, 2] {
            assert_eq!(pause(took, times * FULL_BYTES, 1), None);
            assert_eq!(pause(took, 1, times * FULL_MESSAGES), None);
        }
    }
}
