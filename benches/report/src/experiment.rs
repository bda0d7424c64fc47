//! The grouping of result files into experiments that are shown together.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::outside::shown;
use crate::{Baseline, Entry, Error, Results, Run};

/// Contestants under the same loads, with a title.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The title, from the name of the file or of the directory of the files.
    pub title: String,
    /// The runs.
    pub results: Results,
}

/// Sorts the texts of result files into experiments.
///
/// - A file of `corecast-bench compare --json`, or a baseline, is one experiment, titled after the file.
/// - A file of `corecast-bench run --json` is one run. The files of one directory are one experiment, titled after the
///   directory. A file's name without its extension is the contestant; `NAME.1.json` and `NAME.2.json` are rounds of one
///   contestant, in that order. Each rate of a curve is a run of that round.
///
/// `reference` is the contestant that is the baseline of the ratios, if an experiment has it; else the experiment's own
/// reference, else `mutex`, else its first contestant.
///
/// # Errors
/// [`Error::Unreadable`] for the first file that is none of these.
pub fn collect(files: &[(&Path, &str)], reference: Option<&str>) -> Result<Vec<Experiment>, Error> {
    let mut experiments = Vec::new();
    let mut runs: BTreeMap<String, Vec<(String, u64, Run)>> = BTreeMap::new();
    for (path, text) in files {
        let name = stem(path);
        match read(path, text)? {
            File::Results(results) => experiments.push(Experiment { title: shown(name), results }),
            File::Runs(all) => {
                let (contestant, round) = contestant_and_round(name);
                let all = all.into_iter().map(|run| (contestant.to_owned(), round, run));
                runs.entry(directory(path)).or_default().extend(all);
            }
        }
    }
    experiments
        .extend(runs.into_iter().map(|(title, runs)| Experiment { title: shown(&title), results: assembled(runs) }));
    for Experiment { results, .. } in &mut experiments {
        choose_reference(results, reference);
    }
    Ok(experiments)
}

enum File {
    Results(Results),
    /// One run, or one for each rate of a curve.
    Runs(Vec<Run>),
}

fn read(path: &Path, text: &str) -> Result<File, Error> {
    let file = path.display().to_string();
    let unreadable = |reason: String| Error::Unreadable { file: file.clone(), reason };
    let value: Value = serde_json::from_str(text).map_err(|error| unreadable(format!("not JSON: {error}")))?;
    if Baseline::is(&value) {
        let Baseline { entries, .. } = Baseline::read(&file, text)?;
        return Ok(File::Results(Results { reference: String::new(), entries }));
    }
    if value.get("entries").is_some() {
        let results: Results = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        if results.first_run().is_none() {
            return Err(unreadable("it holds no run".to_owned()));
        }
        return Ok(File::Results(results));
    }
    let runs = steps_of_curve(value).into_iter().map(Run::try_from);
    runs.collect::<Result<Vec<_>, _>>().map(File::Runs).map_err(unreadable)
}

/// Returns the reports of a curve in the form of `corecast-bench run` (`{"curve": …, "steps": [REPORT, …]}`). Anything
/// else is treated as one report.
fn steps_of_curve(mut value: Value) -> Vec<Value> {
    if value.get("curve").is_some()
        && let Some(Value::Array(steps)) = value.get_mut("steps")
        && !steps.is_empty()
    {
        return std::mem::take(steps);
    }
    vec![value]
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("results")
}

fn directory(path: &Path) -> String {
    let name = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.unwrap_or("results").to_owned()
}

/// Splits a name: `sharded.2` is the second round of `sharded`.
fn contestant_and_round(name: &str) -> (&str, u64) {
    let numbered = name.rsplit_once('.').and_then(|(name, round)| Some((name, round.parse().ok()?)));
    numbered.unwrap_or((name, 0))
}

fn assembled(mut runs: Vec<(String, u64, Run)>) -> Results {
    // The sort is stable: contestants stay in the order of their first file, and so do runs without a number.
    runs.sort_by_key(|(_, round, _)| *round);
    let mut entries: Vec<Entry> = Vec::new();
    for (name, round, run) in runs {
        let load = run.load();
        let known = entries.iter().position(|entry| entry.name == shown(&name) && entry.load == load);
        let known = known.unwrap_or_else(|| {
            entries.push(Entry::new(name, load));
            entries.len() - 1
        });
        entries[known].runs.push(run);
        entries[known].rounds.push(round);
    }
    Results { reference: String::new(), entries }
}

fn choose_reference(results: &mut Results, wanted: Option<&str>) {
    let wanted = wanted.map(shown);
    let candidates = wanted.as_deref().into_iter().chain([results.reference.as_str(), "mutex"]);
    let known = |name: &&str| results.entries.iter().any(|entry| entry.name == *name);
    let first = results.entries.first().map(|entry| entry.name.as_str());
    let chosen = candidates.into_iter().find(known).or(first).unwrap_or_default();
    results.reference = chosen.to_owned();
}
