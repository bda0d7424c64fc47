//! Rates that rise geometrically, up to the greatest one that a server sustains.

use crate::interruption::is_interrupted;
use crate::report::figures::{float, whole};
use crate::run::measure;
use crate::{Error, Load, Progress, Report, Settings};
use corecast_command::figures::{scaled, three_digits, time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The rates of a ramp, and the latency that a step must hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampPlan {
    /// The messages a second of the first step.
    pub first_rate: u64,
    /// The factor between two consecutive rates.
    pub factor: f64,
    /// The rate that no step exceeds.
    pub max_rate: u64,
    /// The greatest p99 of the latency at which a step holds, in microseconds.
    pub p99_bound_us: f64,
}

/// The steps of a ramp, and the knee.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// The plan.
    pub ramp: RampPlan,
    /// One run for each rate, in order.
    pub steps: Vec<Report>,
    /// The rate of the last step that held; none if none did.
    pub knee: Option<u64>,
}

/// The least percentage of the offered messages that a step must achieve.
const ACHIEVED_PERCENT: u64 = 99;
/// The number of consecutive failed steps after which the ramp ends. A single one may be an accident of the machine.
const FAILURES: usize = 2;

impl RampPlan {
    fn check(self) -> Result<(), Error> {
        let rates = 1..=Load::MAX_RATE;
        if !rates.contains(&self.first_rate) || !rates.contains(&self.max_rate) {
            return Err(Error::setting("ramp", format!("rates from 1 to {} are possible", Load::MAX_RATE)));
        }
        if !(1.01..=100.0).contains(&self.factor) {
            return Err(Error::setting("ramp", "a factor from 1.01 to 100 is possible"));
        }
        if !self.p99_bound_us.is_finite() || self.p99_bound_us <= 0.0 {
            return Err(Error::setting("ramp", "the bound of the p99 must be above zero"));
        }
        Ok(())
    }

    /// Returns the rates, rounded down.
    fn rates(self) -> impl Iterator<Item = u64> {
        // Every step is above the one before, however small the factor is.
        let next = move |rate: &u64| Some((whole(float(*rate) * self.factor) as u64).max(rate + 1));
        std::iter::successors(Some(self.first_rate), next).take_while(move |rate| *rate <= self.max_rate)
    }

    /// Returns true if a step holds: every check, the schedule, the rate and the bound.
    fn holds(self, step: &Report) -> bool {
        let messages = &step.messages;
        step.passed()
            && step.validity.valid
            && messages.achieved * 100 >= messages.offered * ACHIEVED_PERCENT
            && step.latency_us.p99 <= self.p99_bound_us
    }
}

/// Returns the last step that holds.
fn knee(held: &[bool]) -> Option<usize> {
    held.iter().rposition(|held| *held)
}

/// Returns true if the ramp is over.
fn is_over(held: &[bool]) -> bool {
    held.len() >= FAILURES && held[held.len() - FAILURES..].iter().all(|held| !held)
}

impl Ramp {
    /// Runs one step after the other; `settings` has everything except the rate. `on_step` is called with each step's
    /// number and rate as it begins, and `on_progress` with its progress.
    ///
    /// # Errors
    /// The ramp cannot be run, or a step produced no report, for example because the server ended a publisher's
    /// connection.
    pub fn run(
        settings: &Settings,
        plan: RampPlan,
        mut on_step: impl FnMut(usize, u64),
        mut on_progress: Option<impl FnMut(Progress)>,
    ) -> Result<Self, Error> {
        plan.check()?;
        let mut steps: Vec<Report> = Vec::new();
        let mut held = Vec::new();
        for rate in plan.rates() {
            on_step(steps.len() + 1, rate);
            let settings = Settings { load: Load::Paced { rate }, ..settings.clone() };
            let step = match measure(&settings, on_progress.as_mut()) {
                Err(Error::Interrupted) if !steps.is_empty() => break,
                step => step?.report,
            };
            held.push(plan.holds(&step));
            steps.push(step);
            if is_over(&held) || is_interrupted() {
                break;
            }
        }
        let knee = knee(&held).and_then(|nth| plan.rates().nth(nth));
        Ok(Self { ramp: plan, steps, knee })
    }

