//! A against B, or against an earlier measurement of A.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{ArgGroup, Args};
use corecast_loadgen::{Contestant, Host, Plan};
use corecast_report::{Baseline, Entry, Load, MIN_PAIRS, Metric, Requirement, Results, Verdict, shown};
use serde_json::{Map, Value};

use super::contestant::Spec;
use super::load::LoadArguments;
use super::{Checked, Form, measure, mostly_left_out};
use corecast_command::SetupError;
use corecast_command::{OutputFile, print};

/// The contestants A and B, and the requirements on A.
#[derive(Args, Debug)]
#[command(
    next_help_heading = "A against B",
    group = ArgGroup::new("against").args(["b", "baseline", "save_baseline"]).multiple(true)
)]
pub(crate) struct PairArguments {
    /// The contestant A, such as sharded or sharded,shards=2 or redis=127.0.0.1:6379,pid=123.
    #[arg(long, value_name = "SPEC", requires = "against")]
    #[arg(conflicts_with_all = ["policies", "peers", "reference"])]
    a: Option<Spec>,

    /// The contestant B, the baseline of the ratios.
    #[arg(long, value_name = "SPEC", requires = "a", conflicts_with = "baseline")]
    b: Option<Spec>,

    /// The program whose 'serve' is A [default: that of --corecast]
    #[arg(long, value_name = "FILE", requires = "a")]
    a_bin: Option<PathBuf>,

    /// The program whose 'serve' is B [default: that of --corecast]
    #[arg(long, value_name = "FILE", requires = "b")]
    b_bin: Option<PathBuf>,

    /// A bound for the median ratio A ÷ B, such as 'p99<=0.8', or for A's own fairness ('fairness<=1.25'); repeatable.
    #[arg(long = "require", value_name = "METRIC<=NUMBER", requires = "a")]
    requirements: Vec<Requirement>,

    /// Use the runs in this file as the baseline instead of B: runs of --save-baseline under the same load.
    #[arg(long, value_name = "FILE", requires = "a")]
    baseline: Option<PathBuf>,

    /// Write the runs of A to this file, to compare with later.
    #[arg(long, value_name = "FILE", requires = "a")]
    save_baseline: Option<PathBuf>,
}

/// The remark on ratios to a baseline.
const ACROSS_TIME: &str = "\
The baseline was measured at another time: its ratios also hold what has changed on this machine since, and say
less than those of A and B in turns.";

impl PairArguments {
    /// Returns A, if this form of the command was chosen.
    pub(super) fn a(&self) -> Option<&Spec> {
        self.a.as_ref()
    }

    /// Measures, saves the requested files, and prints. Returns true if every check and requirement held and the
    /// figures are valid.
    pub(super) fn run(
        &self,
        a: &Spec,
        load: &LoadArguments,
        json: Option<OutputFile>,
        checked: &mut Checked,
    ) -> anyhow::Result<bool> {
        let (plan, baseline) = self.plan(a, load)?;
        let name = plan.contestants[0].name.clone();
        let loads = plan.loads.iter().map(from_json).collect::<anyhow::Result<Vec<Load>>>()?;
        self.check_requirements(&loads)?;
        if let Some(baseline) = &baseline {
            let settings: Map<String, Value> = from_json(&plan.settings)?;
            baseline.check(&settings, &loads).map_err(|error| SetupError(error.to_string()))?;
        }

        let save_baseline = self.save_baseline.as_deref().map(OutputFile::open).transpose()?;

        let mut measured = measure(&plan, Form::Pair, load, checked)?;
        let results = &mut measured.results;
        let of_a: Vec<Entry> =
            results.entries.iter().filter(|entry| entry.name == name && !entry.runs.is_empty()).cloned().collect();
        if let Some(baseline) = &baseline {
            results.entries.extend(baseline.entries_under(&loads));
        }
        // The files come first, because the reader of standard output may have gone.
        let mut saved = String::new();
        if let Some(file) = save_baseline {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let baseline = Baseline::new(of_a, env!("CARGO_PKG_VERSION"), now);
            saved = format!("\nThe runs of {name} are in {}.\n", file.path().display());
            file.write(&serde_json::to_string_pretty(&baseline)?)?;
        }
        if let Some(file) = json {
            file.write(&serde_json::to_string_pretty(&results)?)?;
        }
        let mut text = format!("\n{results}\n{}", results.verdicts_text());
        if let Some(baseline) = &baseline {
            writeln!(text, "\n{}", remarks_on(baseline)?)?;
        }
        let held = self.judge(results, &name, &mut text)? & have_figures(results, &name) & measured.passed;
        text.extend(results.entries.iter().filter_map(mostly_left_out));
        print(&(text + &saved))?;
        measured.through()?;
        Ok(held)
    }

    /// Returns the plan of A and B under the load, with the baseline if A is divided by one.
    ///
    /// # Errors
    /// A contestant or the load is not possible as requested, or the baseline cannot be read.
    pub(super) fn plan(&self, a: &Spec, load: &LoadArguments) -> anyhow::Result<(Plan, Option<Baseline>)> {
        if load.ramp()?.is_some() {
            let reason = "--scenario: a ramp is compared in a table; name the contestants with --policies and --peer";
            return Err(SetupError(reason.to_owned()).into());
        }
        let baseline = self.baseline.as_deref().map(read_baseline).transpose()?;
        let (a, b) = self.contestants(a, load)?;
        let reference = b.as_ref().map(|b| b.name.clone()).or(baseline.as_ref().and_then(Baseline::name));
        let plan = load.plan([a].into_iter().chain(b).collect(), reference.unwrap_or_default(), MIN_PAIRS)?;
        Ok((plan, baseline))
    }

