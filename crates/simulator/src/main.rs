//! `corecast-simulate` runs scenarios by their seeds. It shrinks the first one that fails to the steps needed for the
//! failure, and prints it with the command that replays it.
//!
//! Prints progress on standard error, about every twentieth part of the way. Exits with 1 on a failure.
#![forbid(unsafe_code)]

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use corecast_baselines::Handoff::{Direct, Owner};
use corecast_baselines::{Directory, Handoff, MutexDirectory, SnapshotDirectory, SubjectorDirectory};
use corecast_simulator::{
    Failure, PolicyFactory, Report, Scenario, ShardedFactory, SharedFactory, Transport, run, shrink,
};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Runs many shards in one thread, each scenario from its seed, and checks the promises at every step.
#[derive(Debug, Parser)]
#[command(name = "corecast-simulate")]
struct Arguments {
    /// Number of seeds to run.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    seeds: u64,

    /// First seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// Replay this seed alone, and print its steps.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,

    /// Steps of each scenario. A shorter one has the first steps of a longer one, then its end.
    #[arg(long, value_name = "COUNT", default_value_t = 250)]
    steps: usize,

    /// Replay only the steps with these numbers.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', requires = "seed")]
    only: Vec<usize>,

    /// Policy to run; all of them by default.
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
}

/// The policies whose registry needs no executor. The other policies differ only in parts that the engine has and the
/// simulator does not.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    Sharded,
    Mutex,
    MutexByOwner,
    Snapshot,
    SnapshotByOwner,
    SubjectorSpin,
    SubjectorMutex,
    SubjectorAlone,
    SubjectorAloneByOwner,
}

/// An action on a policy factory of any type.
trait Act<T> {
    fn on(self, factory: &impl PolicyFactory) -> T;
}

struct Run<'a>(&'a Scenario);

impl Act<Result<Report, Failure>> for Run<'_> {
    fn on(self, factory: &impl PolicyFactory) -> Result<Report, Failure> {
        run(factory, self.0)
    }
}

struct Shrink(Scenario, Failure);

impl Act<(Scenario, Failure)> for Shrink {
    fn on(self, factory: &impl PolicyFactory) -> (Scenario, Failure) {
        shrink(factory, self.0, self.1)
    }
}

impl Policy {
    fn name(self) -> String {
        self.to_possible_value().expect("none is skipped").get_name().to_owned()
    }

    fn act<T>(self, act: impl Act<T>) -> T {
        match self {
            Self::Sharded => act.on(&ShardedFactory),
            Self::Mutex => act.on(&shared(MutexDirectory::default, Direct)),
            Self::MutexByOwner => act.on(&shared(MutexDirectory::default, Owner)),
            Self::Snapshot => act.on(&shared(SnapshotDirectory::default, Direct)),
            Self::SnapshotByOwner => act.on(&shared(SnapshotDirectory::default, Owner)),
            Self::SubjectorSpin => act.on(&shared(SubjectorDirectory::spin, Direct)),
            Self::SubjectorMutex => act.on(&shared(SubjectorDirectory::mutex, Direct)),
            Self::SubjectorAlone => act.on(&shared(SubjectorDirectory::alone, Direct)),
            Self::SubjectorAloneByOwner => act.on(&shared(SubjectorDirectory::alone, Owner)),
        }
    }
}

fn shared<D: Directory<Transport>, M: Fn() -> D>(directory: M, handoff: Handoff) -> SharedFactory<M> {
    SharedFactory { directory, handoff }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let policies = arguments.policy.map_or_else(|| Policy::value_variants().to_vec(), |policy| vec![policy]);
    if let Some(seed) = arguments.seed {
        return replay(&arguments, seed, &policies);
    }
    // A panic is a finding like any other, and shrinking repeats it.
    std::panic::set_hook(Box::new(|_| ()));
    let end = arguments.first.checked_add(arguments.seeds).context("there are no seeds beyond 2^64 - 1")?;
    let mut total = Report::default();
    for seed in arguments.first..end {
        for policy in &policies {
            match policy.act(Run(&Scenario::new(seed, arguments.steps))) {
                Ok(report) => total += report,
                Err(failure) => {
                    print(&explain(*policy, Scenario::new(seed, arguments.steps), failure)?)?;
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        let done = seed - arguments.first + 1;
        if done.is_multiple_of((arguments.seeds / 20).max(1)) {
            eprintln!("{done} of {} seeds", arguments.seeds);
        }
    }
    print(&format!("{} seeds hold: {total}\n", arguments.seeds))?;
    Ok(ExitCode::SUCCESS)
}

fn replay(arguments: &Arguments, seed: u64, policies: &[Policy]) -> anyhow::Result<ExitCode> {
    let longest = arguments.only.iter().max().map_or(arguments.steps, |last| arguments.steps.max(last + 1));
    let mut scenario = Scenario::new(seed, longest);
    if !arguments.only.is_empty() {
        scenario = scenario.only(&arguments.only);
        if scenario.steps.is_empty() {
            bail!("no step has one of these numbers");
        }
    }
    let mut out = steps(&scenario)?;
    let mut outcome = ExitCode::SUCCESS;
    for policy in policies {
        match policy.act(Run(&scenario)) {
            Ok(report) => writeln!(out, "{}: holds: {report}", policy.name())?,
            Err(Failure { steps, violation }) => {
                writeln!(out, "{}: {violation}, after {steps} steps", policy.name())?;
                outcome = ExitCode::FAILURE;
            }
        }
    }
    print(&out)?;
    Ok(outcome)
}

/// Shrinks a failing seed, and returns the description of the failure.
fn explain(policy: Policy, scenario: Scenario, failure: Failure) -> anyhow::Result<String> {
    let (seed, name) = (scenario.seed, policy.name());
    let mut out = format!("seed {seed} on {name}: {}\n", failure.violation);
    writeln!(out, "replay: corecast-simulate --policy {name} --seed {seed} --steps {}", failure.steps)?;
    let (scenario, failure) = policy.act(Shrink(scenario, failure));
    let numbers: Vec<String> = scenario.steps.iter().map(|(number, _)| number.to_string()).collect();
    writeln!(out, "the least that breaks the same promise: {}", failure.violation)?;
    out.push_str(&steps(&scenario)?);
    let what = if numbers.is_empty() { "--steps 0".to_owned() } else { format!("--only {}", numbers.join(",")) };
    writeln!(out, "replay: corecast-simulate --policy {name} --seed {seed} {what}")?;
    Ok(out)
}

fn steps(scenario: &Scenario) -> anyhow::Result<String> {
    let mut out = format!("{:?}\n", scenario.settings);
    for (number, step) in &scenario.steps {
        writeln!(out, "{number:6} {step:?}")?;
    }
    Ok(out)
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).context("standard output")
}
