//! The disturbances of subscribers during the measured window: one schedule for all shapes.

use crate::connections::hostile_clients::PRESENT;
use crate::measure::clock::duration_ns;
use crate::{Error, Load, Protocol, Settings};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;

/// A disturbance of subscribers during the measured window, in addition to the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// No disturbance.
    #[default]
    None,
    /// The last subscribers leave and return, one after the other. Each leaves once it has received everything that was
    /// sent before its turn.
    Churn {
        /// The number of subscribers.
        subscribers: usize,
        /// The number of reconnections a second.
        rate: u64,
    },
    /// The last subscribers do not read from the start of the window to its end.
    Stall {
        /// The number of subscribers.
        subscribers: usize,
    },
    /// Some of the last subscribers do not read in the window, and others read one byte a second. Meanwhile hostile
    /// clients connect, send what no server should accept, and leave.
    Hostile {
        /// The number of subscribers that do not read.
        stalled: usize,
        /// The number of subscribers that read one byte a second.
        trickling: usize,
        /// The number of hostile clients a second.
        arrivals: u64,
    },
    /// All subscribers are cut off at once, even in the middle of a frame, and reconnect at once.
    Storm {
        /// The time after the start of the window.
        at_seconds: f64,
    },
}

impl Disturbance {
    /// The greatest rate of reconnections or arrivals a second, because a port is not reused for a minute.
    pub const MAX_CHURN: u64 = 1000;
    /// The most reconnections or arrivals in a window, because all are planned ahead (40 MiB).
    pub const MAX_STEPS: u64 = 1 << 20;

