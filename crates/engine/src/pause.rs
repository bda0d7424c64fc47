//! The pause behind a flush: it merges sends while something else needs the shard's CPU.
//!
//! A send costs microseconds at both ends however little it carries. A shard that shares its CPU with its receivers takes it
//! from them with every small send; a pause in proportion to what the flush took lets them run, and merges what
//! comes meanwhile, as a network card moderates its interrupts. On a CPU of its own, or with time to spare,
//! a shard gains nothing by waiting and its subscribers lose: so it pauses only while both show, in the scheduler's
//! account of its thread and in how long it slept for want of work.
//!
//! A flush to a few subscribers takes microseconds and is followed by no pause; nor is one that had nothing to merge,
//! because the pause runs from its end and the next message comes later. The larger the sends are already, the shorter
//! it is. `docs/decisions/0012-pause-when-contended.md` has the measurements behind the numbers.

use crate::config::Tuning;
use crate::schedstat::{Schedstat, Usage};
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

/// How often a shard reviews whether pausing pays, at least: a longer time is one review.
const REVIEW_INTERVAL: Duration = Duration::from_millis(20);

/// Reviews in a row that must agree before a shard begins or stops pausing: a change takes 40 ms.
const REVIEWS_TO_CHANGE: u32 = 2;

/// A shard may begin to pause when it waited for its CPU for at least this part of the time in which it was ready to run,
const CONTENDED_PERCENT: u32 = 10;

/// and slept for want of work for at most this part of all time.
const BUSY_IDLE_PERCENT: u32 = 15;

/// It stops when it waited for less than this part,
const UNCONTENDED_PERCENT: u32 = 4;

/// or slept for more than this one.
const SPARE_IDLE_PERCENT: u32 = 35;

/// When the next flush may begin.
#[derive(Debug)]
pub(crate) struct Pause {
    percent: u32,
    most: Duration,
    until: Option<Instant>,
    /// `None` where the kernel does not say how long a thread waits for its CPU: then nothing is paused for.
    review: Option<Review>,
    report: PauseReport,
}

/// How a shard pauses behind its flushes, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PauseReport {
    /// Whether it pauses now: its CPU is contended and it has little time to spare.
    pub pausing: bool,
    /// How often it began to.
    pub begun: u64,
    /// How long it has paused, in total.
    pub paused: Duration,
    /// Of the time in which it was ready to run, the percentage for which it waited for its CPU, at the last review.
    pub waited_percent: u32,
    /// Of all time, the percentage for which it slept for want of work, at the last review.
    pub idle_percent: u32,
}

impl Pause {
    /// Must be called on the shard's own thread.
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

    /// A flush took from `begin` to `end` for these sends; the shard has slept for want of work for `idle` so far.
    pub(crate) fn after_flush(&mut self, begin: Instant, end: Instant, sends: Sends, idle: Duration) {
        let worth = end.saturating_duration_since(begin) * self.percent / 100 * sends.room_percent() / 100;
        let pause = worth.min(self.most);
        self.until = (pause >= LEAST && self.pays(end, idle)).then(|| end + pause);
    }

    /// Until when the next flush must wait, if it must.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// The shard slept for so long because of a pause.
    pub(crate) fn add_paused(&mut self, slept: Duration) {
        self.report.paused += slept;
    }

    pub(crate) fn report(&self) -> PauseReport {
        self.report
    }

    /// Whether to pause at all.
    fn pays(&mut self, now: Instant, idle: Duration) -> bool {
        if let Some(review) = &mut self.review
            && let Some(window) = review.window(now, idle)
        {
            self.report.apply(window, &mut review.disagreeing);
        }
        self.report.pausing
    }
}

impl PauseReport {
    /// Takes the shares of one window into account; `disagreeing` counts windows in a row that speak for a change.
    fn apply(&mut self, window: Window, disagreeing: &mut u32) {
        let Window { waited_percent, idle_percent } = window;
        (self.waited_percent, self.idle_percent) = (waited_percent, idle_percent);
        let wants_change = if self.pausing {
            waited_percent < UNCONTENDED_PERCENT || idle_percent > SPARE_IDLE_PERCENT
        } else {
            waited_percent >= CONTENDED_PERCENT && idle_percent <= BUSY_IDLE_PERCENT
        };
        *disagreeing = if wants_change { *disagreeing + 1 } else { 0 };
        if *disagreeing == REVIEWS_TO_CHANGE {
            *disagreeing = 0;
            self.pausing = !self.pausing;
            self.begun += u64::from(self.pausing);
        }
    }
}

