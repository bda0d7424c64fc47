//! `corecast compare`: contestants in turns under the same load.
//!
//! Two forms share the load and the runner: a table of many ([`table`]), and A against B with
//! verdicts ([`pair`]).

mod contestant;
mod load;
mod pair;
mod rungs;
mod table;

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use corecast_figures::counted;
use corecast_loadgen::{self as loadgen, Comparison, Contestant, Origin, Plan};
use corecast_report::{Entry, Results, Run};

use crate::bench::explain;
use crate::command_line::SetupError;
use crate::interrupt::Interrupt;
use crate::live::Live;
use crate::output::OutputFile;
use load::LoadArguments;
use pair::PairArguments;
use table::TableArguments;

/// How long a server that runs already may take to accept a connection before anything is measured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Measures, prints what came of it, and succeeds if every check and requirement held and the figures can be used.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { table, pair, load, json } = arguments;
    let json = json.as_deref().map(OutputFile::open).transpose()?;
    let interrupt = Interrupt::watch()?;
    let held = match pair.a() {
        Some(a) => pair.run(a, &load, json),
        None => table.run(&load, json),
    };
    interrupt.exit_code_of(held)
}

/// What a plan gave.
struct Measured {
    results: Results,
    /// Whether every check held.
    passed: bool,
    /// Why it ended before it was through.
    ended: Option<loadgen::Error>,
}

impl Measured {
    /// An error if the plan was not carried out: what was measured of it has been shown and written by then.
    fn through(self) -> anyhow::Result<()> {
        self.ended.map_or(Ok(()), |error| Err(explain(error).context("the comparison ended early")))
    }
}

/// Runs a plan and shows on a terminal how far it is.
///
/// # Errors
/// Nothing at all could be measured.
fn measure(plan: &Plan, load: &LoadArguments) -> anyhow::Result<Measured> {
    if plan.loads.is_empty() || plan.contestants.is_empty() {
        return Err(SetupError("with --rate 0 and --closed-loop 0 nothing is left to measure".to_owned()).into());
    }
    plan.contestants.iter().try_for_each(is_there)?;
    let total = plan.rounds * plan.loads.len() * plan.contestants.len();
    let mut measurement = 0;
    let live = Live::on_terminal();
    let live = live.as_ref();
    let on_run = |_round, contestant: &Contestant, load| {
        measurement += 1;
        live.inspect(|live| live.head(&format!("{measurement} of {total}: {}, {load}", contestant.name)));
    };
    let (comparison, outcome) = Comparison::run(plan, on_run, live.map(|live| |progress| live.show(&progress)));
    live.inspect(|live| live.clear());
    let ended = match outcome {
        Err(error) if comparison.entries.iter().all(|entry| entry.reports.is_empty()) => return Err(explain(error)),
        outcome => outcome.err(),
    };
    let results = serde_json::to_value(&comparison).and_then(serde_json::from_value);
    let mut results: Results = results.context("the results of the load")?;
    if load.keep_invalid {
        results.entries.iter_mut().flat_map(|entry| &mut entry.runs).for_each(Run::keep);
    }
    Ok(Measured { results, passed: comparison.passed(), ended })
}

/// Says so if less than half of a contestant's rounds are left: its figures are no result.
fn mostly_left_out(entry: &Entry) -> Option<String> {
    let all = entry.runs.len();
    let used = entry.runs.iter().filter(|run| run.usable()).count();
    let few = !entry.mostly_usable() && all > 0;
    few.then(|| {
        let Entry { name, load, .. } = entry;
        format!(
            "\n{name}, {load}: {used} of {} are usable, too few for a result (--keep-invalid uses all)\n",
            counted(all, "round")
        )
    })
}

/// Whether a contestant can be measured at all, which is found before another one is.
fn is_there(contestant: &Contestant) -> Result<(), SetupError> {
    let found = match &contestant.origin {
        Origin::Running { address, .. } => TcpStream::connect_timeout(address, CONNECT_TIMEOUT)
            .map(drop)
            .map_err(|error| format!("{} at {address}: {error}", contestant.name)),
        Origin::Started(options) => is_program(&options.binary)
            .map_err(|error| format!("{}: {error} (see --bin, --a-bin and --b-bin)", options.binary.display())),
    };
    found.map_err(SetupError)
}

/// Returns an error if the program does not exist. A bare name is looked up on the PATH, as it is at the start.
fn is_program(binary: &Path) -> io::Result<()> {
    let is_bare = binary.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    if !is_bare {
        return fs::metadata(binary).map(drop);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = !binary.as_os_str().is_empty() && std::env::split_paths(&path).any(|dir| dir.join(binary).is_file());
    if is_there { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, "no such program on the PATH")) }
}
