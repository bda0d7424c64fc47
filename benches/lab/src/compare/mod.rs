//! `corecast-bench compare`: contestants in turns under the same load.
//!
//! Two forms share the load and the runner: a table of many contestants ([`table`]), and A against B with verdicts
//! ([`pair`]). A [`suite`] is a file of such comparisons.

mod contestant;
mod load;
mod pair;
mod ramps;
mod rungs;
mod suite;
mod table;

use std::ffi::OsString;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use corecast_loadgen::{self as loadgen, Comparison, Contestant, Origin, Plan, ServerProcess};
use corecast_report::{Entry, Results, Run};

use crate::interrupt::Interrupt;
use crate::live::Live;
use crate::program::is_program;
use crate::run::explain;
use corecast_command::OutputFile;
use corecast_command::SetupError;
use load::LoadArguments;
use pair::PairArguments;
use suite::SuiteArguments;
use table::TableArguments;

/// The maximum time for a running server to accept a connection before anything is measured.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The flags of `corecast-bench compare`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    table: TableArguments,

    #[command(flatten)]
    pair: PairArguments,

    #[command(flatten)]
    load: LoadArguments,

    #[command(flatten)]
    suite: SuiteArguments,

    /// Write all reports to this file as JSON, which 'corecast-bench report' reads.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
}

impl Arguments {
    /// Returns the plan of what is measured.
    ///
    /// # Errors
    /// A contestant or the load is not possible as requested.
    fn plan(&self) -> anyhow::Result<Plan> {
        match self.pair.a() {
            Some(a) => self.pair.plan(a, &self.load).map(|(plan, _)| plan),
            None => self.table.plan(&self.load),
        }
    }

    fn form(&self) -> Form {
        if self.pair.a().is_some() { Form::Pair } else { Form::Table }
    }

    /// Measures and prints one comparison. Returns true if every check and requirement held and the figures can be
    /// used.
    fn compare(&self, json: Option<OutputFile>, checked: &mut Checked) -> anyhow::Result<bool> {
        match self.pair.a() {
            Some(a) => self.pair.run(a, &self.load, json, checked),
            None => self.table.run(&self.load, json, checked),
        }
    }
}

/// Measures and prints the outcome. Succeeds if every check and requirement held and the figures can be used. A suite
/// reads the command line again for each of its comparisons.
pub(crate) fn run(arguments: &Arguments, command_line: &[OsString]) -> anyhow::Result<ExitCode> {
    let json = arguments.json.as_deref().map(OutputFile::open).transpose()?;
    let interrupt = Interrupt::watch()?;
    let held = arguments.suite.run(command_line);
    interrupt.exit_code_of(held.unwrap_or_else(|| arguments.compare(json, &mut Checked::default())))
}

/// The outcome of a plan.
struct Measured {
    results: Results,
    /// True if every check held.
    passed: bool,
    /// The reason why the plan ended early.
    ended: Option<loadgen::Error>,
}

impl Measured {
    /// Returns an error if the plan was not completed. By then its measurements have been shown and written.
    fn through(self) -> anyhow::Result<()> {
        self.ended.map_or(Ok(()), |error| Err(explain(error).context("the comparison ended early")))
    }
}

/// Runs a plan, and shows its progress on a terminal.
///
/// # Errors
/// Nothing could be measured.
fn measure(plan: &Plan, form: Form, load: &LoadArguments, checked: &mut Checked) -> anyhow::Result<Measured> {
    if plan.loads.is_empty() || plan.contestants.is_empty() {
        return Err(SetupError("with --rate 0 and --closed-loop 0 nothing is left to measure".to_owned()).into());
    }
    checked.check(plan, form)?;
    let live = Live::on_terminal();
    let (mut results, ended) = match load.ramp()? {
        Some(ramp) => ramps::run(plan, ramp, live.as_ref())?,
        None => in_turns(plan, live.as_ref())?,
    };
    live.inspect(Live::clear);
    let passed = results.passed();
    let ended = match ended {
        Some(error) if results.first_run().is_none() => return Err(explain(error)),
        ended => ended,
    };
    if load.keep_invalid {
        results.entries.iter_mut().flat_map(|entry| &mut entry.runs).for_each(Run::keep);
    }
    Ok(Measured { results, passed, ended })
}