/// The shares of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    waited_percent: u32,
    idle_percent: u32,
}

impl Window {
    fn new(usage: Usage, elapsed: Duration, idle: Duration) -> Self {
        let percent = |part: u128, whole: u128| {
            u32::try_from((part * 100).checked_div(whole).unwrap_or(0).min(100)).expect("at most 100")
        };
        Self {
            waited_percent: percent(usage.waited.into(), u128::from(usage.ran) + u128::from(usage.waited)),
            idle_percent: percent(idle.as_nanos(), elapsed.as_nanos()),
        }
    }
}

/// Where the window under review began.
#[derive(Debug)]
struct Review {
    statistics: Schedstat,
    since: Instant,
    usage: Usage,
    idle: Duration,
    disagreeing: u32,
}

impl Review {
    fn begin(statistics: Schedstat, now: Instant) -> Option<Self> {
        let usage = statistics.read().ok()?;
        Some(Self { statistics, since: now, usage, idle: Duration::ZERO, disagreeing: 0 })
    }

    /// The window that ends now, if it is long enough.
    fn window(&mut self, now: Instant, idle: Duration) -> Option<Window> {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < REVIEW_INTERVAL {
            return None;
        }
        let usage = self.statistics.read().ok()?;
        let window = Window::new(usage - self.usage, elapsed, idle.saturating_sub(self.idle));
        (self.since, self.usage, self.idle) = (now, usage, idle);
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENDED: Window = Window { waited_percent: 30, idle_percent: 5 };
    const ALONE: Window = Window { waited_percent: 0, idle_percent: 0 };
    const WITH_TIME_TO_SPARE: Window = Window { waited_percent: 30, idle_percent: 60 };

    /// The pause of a shard that pauses.
    fn pause(took: Duration, bytes: u64, messages: u64) -> Option<Duration> {
        let tuning = Tuning { flush_pause_percent: 50, max_flush_pause: Duration::from_millis(1), ..Tuning::default() };
        let begin = Instant::now();
        let mut pause = Pause::new(&tuning, begin);
        (pause.review, pause.report.pausing) = (None, true);
        let sends = Sends { count: 3, bytes: 3 * bytes, messages: 3 * messages };
        pause.after_flush(begin, begin + took, sends, Duration::ZERO);
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

    /// Whether a shard pauses behind each of these windows.
    fn pausing(windows: &[Window]) -> Vec<bool> {
        let (mut report, mut disagreeing) = (PauseReport::default(), 0);
        let pausing = |window: &Window| {
            report.apply(*window, &mut disagreeing);
            report.pausing
        };
        windows.iter().map(pausing).collect()
    }

    #[test]
    fn a_shard_pauses_while_it_is_busy_on_a_contended_cpu_and_only_then() {
        assert_eq!(pausing(&[ALONE; 5]), [false; 5]);
        assert_eq!(pausing(&[WITH_TIME_TO_SPARE; 5]), [false; 5]);
        assert_eq!(pausing(&[CONTENDED; 4]), [false, true, true, true]);
        assert_eq!(pausing(&[CONTENDED, CONTENDED, ALONE, ALONE]), [false, true, true, false]);
        assert_eq!(
            pausing(&[CONTENDED, CONTENDED, WITH_TIME_TO_SPARE, WITH_TIME_TO_SPARE]),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_single_window_changes_nothing() {
        assert_eq!(pausing(&[CONTENDED, ALONE, CONTENDED, ALONE]), [false; 4]);
        assert_eq!(pausing(&[CONTENDED, CONTENDED, ALONE, CONTENDED, ALONE]), [false, true, true, true, true]);
    }

    #[test]
    fn what_a_pause_changes_by_itself_does_not_end_it() {
        let between =
            Window { waited_percent: u32::midpoint(CONTENDED_PERCENT, UNCONTENDED_PERCENT), idle_percent: 25 };
        assert_eq!(pausing(&[between; 3]), [false; 3]);
        assert_eq!(pausing(&[CONTENDED, CONTENDED, between, between, between]), [false, true, true, true, true]);
    }

    #[test]
    fn the_shares_of_a_window_are_those_of_its_time() {
        let usage = Usage { ran: 6_000_000, waited: 2_000_000, turns: 9 };
        let window = Window::new(usage, Duration::from_millis(20), Duration::from_millis(12));
        assert_eq!(window, Window { waited_percent: 25, idle_percent: 60 });
        assert_eq!(Window::new(Usage::default(), Duration::from_millis(20), Duration::ZERO).waited_percent, 0);
    }
}
