//! The pause after a flush, which merges sends while CPU time is scarce.
//!
//! A send costs microseconds at both ends, however few bytes it carries. A shard that shares its CPU with its receivers
//! takes that time from them with every small send. A pause in proportion to the duration of the flush lets them run, and
//! merges the messages that arrive meanwhile, as a network card moderates its interrupts. A shard with a CPU of its own and
//! time to spare gains nothing by waiting, and its subscribers lose. So a shard pauses only while the scheduler's
//! statistics show that it waits for its CPU, or when it falls behind although each of its sends carries many messages.
//!
//! No pause follows a flush to a few subscribers, which takes microseconds, or a flush that had nothing to merge: the pause
//! runs from the end of the flush, and the next message comes later. The larger the sends already are, the shorter the
//! pause is. `docs/decisions/0012-pause-when-contended.md` has the measurements behind the numbers.

use crate::config::Tuning;
use crate::host::Schedstat;
use corecast_fanout::Counters;
use std::time::{Duration, Instant};

/// The shortest pause that is worth a timer.
const LEAST: Duration = Duration::from_micros(20);

/// If a shard falls behind although its sends have this many messages on average, CPU time is scarce: fuller sends shorten
/// its queue, and with it the wait of every message.
const MANY_MESSAGES: u64 = 8;

/// Above this average size of a send, bytes dominate its cost; merging is not worth a delay.
const FULL_BYTES: u64 = 128 * 1024;

/// Above this average number of messages in a send, the call itself costs no more than the messages do; merging is not
/// worth a delay.
const FULL_MESSAGES: u64 = 256;

/// The sends of one flush.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sends {
    count: u64,
    bytes: u64,
    messages: u64,
}

impl Sends {
    /// Returns the sends counted between `before` and `after`.
    pub(crate) fn between(before: &Counters, after: &Counters) -> Self {
        Self {
            count: (after.sends - before.sends).max(1),
            bytes: after.sent_bytes - before.sent_bytes,
            messages: after.deliveries - before.deliveries,
        }
    }

    /// Returns true if a send has many messages on average: then throughput is what counts, and fuller sends raise it.
    fn are_many(self) -> bool {
        self.messages >= MANY_MESSAGES * self.count
    }

    /// Returns the room, in percent, that is left in an average send below the size at which merging stops being worth a
    /// delay.
    fn room_percent(self) -> u32 {
        let taken = |sum: u64, full: u64| (sum / self.count * 100 / full).min(100);
        let taken = taken(self.bytes, FULL_BYTES).max(taken(self.messages, FULL_MESSAGES));
        u32::try_from(100 - taken).expect("at most 100")
    }
}

/// The least interval between two reviews of whether the shard's CPU is contended.
const REVIEW_INTERVAL: Duration = Duration::from_millis(20);

/// The weight of the last review in the average, as a divisor: the average covers about 80 ms.
const SMOOTHING: u16 = 4;

/// A shard begins to pause when, on average, it was ready to run but waited for its CPU for this part of all time.
const CONTENDED_PER_MILLE: u16 = 180;

/// A shard stops pausing when that part falls below this one.
const UNCONTENDED_PER_MILLE: u16 = 80;

/// Decides when the next flush may begin.
#[derive(Debug)]
pub(crate) struct Pause {
    percent: u32,
    most: Duration,
    until: Option<Instant>,
    /// `None` where the kernel does not report how long a thread waits for its CPU: the CPU then never counts as contended.
    review: Option<Review>,
    report: PauseReport,
}

/// The pauses of a shard after its flushes, and their reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseReport {
    /// True while something else needs the shard's CPU; then the shard pauses after every flush that is worth a pause.
    pub contended: bool,
    /// The number of times that the CPU became contended.
    pub contentions: u64,
    /// The total time paused, for any reason.
    pub paused: Duration,
    /// The number of pauses because the shard fell behind with many messages in each send.
    pub saturated_pauses: u64,
    /// The part of all time, in thousandths, for which the shard was ready to run and waited for its CPU: an average over
    /// about 80 ms, as of the last flush that was worth a pause.
    pub waited_per_mille: u16,
}

impl Pause {
    /// Creates the pause. Must be called on the shard's own thread.
    pub(crate) fn new(tuning: &Tuning, now: Instant) -> Self {
        let statistics = (tuning.flush_pause_percent > 0).then(Schedstat::of_this_thread);
        let review = statistics.and_then(|statistics| Review::begin(statistics.ok()?, now));
        Self {
            percent: tuning.flush_pause_percent,
            most: tuning.max_flush_pause,
            until: None,
            review,
            report: PauseReport::default(),
        }
    }

    /// Notes a flush that took from `begin` to `end` for these sends. `behind` is true if it did not catch up with the
    /// messages that arrived meanwhile.
    pub(crate) fn after_flush(&mut self, begin: Instant, end: Instant, sends: Sends, behind: bool) {
        let worth = end.saturating_duration_since(begin) * self.percent / 100 * sends.room_percent() / 100;
        let pause = worth.min(self.most);
        self.until =
            (sends.messages > 0 && pause >= LEAST && self.pays(end, behind && sends.are_many())).then(|| end + pause);
    }

    /// Returns the time until which the next flush must wait, if it must.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Adds the time for which the shard slept because of a pause.
    pub(crate) fn add_paused(&mut self, slept: Duration) {
        self.report.paused += slept;
    }

    pub(crate) fn report(&self) -> PauseReport {
        self.report
    }