    /// Returns true if any step held.
    pub fn passed(&self) -> bool {
        self.knee.is_some()
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_header(out)?;
        for (step, rate) in self.steps.iter().zip(self.ramp.rates()) {
            write_step(out, rate, step, &self.verdict(step))?;
        }
        match self.knee {
            Some(rate) => {
                writeln!(out, "knee        {rate} messages a second (p99 up to {})", time(self.ramp.p99_bound_us))
            }
            None => writeln!(out, "knee        none: the first rate is too high"),
        }
    }
}

/// Writes the header line above the figures of [`write_step`].
pub(crate) fn write_header(out: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        out,
        "{:>10} {:>8} {:>13} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "messages/s", "achieved", "deliveries/s", "p50", "p99", "p99.9", "complete", "CPU/delivery"
    )
}

/// Writes the figures of a run at a rate on one line.
pub(crate) fn write_step(out: &mut fmt::Formatter<'_>, rate: u64, step: &Report, verdict: &str) -> fmt::Result {
    let achieved = 100.0 * float(step.messages.achieved) / float(step.messages.offered.max(1));
    let cpu = step.server.map_or("-".to_owned(), |server| format!("{} µs", three_digits(server.cpu_us_per_delivery)));
    let latency = &step.latency_us;
    writeln!(
        out,
        "{rate:>10} {achieved:>6.1} % {:>13} {:>9} {:>9} {:>9} {:>9} {cpu:>12}  {verdict}",
        scaled(step.deliveries.measured_per_second),
        time(latency.p50),
        time(latency.p99),
        time(latency.p999),
        time(step.completion_us.p99),
    )
}

impl Ramp {
    fn verdict(&self, step: &Report) -> String {
        if self.ramp.holds(step) {
            return "holds".to_owned();
        }
        if !step.checks.all_held() {
            return step.checks.to_string();
        }
        match step.validity.reasons.first() {
            Some(reason) => format!("INVALID: {reason}"),
            None => "p99 over the bound".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_rise_to_the_last_one_allowed() {
        let rates = |first_rate, factor, max_rate| {
            RampPlan { first_rate, factor, max_rate, p99_bound_us: 1.0 }.rates().collect::<Vec<_>>()
        };
        assert_eq!(rates(100, 2.0, 1000), [100, 200, 400, 800]);
        assert_eq!(rates(1, 1.01, 4), [1, 2, 3, 4]);
        assert_eq!(rates(5, 2.0, 4), [0; 0]);
    }

    #[test]
    fn the_knee_is_the_last_step_that_holds() {
        assert_eq!(knee(&[]), None);
        assert_eq!(knee(&[false, false]), None);
        assert_eq!(knee(&[true, true, false, false]), Some(1));
        assert_eq!(knee(&[true, false, true, false, false]), Some(2), "one failure may be an accident");
    }

    #[test]
    fn a_plan_that_makes_no_sense_is_refused() {
        let sound = RampPlan { first_rate: 1, factor: 2.0, max_rate: 8, p99_bound_us: 1.0 };
        assert!(sound.check().is_ok());
        let wrong = [
            RampPlan { first_rate: 0, ..sound },
            RampPlan { max_rate: Load::MAX_RATE + 1, ..sound },
            RampPlan { factor: 1.0, ..sound },
            RampPlan { factor: f64::NAN, ..sound },
            RampPlan { p99_bound_us: 0.0, ..sound },
            RampPlan { p99_bound_us: f64::NAN, ..sound },
        ];
        for plan in wrong {
            assert!(plan.check().is_err(), "{plan:?}");
        }
    }

    proptest! {
        #[test]
        fn a_ramp_ends_behind_its_knee(held in prop::collection::vec(any::<bool>(), 0..50)) {
            let end = (1..=held.len()).find(|end| is_over(&held[..*end])).unwrap_or(held.len());
            let steps = &held[..end];
            match knee(steps) {
                Some(nth) => {
                    prop_assert!(steps[nth] && steps[nth + 1..].iter().all(|held| !held));
                    prop_assert!(steps.len() - nth - 1 <= FAILURES);
                }
                None => prop_assert!(steps.len() <= FAILURES && steps.iter().all(|held| !held)),
            }
        }
    }
}
