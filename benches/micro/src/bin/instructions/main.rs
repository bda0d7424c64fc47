//! Counts the instructions of the hot path and compares them with the baseline: `make bench-micro`.
//!
//! Callgrind, driven by gungraun, does the counting. This program installs it, reads the baseline and compares.
#![forbid(unsafe_code)]

mod baseline;
mod comparison;
mod conditions;
mod counts;
mod tools;

use anyhow::Context as _;
use baseline::Baseline;
use clap::Parser;
use comparison::Comparison;
use conditions::Conditions;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code if a benchmark has grown or is missing.
const EXIT_GROWN: u8 = 1;
/// The exit code if there is nothing to compare: a tool, a file or a benchmark does not work.
const EXIT_SETUP: u8 = 2;

/// Counts the instructions of each benchmark under callgrind and compares them with the baseline.
///
/// Exit code 0: nothing grew by more than the tolerance. 1: something did, or a benchmark of the baseline is
/// missing. 2: there is nothing to compare. Needs valgrind; installs its runner with cargo where it is missing.
#[derive(Debug, Parser)]
#[command(name = "instructions")]
struct Arguments {
    /// The counts to compare with
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.toml"))]
    #[arg(hide_default_value = true)]
    baseline: PathBuf,
    /// The percentage by which a benchmark may grow
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0, value_parser = percent)]
    tolerance: f64,
    /// Compare counts that were taken before, in the form that the runner writes with --output-format=json
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    /// Write the counts into the baseline instead of comparing them
    #[arg(long, conflicts_with = "counts")]
    write: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if percent >= 0.0 => Ok(percent),
        _ => Err("not a number of percent from 0".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::from(EXIT_SETUP)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let counts = if let Some(path) = &arguments.counts {
        let lines = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        counts::parse(&lines).with_context(|| format!("{} holds no counts", path.display()))?
    } else {
        tools::ensure_valgrind()?;
        counts::take(&tools::ensure_runner()?)?
    };
    let here = Conditions::here();
    if arguments.write {
        let written = counts.len();
        Baseline { conditions: here, instructions: counts }.write(&arguments.baseline)?;
        println!("{written} counts written to {}", arguments.baseline.display());
        return Ok(ExitCode::SUCCESS);
    }
    let baseline = Baseline::read(&arguments.baseline)?;
    let comparison = Comparison::new(&baseline.instructions, &counts, arguments.tolerance);
    print!("{comparison}");
    // Counts from a file may come from any machine.
    if arguments.counts.is_none() {
        for difference in baseline.conditions.differences(&here) {
            println!("The baseline was made elsewhere, which alone may change counts: {difference}.");
        }
    }
    Ok(if comparison.holds() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_GROWN) })
}
