//! `corecast doctor`: examines the host settings that a server depends on, and names the command that fixes each
//! problem.

mod examine;
mod machine;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use corecast_engine::Limits;
use serde::Serialize;

use crate::settings::GREATEST_COUNT;
use corecast_command::SetupError;
use corecast_command::count;
use corecast_command::cpus::{self, CpuRange, MAX_SHARDS};
use corecast_command::print;
use corecast_command::{MAX_TEXT, printable, printable_json};
use examine::{Finding, Wanted, examine};
use machine::Machine;

/// The flags of `corecast doctor`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// CPUs to check, as in serve --cpus.
    #[arg(long, env = "CORECAST_CPUS", value_name = "LIST", value_delimiter = ',')]
    cpus: Vec<CpuRange>,

    /// Number of shards to check for, as in serve --shards.
    #[arg(long, env = "CORECAST_SHARDS", value_name = "COUNT", value_parser = count(1..=MAX_SHARDS as u64))]
    shards: Option<usize>,

    /// Connections to check for, as in serve --max-connections.
    #[arg(
        long,
        env = "CORECAST_MAX_CONNECTIONS",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().max_connections
    )]
    connections: usize,

    /// Print a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// The effect of a finding on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Error,
}

#[derive(Serialize)]
struct Report<'a> {
    worst: Level,
    findings: &'a [Finding],
}

/// Examines this machine. The exit code is 1 if a server cannot run as requested.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let allowed = cpus::allowed()?;
    let shards = cpus::place(&arguments.cpus, arguments.shards, &allowed).map_err(SetupError)?;
    let machine = Machine::read(Path::new("/"));
    let findings = examine(&machine, &Wanted { cpus: shards, connections: arguments.connections });
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let text = if arguments.json {
        printable_json(&serde_json::to_string_pretty(&Report { worst, findings: &findings })?).into_owned() + "\n"
    } else {
        findings.iter().map(describe).collect()
    };
    print(&text)?;
    Ok(if worst == Level::Error { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Formats a finding as a line, followed by an explanation and a fix unless all is well.
fn describe(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    // Parts of the text come from system files.
    let found = format!("{level:<8} {:<18} {}\n", finding.check, printable(&finding.found, MAX_TEXT));
    if finding.level == Level::Ok {
        return found;
    }
    let why = format!("{:27} why: {}\n", "", finding.why);
    let mend = finding.mend.iter().map(|mend| format!("{:27} do:  {mend}\n", ""));
    [found, why].into_iter().chain(mend).collect()
}