    /// Returns true if merging sends pays now.
    fn pays(&mut self, now: Instant, is_saturated: bool) -> bool {
        if let Some(window) = self.review.as_mut().and_then(|review| review.window(now)) {
            self.report.apply(window);
        }
        let saturated = is_saturated && !self.report.contended;
        self.report.saturated_pauses += u64::from(saturated);
        self.report.contended || saturated
    }
}

impl PauseReport {
    /// Adds a window to the average; `waited_per_mille` is the part of it for which the shard waited, in thousandths.
    fn apply(&mut self, waited_per_mille: u16) {
        // Rounded towards the window, so that the average of a constant reaches it.
        let (before, weight) = (self.waited_per_mille, SMOOTHING);
        self.waited_per_mille = if waited_per_mille > before {
            before + (waited_per_mille - before).div_ceil(weight)
        } else {
            before - (before - waited_per_mille).div_ceil(weight)
        };
        if self.contended {
            self.contended = self.waited_per_mille >= UNCONTENDED_PER_MILLE;
        } else if self.waited_per_mille >= CONTENDED_PER_MILLE {
            self.contended = true;
            self.contentions += 1;
        }
    }
}

/// The beginning of the window under review.
#[derive(Debug)]
struct Review {
    statistics: Schedstat,
    since: Instant,
    waited: u64,
}

impl Review {
    fn begin(statistics: Schedstat, now: Instant) -> Option<Self> {
        let waited = statistics.read().ok()?.waited;
        Some(Self { statistics, since: now, waited })
    }

    /// Ends the window. Returns the part of it, in thousandths, for which the thread waited for its CPU, if the window is
    /// long enough.
    fn window(&mut self, now: Instant) -> Option<u16> {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < REVIEW_INTERVAL {
            return None;
        }
        let waited = self.statistics.read().ok()?.waited;
        let part = u128::from(waited - self.waited) * 1000 / elapsed.as_nanos();
        (self.since, self.waited) = (now, waited);
        Some(u16::try_from(part.min(1000)).expect("at most 1,000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pause of a shard that pauses.
    fn pause(took: Duration, bytes: u64, messages: u64) -> Option<Duration> {
        let tuning = Tuning { flush_pause_percent: 50, max_flush_pause: Duration::from_millis(1), ..Tuning::default() };
        let begin = Instant::now();
        let mut pause = Pause::new(&tuning, begin);
        (pause.review, pause.report.contended) = (None, true);
        let sends = Sends { count: 3, bytes: 3 * bytes, messages: 3 * messages };
        pause.after_flush(begin, begin + took, sends, false);
        pause.until(begin + took).map(|until| until - (begin + took))
    }

    #[test]
    fn a_pause_is_in_proportion_and_bounded_at_both_ends() {
        assert_eq!(pause(Duration::from_micros(30), 0, 1), None);
        assert_eq!(pause(Duration::from_micros(400), 0, 1), Some(Duration::from_micros(200)));
        assert_eq!(pause(Duration::from_millis(10), 0, 1), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_flush_without_messages_is_followed_by_no_pause() {
        assert_eq!(pause(Duration::from_millis(10), 100, 0), None);
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

    #[test]
    fn a_shard_on_a_cpu_of_its_own_pauses_only_if_it_falls_behind_with_many_messages_in_each_send() {
        let begin = Instant::now();
        let end = begin + Duration::from_micros(400);
        let pauses = |messages, behind| {
            let mut pause = Pause { review: None, ..Pause::new(&Tuning::default(), begin) };
            pause.after_flush(begin, end, Sends { count: 10, bytes: 0, messages: 10 * messages }, behind);
            (pause.until(end).is_some(), pause.report().saturated_pauses)
        };
        assert_eq!(pauses(MANY_MESSAGES, true), (true, 1));
        assert_eq!(pauses(MANY_MESSAGES - 1, true), (false, 0));
        assert_eq!(pauses(MANY_MESSAGES, false), (false, 0));
    }

    /// Returns the report after this many windows, each with this wait in thousandths.
    fn after(mut report: PauseReport, windows: u32, waited_per_mille: u16) -> PauseReport {
        (0..windows).for_each(|_| report.apply(waited_per_mille));
        report
    }

    #[test]
    fn a_shard_pauses_within_tens_of_milliseconds_while_its_cpu_is_contended_and_no_longer() {
        let alone = after(PauseReport::default(), 50, 20);
        assert!(!alone.contended && alone.contentions == 0 && alone.waited_per_mille == 20, "{alone:?}");
        let contended = after(alone, 3, 400);
        assert!(contended.contended && contended.contentions == 1, "{contended:?}");
        let again_alone = after(contended, 6, 20);
        assert!(!again_alone.contended && again_alone.contentions == 1, "{again_alone:?}");
    }

    #[test]
    fn a_single_window_changes_nothing() {
        let blip = after(PauseReport::default(), 1, 600);
        assert!(!blip.contended, "{blip:?}");
        let contended = after(PauseReport::default(), 20, 300);
        assert!(after(contended, 1, 0).contended);
    }

    #[test]
    fn what_a_pause_changes_by_itself_does_not_end_it() {
        let between = u16::midpoint(CONTENDED_PER_MILLE, UNCONTENDED_PER_MILLE);
        assert!(!after(PauseReport::default(), 100, between).contended);
        let contended = after(PauseReport::default(), 20, 400);
        assert_eq!(after(contended, 100, between).contentions, 1);
        assert!(after(contended, 100, between).contended);
    }
}
