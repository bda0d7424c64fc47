//! `corecast-bench scenarios`: the built-in scenarios and their files.

use std::process::ExitCode;

use clap::Args;
use corecast_command::{SetupError, print};
use corecast_loadgen::{builtin_scenario, builtin_scenarios};

/// The arguments of `corecast-bench scenarios`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print the file of this scenario.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Prints the list, or one file.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.name {
        Some(name) => print(builtin_scenario(name).ok_or_else(|| unknown(name))?)?,
        None => print(&list())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> String {
    let lines: Vec<String> = builtin_scenarios().map(|(name, summary)| format!("{name:<9} {summary}\n")).collect();
    lines.concat()
}

fn unknown(name: &str) -> SetupError {
    let names: Vec<&str> = builtin_scenarios().map(|(name, _)| name).collect();
    SetupError(format!("unknown scenario '{name}'; expected one of {}", names.join(", ")))
}