/// The results of a plan, and the error that ended it early.
type Outcome = (Results, Option<loadgen::Error>);

/// Runs every load of a plan on every contestant.
fn in_turns(plan: &Plan, live: Option<&Live>) -> anyhow::Result<Outcome> {
    let total = plan.rounds * plan.loads.len() * plan.contestants.len();
    let mut measurement = 0;
    let on_run = |_round, contestant: &Contestant, load| {
        measurement += 1;
        live.inspect(|live| live.head(&format!("{measurement} of {total}: {}, {load}", contestant.name)));
    };
    let (comparison, outcome) = Comparison::run(plan, on_run, live.map(|live| |progress| live.show(&progress)));
    let results = serde_json::to_value(&comparison).and_then(serde_json::from_value);
    Ok((results.context("the results of the load")?, outcome.err()))
}

/// Reports if less than half of a contestant's rounds are left, because its figures are then not a result.
fn mostly_left_out(entry: &Entry) -> Option<String> {
    let all = entry.runs.len();
    let used = entry.runs.iter().filter(|run| run.usable()).count();
    let few = !entry.mostly_usable() && all > 0;
    few.then(|| {
        let Entry { name, load, .. } = entry;
        format!("\n{name}, {load}: usable rounds: {used} of {all}, too few for a result (--keep-invalid uses all)\n")
    })
}

/// The form of a comparison, which decides which flag names a contestant.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// `--policies` and `--peer`.
    Table,
    /// `--a` and `--b`.
    Pair,
}

impl Form {
    /// Returns the flag that names the contestant at this index of a plan.
    fn flag_of(self, index: usize, contestant: &Contestant) -> &'static str {
        match (self, index, &contestant.origin) {
            (Self::Pair, 0, _) => "--a",
            (Self::Pair, ..) => "--b",
            (Self::Table, _, Origin::Started(_)) => "--policies",
            (Self::Table, _, Origin::Running { .. }) => "--peer",
        }
    }
}

/// Checks that a contestant can be measured, before another one is. A server that is to be started is started once, so
/// that its own refusal of a flag is the error.
fn check(contestant: &Contestant) -> Result<(), String> {
    let name = &contestant.name;
    match &contestant.origin {
        Origin::Running { address, .. } => TcpStream::connect_timeout(address, CONNECT_TIMEOUT)
            .map(drop)
            .map_err(|error| format!("{name} at {address}: {error}")),
        Origin::Started(options) => {
            let program = options.binary.display();
            is_program(&options.binary)
                .map_err(|error| format!("{program}: {error} (see --corecast, --a-bin and --b-bin)"))?;
            ServerProcess::start(options).map(drop).map_err(|error| format!("'{name}': {}", refusal(&error)))
        }
    }
}

/// Returns the last words of a server that does not start, without its own name before them, or else the whole error.
fn refusal(error: &loadgen::Error) -> String {
    let text = error.to_string();
    let said = text.lines().skip(1).last().map(str::trim);
    said.map_or(text.as_str(), |said| said.strip_prefix("corecast: ").unwrap_or(said)).to_owned()
}

/// The contestants that were checked successfully, so that each is checked only once.
#[derive(Debug, Default)]
struct Checked(Vec<Origin>);

impl Checked {
    /// Checks each contestant of a plan that was not checked yet.
    ///
    /// # Errors
    /// One of them cannot be measured.
    fn check(&mut self, plan: &Plan, form: Form) -> Result<(), SetupError> {
        for (index, contestant) in plan.contestants.iter().enumerate() {
            if !self.0.contains(&contestant.origin) {
                let flag = form.flag_of(index, contestant);
                check(contestant).map_err(|reason| SetupError(format!("{flag}: {reason}")))?;
                self.0.push(contestant.origin.clone());
            }
        }
        Ok(())
    }
}
