//! The progress of a run, reported while it runs.

use crate::report::figures::float;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// The progress of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The stage.
    pub stage: RunStage,
    /// The time since the load began.
    pub elapsed: Duration,
    /// The length of warm-up and window together.
    pub load: Duration,
    /// The deliveries a second since the previous report.
    pub deliveries_per_second: f64,
    /// The 99th percentile of the measured window so far, in microseconds; 0 before the window.
    pub p99_us: f64,
}

/// The stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStage {
    /// Connections are being established.
    Connecting,
    /// The load runs, before the window.
    WarmingUp,
    /// The load runs, in the window.
    Measuring,
    /// The run waits for messages in flight.
    Draining,
}

impl RunStage {
    /// Returns the name, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::WarmingUp => "warm-up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
        }
    }
}

/// The time between two reports: often enough to watch, and too seldom to matter (a report costs some 50 µs).
const PERIOD_NS: u64 = 250_000_000;

/// Reports progress from the generator's thread, if there is a listener.
#[derive(Debug)]
pub(crate) struct Reporter {
    listener: Option<Sender<Progress>>,
    load: Duration,
    last_ns: u64,
    last_deliveries: u64,
}

impl Reporter {
    pub(crate) fn new(listener: Option<Sender<Progress>>, load: Duration) -> Self {
        Self { listener, load, last_ns: 0, last_deliveries: 0 }
    }

    /// Reports that another stage than load begins.
    pub(crate) fn enter(&self, stage: RunStage) {
        self.send(Progress {
            stage,
            elapsed: Duration::ZERO,
            load: self.load,
            deliveries_per_second: 0.0,
            p99_us: 0.0,
        });
    }

    /// Returns the time at which the next report is due.
    pub(crate) fn due_ns(&self) -> u64 {
        if self.listener.is_some() { self.last_ns + PERIOD_NS } else { u64::MAX }
    }

    /// Reports on load that began at `start_ns`.
    pub(crate) fn report(&mut self, stage: RunStage, now_ns: u64, start_ns: u64, deliveries: u64, p99_us: f64) {
        let period = Duration::from_nanos(now_ns - self.last_ns.max(start_ns)).as_secs_f64();
        let count = float(deliveries - self.last_deliveries);
        let deliveries_per_second = if period > 0.0 { count / period } else { 0.0 };
        (self.last_ns, self.last_deliveries) = (now_ns, deliveries);
        let elapsed = Duration::from_nanos(now_ns - start_ns);
        self.send(Progress { stage, elapsed, load: self.load, deliveries_per_second, p99_us });
    }

    fn send(&self, progress: Progress) {
        if let Some(listener) = &self.listener {
            // A listener that has gone does not stop the run.
            let _ = listener.send(progress);
        }
    }
}
