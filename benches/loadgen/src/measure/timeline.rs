//! The measured window step by step, and by phase if an event divides it.

use crate::measure::clock::duration_ns;
use crate::measure::latency::Latency;
use crate::report::figures::float;
use crate::{Percentiles, Settings};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One step of the window, by the time of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The beginning, as a time after the start of the window.
    pub from_seconds: f64,
    /// The length. The last step, and one in which a phase ends, are shorter.
    pub seconds: f64,
    /// The number of deliveries to subscribers within the step.
    pub deliveries: u64,
    /// The latency that half of them did not exceed.
    pub p50_us: f64,
    /// The latency that 99 % did not exceed.
    pub p99_us: f64,
    /// The greatest latency.
    pub max_us: f64,
}

/// A part of the window before, during or after an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// `before`, `during` or `after`.
    pub name: String,
    /// The beginning, as a time after the start of the window.
    pub from_seconds: f64,
    /// The latency of the deliveries that arrived in it.
    pub latency_us: Percentiles,
}

/// Records latencies. A step costs two passes over a histogram (some 0.1 ms), and a delivery nothing more.
#[derive(Debug)]
pub(crate) struct Timeline {
    window: Range<u64>,
    interval_ns: u64,
    /// The beginning of the current step, and its end by the schedule.
    from_ns: u64,
    until_ns: u64,
    current: Latency,
    phase: Latency,
    total: Latency,
    intervals: Vec<Interval>,
    phases: Vec<Phase>,
    phase_name: &'static str,
    phase_from_ns: u64,
    /// The number of deliveries in the window up to the current step.
    deliveries: u64,
}

impl Timeline {
    pub(crate) fn new(settings: &Settings, window: Range<u64>) -> Self {
        let interval_ns = duration_ns(settings.interval);
        Self {
            interval_ns,
            from_ns: window.start,
            until_ns: window.start.saturating_add(interval_ns).min(window.end),
            current: Latency::new(),
            phase: Latency::new(),
            total: Latency::new(),
            intervals: Vec::new(),
            phases: Vec::new(),
            phase_name: "before",
            phase_from_ns: window.start,
            deliveries: 0,
            window,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64, count: u64) {
        self.current.record_many(ns, count);
    }

    /// Returns true if [`Timeline::advance`] has something to do.
    #[inline]
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        now_ns >= self.until_ns
    }

    /// Ends the steps that are over. `deliveries` is the number in the window so far.
    #[cold]
    pub(crate) fn advance(&mut self, now_ns: u64, deliveries: u64) {
        while self.is_due(now_ns) && self.from_ns < self.window.end {
            self.end_step(self.until_ns, deliveries);
        }
        if self.from_ns >= self.window.end {
            // Later deliveries belong to no step, and nothing is due any more.
            self.until_ns = u64::MAX;
        }
    }

    /// Ends the window early.
    pub(crate) fn cut(&mut self, now_ns: u64) {
        self.window.end = self.window.end.min(now_ns);
        self.until_ns = self.until_ns.min(now_ns);
    }

    /// Ends a phase and begins the next one under this name.
    pub(crate) fn mark(&mut self, name: &'static str, now_ns: u64, deliveries: u64) {
        self.advance(now_ns, deliveries);
        if self.from_ns < now_ns && now_ns < self.window.end {
            self.end_step(now_ns, deliveries);
        }
        self.end_phase(now_ns);
        self.phase_name = name;
    }

    fn end_step(&mut self, at_ns: u64, deliveries: u64) {
        self.intervals.push(Interval {
            from_seconds: seconds(self.from_ns - self.window.start),
            seconds: seconds(at_ns - self.from_ns),
            deliveries: deliveries - self.deliveries,
            p50_us: self.current.at_us(0.5),
            p99_us: self.current.at_us(0.99),
            max_us: self.current.max_us(),
        });
        self.take_current();
        self.deliveries = deliveries;
        self.from_ns = at_ns;
        if at_ns >= self.until_ns {
            self.until_ns = self.until_ns.saturating_add(self.interval_ns).min(self.window.end);
        }
    }

    fn take_current(&mut self) {
        self.total.add(&mut self.current);
        self.phase.add(&mut self.current);
        self.current.clear();
    }

    fn end_phase(&mut self, now_ns: u64) {
        self.take_current();
        self.phases.push(Phase {
            name: self.phase_name.to_owned(),
            from_seconds: seconds(self.phase_from_ns - self.window.start),
            latency_us: self.phase.summary(),
        });
        self.phase.clear();
        self.phase_from_ns = now_ns;
    }

    /// Returns the 99th percentile so far, in microseconds.
    pub(crate) fn p99_us(&mut self) -> f64 {
        self.total.at_us(0.99)
    }

    /// Returns everything, once no more deliveries will come.
    pub(crate) fn finish(&mut self, deliveries: u64) -> (Latency, Vec<Interval>, Vec<Phase>) {
        self.advance(self.window.end, deliveries);
        if self.phases.is_empty() {
            self.take_current();
        } else {
            self.end_phase(self.window.end);
        }
        let (intervals, phases) = (std::mem::take(&mut self.intervals), std::mem::take(&mut self.phases));
        (std::mem::replace(&mut self.total, Latency::new()), intervals, phases)
    }
}

fn seconds(ns: u64) -> f64 {
    float(ns) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Load, Protocol};
    use std::time::Duration;

    /// Returns a timeline of a window from 1 s to 1.25 s, in steps of 100 ms.
    fn timeline() -> Timeline {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let load = Load::Paced { rate: 1 };
        let settings =
            Settings { interval: Duration::from_millis(100), ..Settings::new(address, Protocol::Native, load) };
        Timeline::new(&settings, 1_000_000_000..1_250_000_000)
    }

    fn shape(intervals: &[Interval]) -> Vec<(f64, f64, u64)> {
        let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        intervals.iter().map(|step| (rounded(step.from_seconds), rounded(step.seconds), step.deliveries)).collect()
    }

    #[test]
    fn every_step_of_the_window_is_there_even_an_empty_one() {
        let mut timeline = timeline();
        timeline.record(5000, 1);
        timeline.advance(1_205_000_000, 3);
        timeline.record(9000, 1);
        let (mut total, intervals, phases) = timeline.finish(4);
        assert_eq!(shape(&intervals), [(0.0, 0.1, 3), (0.1, 0.1, 0), (0.2, 0.05, 1)]);
        assert!(
            (intervals[0].max_us - 5.0).abs() < 0.01 && intervals[1].max_us < f64::EPSILON && intervals[2].max_us > 5.0,
            "{intervals:?}"
        );
        assert_eq!((total.summary().count, phases), (2, Vec::new()));
    }

    #[test]
    fn phases_part_the_window_and_lose_nothing() {
        let mut timeline = timeline();
        timeline.record(1000, 1);
        timeline.mark("during", 1_150_000_000, 1);
        timeline.record(2000, 1);
        timeline.record(2000, 1);
        timeline.mark("after", 1_160_000_000, 3);
        timeline.record(3000, 1);
        let (mut total, intervals, phases) = timeline.finish(4);
        assert_eq!(
            shape(&intervals),
            [(0.0, 0.1, 1), (0.1, 0.05, 0), (0.15, 0.01, 2), (0.16, 0.04, 1), (0.2, 0.05, 0)]
        );
        let counts: Vec<_> = phases.iter().map(|phase| (phase.name.as_str(), phase.latency_us.count)).collect();
        assert_eq!(counts, [("before", 1), ("during", 2), ("after", 1)]);
        assert_eq!(total.summary().count, 4);
    }
}
