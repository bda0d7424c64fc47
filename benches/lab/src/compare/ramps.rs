//! Ramps of several contestants in turns.

use anyhow::Context as _;
use corecast_loadgen::{self as loadgen, Plan, Ramp, RampPlan, interruption};
use corecast_report::{Entry, Load, Results, Run};
use serde_json::json;
use std::sync::atomic::Ordering;

use super::Outcome;
use crate::live::Live;

/// Runs a ramp on each contestant, in as many rounds as the plan has; every other round runs in reverse order. An
/// interruption ends it after the current ramp.
///
/// # Errors
/// A report cannot be read back.
pub(super) fn run(plan: &Plan, ramp: RampPlan, live: Option<&Live>) -> anyhow::Result<Outcome> {
    let load: Load = serde_json::from_value(json!({ "ramp": ramp })).context("the load of a ramp")?;
    let entry = |contestant: &loadgen::Contestant| Entry {
        server: contestant.origin.to_string(),
        version: contestant.origin.version(),
        ..Entry::new(contestant.name.clone(), load.clone())
    };
    let entries = plan.contestants.iter().map(entry).collect();
    let mut results = Results { reference: plan.reference.clone(), entries };
    for round in 0..plan.rounds {
        let count = plan.contestants.len();
        for turn in 0..count {
            let turn = if round % 2 == 0 { turn } else { count - 1 - turn };
            let (contestant, entry) = (&plan.contestants[turn], &mut results.entries[turn]);
            let on_step = |step, rate| {
                let round = round + 1;
                live.inspect(|live| live.head(&format!("round {round}, {}, step {step}: {rate}/s", contestant.name)));
            };
            let measured = contestant.measured(&plan.settings, |settings| {
                Ramp::run(settings, ramp, on_step, live.map(|live| |progress| live.show(&progress)))
            });
            match measured {
                Ok((ramp, unclean)) => {
                    let run = Run::try_from(serde_json::to_value(&ramp)?).map_err(anyhow::Error::msg)?;
                    entry.runs.push(run);
                    entry.unclean_ends.extend(unclean);
                }
                Err(error) => {
                    entry.unclean_ends.push(format!("round {} was not measured: {error}", round + 1));
                    return Ok((results, Some(error)));
                }
            }
            if interruption().load(Ordering::Relaxed) {
                return Ok((results, Some(loadgen::Error::Interrupted)));
            }
        }
    }
    Ok((results, None))
}
