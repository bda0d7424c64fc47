//! A suite: comparisons of one file, measured one after the other into one directory.
//!
//! The keys of a suite are the flags of `compare`. Those at the top apply to every comparison, those of a
//! `[[comparison]]` to it alone. A flag on the command line overrides both.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use clap::{Arg, Args, Command};
use corecast_command::config_file::{FileError, Source};
use corecast_command::{NotParsed, OutputFile, SetupError, parse_with_defaults, print, say};
use corecast_loadgen::interruption;
use corecast_report::{Results, curve_chart};
use toml::de::{DeTable, DeValue};

use super::{Arguments, Checked};
use crate::{CommandLine, PROGRAM, report};

/// The flags of a suite.
#[derive(Args, Debug)]
#[command(next_help_heading = "A suite")]
pub(crate) struct SuiteArguments {
    /// Run the comparisons that this TOML file names, instead of one.
    ///
    /// Its keys are the flags of this command, with underscores: those at the top are for every comparison, and
    /// each comparison table adds its own and may have a 'name'. A flag on the command line beats the file.
    #[arg(long, value_name = "FILE", requires = "out")]
    #[arg(conflicts_with_all = ["json", "scenario", "a", "b", "baseline", "save_baseline", "requirements"])]
    suite: Option<PathBuf>,

    /// The directory for the suite's results: a JSON file for each comparison, and report.md and report.html of all.
    ///
    /// It is made if it does not exist. One that holds JSON files already is refused.
    #[arg(long, value_name = "DIR", requires = "suite")]
    out: Option<PathBuf>,

    /// Run only these comparisons of the suite, in the order of the file [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "suite")]
    only: Vec<String>,
}

impl SuiteArguments {
    /// Runs the suite, if there is one. Returns true if every comparison held.
    pub(super) fn run(&self, command_line: &[OsString]) -> Option<anyhow::Result<bool>> {
        let (suite, out) = (self.suite.as_deref()?, self.out.as_deref()?);
        Some(run(suite, out, &self.only, command_line))
    }
}

/// Returns true for a flag that may be a key of a suite.
fn is_key(arg: &Arg) -> bool {
    const OTHERS: [&str; 8] = ["suite", "out", "only", "json", "corecast", "baseline", "save-baseline", "help"];
    arg.get_long().is_some_and(|long| !OTHERS.contains(&long))
}

/// The longest name of a comparison, which becomes the name of a file.
const MAX_NAME: usize = 64;

/// One comparison of a suite, ready to be measured.
struct Comparison {
    name: String,
    arguments: Arguments,
}

fn run(suite: &Path, out: &Path, only: &[String], command_line: &[OsString]) -> anyhow::Result<bool> {
    let path = suite.display().to_string();
    let text = fs::read_to_string(suite).map_err(|error| SetupError(format!("--suite: {path}: {error}")))?;
    let comparisons = select(&path, read(&path, &text, command_line)?, only)?;
    is_free(out)?;
    let mut checked = Checked::default();
    for Comparison { name, arguments } in &comparisons {
        let plan = arguments.plan().and_then(|plan| Ok(checked.check(&plan, arguments.form())?));
        plan.map_err(|error| SetupError(format!("{path}: {name}: {error:#}")))?;
    }
    fs::create_dir_all(out).map_err(|error| SetupError(format!("--out: {}: {error}", out.display())))?;
    let mut held = true;
    for (nth, Comparison { name, arguments }) in comparisons.iter().enumerate() {
        print(&format!("{}## {name}\n", if nth == 0 { "" } else { "\n" }))?;
        let json = out.join(format!("{name}.json"));
        let outcome = OutputFile::open(&json)
            .map_err(anyhow::Error::from)
            .and_then(|file| arguments.compare(Some(file), &mut checked));
        match outcome {
            Ok(this) => held &= this,
            // The others can still be measured.
            Err(error) => {
                say(PROGRAM, &error.context(name.clone()));
                held = false;
            }
        }
        write_chart(name, &json)?;
        if interruption().load(Ordering::Relaxed) {
            break;
        }
    }
    write_report(out, &comparisons)?;
    Ok(held)
}

/// Returns the comparisons of a file.
fn read(path: &str, text: &str, command_line: &[OsString]) -> anyhow::Result<Vec<Comparison>> {
    let source = Source { path, text, is_key };
    let wrong = |error: FileError| SetupError(error.to_string());
    let (mut defaults, mut tables) = (DeTable::new(), Vec::new());
    for (key, value) in source.table().map_err(wrong)? {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("summary", DeValue::String(_)) => {}
            ("comparison", DeValue::Array(items)) => tables.extend(items.iter().cloned()),
            _ => drop(defaults.insert(key, value)),
        }
    }
    let mut comparisons: Vec<Comparison> = Vec::new();
    for table in &tables {
        let at = |message: String| wrong(FileError::at(path, text, table.span().start, None, message));
        let DeValue::Table(own) = table.get_ref() else { return Err(at("a comparison is a table".to_owned()).into()) };
        let (name, own) = named(own).map_err(at)?;
        if comparisons.iter().any(|other| other.name == name) {
            return Err(at(format!("there are two comparisons '{name}'; give one another name")).into());
        }
        let arguments = arguments(&source, [&defaults, &own], &name, command_line)?;
        comparisons.push(Comparison { name, arguments });
    }
    if comparisons.is_empty() {
        return Err(SetupError(format!("{path}: there is no [[comparison]]")).into());
    }
    Ok(comparisons)
}

