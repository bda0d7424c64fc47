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
use std::time::{Duration, Instant};

/// Pauses below this are not worth a timer.
const LEAST: Duration = Duration::from_micros(20);

/// A send of so many bytes, on average, costs so much more than one of none that merging two saves nothing worth a wait.
const FULL_SEND: u64 = 128 * 1024;

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

    /// A flush took from `begin` to `end`, and its sends so many bytes on average.
    pub(crate) fn after_flush(&mut self, begin: Instant, end: Instant, bytes: u64) {
        let room = u32::try_from(FULL_SEND.saturating_sub(bytes) * 100 / FULL_SEND).expect("at most 100");
        let worth = end.saturating_duration_since(begin) * self.percent / 100 * room / 100;
        let pause = worth.min(self.most);
        self.until = (pause >= LEAST).then(|| end + pause);
    }

    /// How long the next flush must wait, if it must.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(took: Duration, bytes: u64) -> Option<Duration> {
        let tuning = Tuning { flush_pause_percent: 50, max_flush_pause: Duration::from_millis(1), ..Tuning::default() };
        let mut pause = Pause::new(&tuning);
        let begin = Instant::now();
        pause.after_flush(begin, begin + took, bytes);
        pause.remaining(begin + took)
    }

    #[test]
    fn a_pause_is_in_proportion_and_bounded_at_both_ends() {
        assert_eq!(pause(Duration::from_micros(30), 0), None);
        assert_eq!(pause(Duration::from_micros(400), 0), Some(Duration::from_micros(200)));
        assert_eq!(pause(Duration::from_millis(10), 0), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_pause_is_the_shorter_the_more_each_send_has() {
        assert_eq!(pause(Duration::from_micros(400), FULL_SEND / 2), Some(Duration::from_micros(100)));
        assert_eq!(pause(Duration::from_micros(400), FULL_SEND), None);
        assert_eq!(pause(Duration::from_micros(400), 2 * FULL_SEND), None);
    }

    #[test]
    fn a_pause_runs_from_the_end_of_the_flush() {
        let mut pause = Pause::new(&Tuning { flush_pause_percent: 50, ..Tuning::default() });
        let begin = Instant::now();
        let end = begin + Duration::from_micros(400);
        pause.after_flush(begin, end, 0);
        assert_eq!(pause.remaining(end + Duration::from_micros(150)), Some(Duration::from_micros(50)));
        assert_eq!(pause.remaining(end + Duration::from_micros(200)), None);
        pause.after_flush(end, end, 0);
        assert_eq!(pause.remaining(end), None);
    }
}
