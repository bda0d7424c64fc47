//! `corecast compare`: contestants in turns under the same load.
//!
//! Two forms share the load and the runner: a table of many ([`table`]), and A against B with
//! verdicts ([`pair`]).

mod contestant;
mod load;
mod pair;
mod rungs;
mod table;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use corecast_loadgen::{Comparison, Plan};
use corecast_report::Results;

use crate::bench::explain;
use crate::command_line::SetupError;
use load::LoadArguments;
use pair::PairArguments;
use table::TableArguments;

/// The flags of `corecast compare`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    table: TableArguments,

    #[command(flatten)]
    pair: PairArguments,

    #[command(flatten)]
    load: LoadArguments,

    /// Write all reports to this file as JSON, which 'corecast report' reads.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
}

/// Measures, prints what came of it, and succeeds if every check and requirement held.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { table, pair, load, json } = arguments;
    let json = json.as_deref();
    let held = match pair.a() {
        Some(a) => pair.run(a, &load, json)?,
        None => table.run(&load, json)?,
    };
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a plan and says on standard error how far it is. Also whether every check held.
fn measure(plan: &Plan) -> anyhow::Result<(Results, bool)> {
    if plan.loads.is_empty() || plan.contestants.is_empty() || plan.rounds == 0 {
        return Err(SetupError("nothing is left to measure".to_owned()).into());
    }
    let total = plan.rounds * plan.loads.len() * plan.contestants.len();
    let mut measurement = 0;
    let comparison = Comparison::run(plan, |_round, contestant, load| {
        measurement += 1;
        eprintln!("{measurement} of {total}: {}, {load}", contestant.name);
    });
    let comparison = comparison.map_err(explain)?;
    let results = serde_json::from_value(serde_json::to_value(&comparison)?).context("the results of the load")?;
    Ok((results, comparison.passed()))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    serde_json::to_writer_pretty(file, value).with_context(|| format!("cannot write {}", path.display()))
}