/// Returns the name of a comparison, by default that of its scenario, and its table without the name.
fn named<'t>(table: &DeTable<'t>) -> Result<(String, DeTable<'t>), String> {
    let text = |key: &str| {
        let mut entries = table.iter().filter(|(name, _)| name.get_ref() == key);
        entries.next().and_then(|(_, value)| value.get_ref().as_str().map(str::to_owned))
    };
    let name = text("name").or_else(|| text("scenario")).ok_or("a comparison needs a name or a scenario")?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(format!("'{name}' cannot be the name of a comparison; use letters, digits, '-', '_' and '.'"));
    }
    let own = table.iter().filter(|(key, _)| key.get_ref() != "name");
    Ok((name, own.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Returns the flags of `compare` with the tables' values as defaults; the last table overrides the first.
fn arguments(
    source: &Source<'_>,
    tables: [&DeTable<'_>; 2],
    name: &str,
    command_line: &[OsString],
) -> Result<Arguments, SetupError> {
    let mut applied = Ok(());
    let change = |command: Command| {
        let changed = command.mut_subcommand("compare", |compare| {
            let all = tables.iter().try_fold(compare.clone(), |compare, table| source.apply(compare, table));
            all.unwrap_or_else(|error| {
                applied = Err(SetupError(error.to_string()));
                compare
            })
        });
        Ok(changed)
    };
    let parsed = parse_with_defaults::<CommandLine>(command_line, change);
    applied?;
    match parsed {
        Ok(CommandLine { command: crate::Command::Compare(arguments) }) => Ok(*arguments),
        Ok(_) | Err(NotParsed::Answered(_)) => unreachable!("the same command line named a suite"),
        Err(NotParsed::Wrong(error)) => Err(SetupError(format!("{}: {name}: {error}", source.path))),
    }
}

/// Returns the selected comparisons, in the order of the file.
fn select(path: &str, comparisons: Vec<Comparison>, only: &[String]) -> Result<Vec<Comparison>, SetupError> {
    if let Some(unknown) = only.iter().find(|name| comparisons.iter().all(|other| other.name != **name)) {
        let names: Vec<&str> = comparisons.iter().map(|comparison| comparison.name.as_str()).collect();
        return Err(SetupError(format!(
            "--only: {path} has no comparison '{unknown}'; expected one of {}",
            names.join(", ")
        )));
    }
    let is_selected = |comparison: &Comparison| only.is_empty() || only.contains(&comparison.name);
    Ok(comparisons.into_iter().filter(is_selected).collect())
}

/// Checks that a directory holds no results, which a report would mix with those of this suite.
fn is_free(out: &Path) -> Result<(), SetupError> {
    let Ok(entries) = fs::read_dir(out) else { return Ok(()) };
    let is_result = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    if entries.flatten().any(|entry| is_result(&entry.path())) {
        return Err(SetupError(format!("--out: {} holds results already; name another directory", out.display())));
    }
    Ok(())
}

/// Draws the latency over the rate, beside a comparison that has several rates.
fn write_chart(name: &str, json: &Path) -> anyhow::Result<()> {
    let Ok(text) = fs::read_to_string(json) else { return Ok(()) };
    let results: Results = serde_json::from_str(&text).with_context(|| format!("cannot read {}", json.display()))?;
    if let Some(chart) = curve_chart(name, &results) {
        OutputFile::open(&json.with_extension("svg"))?.write(&chart)?;
    }
    Ok(())
}

/// Writes report.md and report.html of all comparisons that produced results.
fn write_report(out: &Path, comparisons: &[Comparison]) -> anyhow::Result<()> {
    let files = comparisons.iter().map(|comparison| out.join(format!("{}.json", comparison.name)));
    let files: Vec<PathBuf> = files.filter(|file| file.exists()).collect();
    if files.is_empty() {
        // The directory holds nothing that could be taken for results. If others use it, it stays.
        let _ = fs::remove_dir(out);
        return Ok(());
    }
    let experiments = report::experiments(&files, None)?;
    OutputFile::open(&out.join("report.md"))?.write(&report::markdown_page(&experiments)?)?;
    let title = out.file_name().map(|name| format!("Corecast measured: {}", name.to_string_lossy()));
    OutputFile::open(&out.join("report.html"))?.write(&report::html(&experiments, title.as_deref()))?;
    print(&format!("\nThe results are in {}.\n", out.display()))
}
