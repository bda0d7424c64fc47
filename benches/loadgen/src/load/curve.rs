//! Latency over the rate: one run at each of a list of rates.

use crate::interruption::is_interrupted;
use crate::load::ramp::{write_header, write_step};
use crate::run::measure;
use crate::{Error, Load, Progress, Report, Settings};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The rates of a curve, in messages a second, ascending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    rates: Vec<u64>,
}

/// The runs at each rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The requested rates.
    pub curve: Rates,
    /// One run for each rate, in order; fewer if the curve was interrupted.
    pub steps: Vec<Report>,
}

impl Rates {
    /// The most rates of a curve.
    pub const MAX: usize = 64;

    /// Returns an error that describes the first fault in the rates.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=Self::MAX).contains(&self.rates.len()) {
            return Err(format!("curve: 1 to {} rates are possible", Self::MAX));
        }
        if self.rates.iter().any(|rate| !(1..=Load::MAX_RATE).contains(rate)) {
            return Err(format!("curve: rates from 1 to {} are possible", Load::MAX_RATE));
        }
        if self.rates.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("curve: each rate must be above the one before".to_owned());
        }
        Ok(())
    }

    /// Returns the loads, one for each rate.
    pub fn loads(&self) -> impl Iterator<Item = Load> {
        self.rates.iter().map(|rate| Load::Paced { rate: *rate })
    }
}

impl Curve {
    /// Runs one rate after the other; `settings` has everything except the load. `on_step` is called with each step's
    /// number and load as it begins, and `on_progress` with its progress.
    ///
    /// # Errors
    /// A step produced no report, for example because the server ended a publisher's connection.
    pub fn run(
        settings: &Settings,
        curve: Rates,
        mut on_step: impl FnMut(usize, Load),
        mut on_progress: Option<impl FnMut(Progress)>,
    ) -> Result<Self, Error> {
        let mut steps = Vec::new();
        for load in curve.loads() {
            on_step(steps.len() + 1, load);
            let settings = Settings { load, ..settings.clone() };
            match measure(&settings, on_progress.as_mut()) {
                Err(Error::Interrupted) if !steps.is_empty() => break,
                step => steps.push(step?.report),
            }
            if is_interrupted() {
                break;
            }
        }
        Ok(Self { curve, steps })
    }

    /// Returns true if every rate was measured, every check held, and all figures are valid.
    pub fn passed(&self) -> bool {
        self.steps.len() == self.curve.rates.len() && self.steps.iter().all(|step| step.passed() && step.validity.valid)
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_header(out)?;
        for (step, rate) in self.steps.iter().zip(&self.curve.rates) {
            write_step(out, *rate, step, &verdict(step))?;
        }
        Ok(())
    }
}

/// Returns `held`, or the reason why the figures of a step must not be used.
fn verdict(step: &Report) -> String {
    match step.validity.reasons.first() {
        _ if !step.checks.all_held() => step.checks.to_string(),
        Some(reason) => format!("INVALID: {reason}"),
        None if step.passed() => "held".to_owned(),
        None => "FAILED".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_that_makes_no_sense_is_refused() {
        let check = |rates: &[u64]| Rates { rates: rates.to_vec() }.check();
        assert_eq!(check(&[250, 1000]), Ok(()));
        let over = Load::MAX_RATE + 1;
        let many: Vec<u64> = (1..=65).collect();
        for (rates, reason) in [
            (&[][..], "1 to 64 rates"),
            (&many, "1 to 64 rates"),
            (&[0, 5], "from 1 to 1000000"),
            (&[5, over], "from 1 to 1000000"),
            (&[5, 5], "above the one before"),
            (&[7, 5], "above the one before"),
        ] {
            assert!(check(rates).is_err_and(|error| error.contains(reason)), "{rates:?}");
        }
    }
}