    pub(crate) fn check(self, settings: &Settings) -> Result<(), Error> {
        let (setting, subscribers) = match self {
            Self::None => return Ok(()),
            Self::Churn { subscribers, .. } => ("churn", subscribers),
            Self::Stall { subscribers } => ("stall", subscribers),
            Self::Hostile { stalled, trickling, .. } => ("hostile", stalled.saturating_add(trickling)),
            Self::Storm { .. } => ("storm", 1),
        };
        if settings.protocol == Protocol::Plain && !matches!(self, Self::Stall { .. } | Self::Hostile { .. }) {
            return Err(Error::setting(setting, "plain does not confirm a subscription, so its beginning is unknown"));
        }
        if let Load::Saturate { .. } = settings.load {
            return Err(Error::setting(setting, "it needs a rate: a closed loop waits for subscribers"));
        }
        // At least one subscriber must stay whose latency can be measured.
        let others = settings.subscribers.saturating_sub(1);
        if !matches!(self, Self::Storm { .. }) && !(1..=others).contains(&subscribers) {
            return Err(Error::setting(setting, format!("1 to {others} of the subscribers are possible")));
        }
        match self {
            Self::Churn { rate, .. } | Self::Hostile { arrivals: rate, .. }
                if !(1..=Self::MAX_CHURN).contains(&rate) =>
            {
                Err(Error::setting(setting, format!("1 to {} a second are possible", Self::MAX_CHURN)))
            }
            Self::Churn { rate, .. } | Self::Hostile { arrivals: rate, .. }
                if rate * (settings.duration.as_secs() + 1) > Self::MAX_STEPS =>
            {
                Err(Error::setting(setting, format!("at most {} fit a window; shorten --duration", Self::MAX_STEPS)))
            }
            Self::Storm { at_seconds } if !(0.0..settings.duration.as_secs_f64()).contains(&at_seconds) => {
                Err(Error::setting(setting, "it must begin within the measured window"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the maximum number of connections besides those of the load.
    pub(crate) fn hostile_clients(self) -> usize {
        if let Self::Hostile { .. } = self { PRESENT + 1 } else { 0 }
    }

    /// Returns the subscribers that do not read in the window, or hardly read.
    pub(crate) fn stalled(self, subscribers: usize) -> Range<usize> {
        match self {
            Self::Stall { subscribers: stalled } => subscribers - stalled..subscribers,
            Self::Hostile { stalled, trickling, .. } => subscribers - stalled - trickling..subscribers,
            _ => subscribers..subscribers,
        }
    }
}

/// One step of a disturbance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These subscribers leave once they have received everything sent so far, and return.
    Return(Range<usize>),
    /// These subscribers are cut off now, and return.
    Break(Range<usize>),
    /// These subscribers are not read from now on.
    StopReading(Range<usize>),
    /// One byte of each of these subscribers is read.
    Trickle(Range<usize>),
    /// A hostile client connects.
    Arrive,
    /// These subscribers are read again.
    Read(Range<usize>),
}

/// The steps, with the times at which they are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    steps: VecDeque<(u64, Step)>,
}

impl Schedule {
    pub(crate) fn new(settings: &Settings, measured: &Range<u64>) -> Self {
        let all = settings.subscribers;
        let steps = match settings.disturbance {
            Disturbance::None => VecDeque::new(),
            Disturbance::Churn { subscribers, rate } => {
                let period_ns = 1_000_000_000 / rate;
                let first = all - subscribers;
                let turns =
                    (measured.start..measured.end).step_by(usize::try_from(period_ns).expect("at most a second"));
                turns
                    .zip((first..all).cycle())
                    .map(|(at_ns, subscriber)| (at_ns, Step::Return(subscriber..subscriber + 1)))
                    .collect()
            }
            Disturbance::Stall { .. } => {
                let stalled = settings.disturbance.stalled(all);
                [(measured.start, Step::StopReading(stalled.clone())), (measured.end, Step::Read(stalled))].into()
            }
            Disturbance::Hostile { trickling, arrivals, .. } => {
                let slow = settings.disturbance.stalled(all);
                let every = |period_ns: u64| {
                    measured.clone().step_by(usize::try_from(period_ns).expect("at most a second")).skip(1)
                };
                let trickle = every(1_000_000_000).map(|at_ns| (at_ns, Step::Trickle(all - trickling..all)));
                let arrivals = every(1_000_000_000 / arrivals).map(|at_ns| (at_ns, Step::Arrive));
                let mut steps: Vec<_> = trickle.chain(arrivals).collect();
                steps.sort_by_key(|(at_ns, _)| *at_ns);
                let begin = (measured.start, Step::StopReading(slow.clone()));
                [begin].into_iter().chain(steps).chain([(measured.end, Step::Read(slow))]).collect()
            }
            Disturbance::Storm { at_seconds } => {
                let at_ns = measured.start + duration_ns(std::time::Duration::from_secs_f64(at_seconds));
                [(at_ns, Step::Break(0..all))].into()
            }
        };
        Self { steps }
    }

    /// Drops the steps that are due later, but resumes reading stopped subscribers now.
    pub(crate) fn cut(&mut self, now_ns: u64) {
        self.steps.retain(|(at_ns, step)| *at_ns <= now_ns || matches!(step, Step::Read(_)));
        self.steps.iter_mut().for_each(|(at_ns, _)| *at_ns = now_ns.min(*at_ns));
    }

    /// Returns the time at which the next step is due; the greatest time if there is none.
    pub(crate) fn due_ns(&self) -> u64 {
        self.steps.front().map_or(u64::MAX, |(at_ns, _)| *at_ns)
    }

    /// Takes the next step, if it is due.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<Step> {
        self.steps.pop_front_if(|(at_ns, _)| *at_ns <= now_ns).map(|(_, step)| step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::time::Duration;

    fn settings(disturbance: Disturbance) -> Settings {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let load = Load::Paced { rate: 1 };
        let duration = Duration::from_secs(1);
        Settings { subscribers: 10, disturbance, duration, ..Settings::new(address, Protocol::Native, load) }
    }

    #[test]
    fn churn_goes_round_those_who_come_and_go() {
        let settings = settings(Disturbance::Churn { subscribers: 2, rate: 4 });
        let mut schedule = Schedule::new(&settings, &(1_000_000_000..2_000_000_000));
        let steps: Vec<_> = std::iter::from_fn(|| Some((schedule.due_ns(), schedule.take(u64::MAX)?))).collect();
        let expected = [(1000, 8), (1250, 9), (1500, 8), (1750, 9)];
        assert_eq!(steps, expected.map(|(ms, who)| (ms * 1_000_000, Step::Return(who..who + 1))));
        assert_eq!(schedule.due_ns(), u64::MAX);
    }

    #[test]
    fn the_hostile_stall_trickle_and_visit_in_the_order_of_time() {
        let settings = settings(Disturbance::Hostile { stalled: 1, trickling: 2, arrivals: 2 });
        let mut schedule = Schedule::new(&settings, &(0..1_500_000_000));
        let steps: Vec<_> =
            std::iter::from_fn(|| Some((schedule.due_ns() / 1_000_000, schedule.take(u64::MAX)?))).collect();
        let (slow, trickling) = (7..10, 8..10);
        let expected = [
            (0, Step::StopReading(slow.clone())),
            (500, Step::Arrive),
            (1000, Step::Trickle(trickling)),
            (1000, Step::Arrive),
            (1500, Step::Read(slow)),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_step_waits_for_its_time() {
        let settings = settings(Disturbance::Storm { at_seconds: 0.5 });
        let mut schedule = Schedule::new(&settings, &(0..1_000_000_000));
        assert_eq!(schedule.take(499_999_999), None);
        assert_eq!(schedule.take(500_000_000), Some(Step::Break(0..10)));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let refused = [
            settings(Disturbance::Churn { subscribers: 10, rate: 1 }),
            settings(Disturbance::Churn { subscribers: 1, rate: 0 }),
            settings(Disturbance::Stall { subscribers: 0 }),
            settings(Disturbance::Hostile { stalled: 5, trickling: 5, arrivals: 1 }),
            settings(Disturbance::Hostile { stalled: 1, trickling: 1, arrivals: 0 }),
            settings(Disturbance::Storm { at_seconds: 1.0 }),
            settings(Disturbance::Storm { at_seconds: f64::NAN }),
            Settings { protocol: Protocol::Plain, ..settings(Disturbance::Storm { at_seconds: 0.5 }) },
            Settings { load: Load::Saturate { in_flight: 8 }, ..settings(Disturbance::Stall { subscribers: 1 }) },
        ];
        for settings in refused {
            assert!(matches!(settings.check(), Err(Error::Setting { .. })), "{settings:?}");
        }
        assert!(settings(Disturbance::Stall { subscribers: 9 }).check().is_ok());
    }
}