    fn contestants(&self, a: &Spec, load: &LoadArguments) -> anyhow::Result<(Contestant, Option<Contestant>)> {
        let (a_name, b_name) = self.names(a);
        let a = contestant(a_name, a, self.a_bin.clone(), "--a", load)?;
        let b = self.b.as_ref().map(|b| contestant(b_name, b, self.b_bin.clone(), "--b", load)).transpose()?;
        Ok((a, b))
    }

    /// Returns the specs, with their programs if those were named. The same spec twice is a valid question: it shows
    /// the differences that arise without any cause.
    fn names(&self, a: &Spec) -> (String, String) {
        let named = |spec: &Spec, binary: &Option<PathBuf>| match binary {
            Some(binary) => shown(&format!("{spec} of {}", binary.display())),
            None => shown(&spec.to_string()),
        };
        let a = named(a, &self.a_bin);
        let b = self.b.as_ref().map(|b| named(b, &self.b_bin)).unwrap_or_default();
        if a == b { (format!("{a} (A)"), format!("{b} (B)")) } else { (a, b) }
    }

    /// Rejects a requirement that no load could answer, before minutes are spent.
    fn check_requirements(&self, loads: &[Load]) -> Result<(), SetupError> {
        let is_divided = |requirement: &Requirement| !requirement.metric.is_ratio();
        if self.requirements.iter().any(is_divided) && self.b.is_none() && self.baseline.is_none() {
            return Err(SetupError("--require needs --b or --baseline to divide by".to_owned()));
        }
        let answered = |requirement: &Requirement| loads.iter().any(|load| requirement.metric.applies(load));
        match self.requirements.iter().find(|requirement| !answered(requirement)) {
            None => Ok(()),
            Some(requirement) => {
                let needed = match requirement.metric {
                    Metric::Deliveries => "--closed-loop",
                    Metric::Knee => "a ramp, which is compared in a table",
                    _ => "a --rate above 0",
                };
                Err(SetupError(format!("--require: '{requirement}' needs {needed}")))
            }
        }
    }

    /// Reports the outcome of each requirement under each load that it applies to. Returns true if all were kept.
    fn judge(&self, results: &Results, a: &str, text: &mut String) -> Result<bool, fmt::Error> {
        let mut held = true;
        for requirement in &self.requirements {
            let metric = requirement.metric;
            for entry in results.entries.iter().filter(|entry| entry.name == a && metric.applies(&entry.load)) {
                let reference = results.reference_under(&entry.load);
                let verdict = match reference {
                    _ if metric.is_ratio() => Verdict::of_one(metric, entry),
                    Some(reference) => Verdict::of(metric, entry, reference),
                    None => continue,
                };
                let judgement = requirement.judge(&verdict);
                writeln!(text, "{}; {}", judgement.text, entry.load)?;
                held &= judgement.held;
            }
        }
        Ok(held)
    }
}

/// Returns true if at least half of A's runs under each load are usable. With a reference, it counts pairs of runs
/// instead. Verdicts leave out the unusable ones.
fn have_figures(results: &Results, a: &str) -> bool {
    let have = |entry: &Entry| match results.reference_under(&entry.load) {
        Some(reference) => {
            let usable = entry.pairs(reference).filter(|(a, b)| a.usable() && b.usable()).count();
            usable > 0 && usable * 2 >= entry.pairs(reference).count()
        }
        None => entry.mostly_usable(),
    };
    results.entries.iter().filter(|entry| entry.name == a).all(have)
}

fn contestant(
    name: String,
    spec: &Spec,
    binary: Option<PathBuf>,
    flag: &str,
    load: &LoadArguments,
) -> anyhow::Result<Contestant> {
    match spec {
        Spec::Started(started) => Ok(load.server()?.contestant(name, started, binary)?),
        Spec::Running(_) if binary.is_some() => {
            Err(SetupError(format!("{flag}-bin: '{spec}' is a server that is already running")).into())
        }
        Spec::Running(running) => Ok(running.contestant(name)),
    }
}

fn read_baseline(path: &Path) -> anyhow::Result<Baseline> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| SetupError(format!("--baseline {file}: {error}")))?;
    Ok(Baseline::read(&file, &text).map_err(|error| SetupError(error.to_string()))?)
}

fn remarks_on(baseline: &Baseline) -> anyhow::Result<String> {
    let differences = baseline.host_differences(&from_json(&Host::here())?);
    let warnings = differences.iter().map(|difference| format!("\nWARNING: the host differs: {difference}"));
    Ok(format!("{ACROSS_TIME}{}", warnings.collect::<Vec<_>>().concat()))
}

/// Converts a type of the load generator by way of its JSON.
fn from_json<T: serde::de::DeserializeOwned>(value: &impl serde::Serialize) -> anyhow::Result<T> {
    serde_json::from_value(serde_json::to_value(value)?).context("the load generator's JSON")
}
