//! `corecast-bench report`: result files as text or as a page.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use corecast_report::{Experiment, Results, collect, curve_chart, markdown_escaped, page};

use corecast_command::SetupError;
use corecast_command::{OutputFile, print};

/// The flags of `corecast-bench report`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The JSON files that compare or run wrote.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write one HTML file that needs nothing else, instead of text to standard output.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the chart of the latency over the rate as one SVG file, suitable for a README, instead of text.
    ///
    /// The files must hold one experiment with two open-loop rates or more, as 'compare --scenario curve --json' writes it.
    #[arg(long, value_name = "FILE", conflicts_with = "html")]
    svg: Option<PathBuf>,

    /// Write a Markdown table with a row for each contestant, as docs/LADDER.md has it, instead of text.
    ///
    /// If contestants ran at several rates, it has a row for each rate and contestant.
    #[arg(long, conflicts_with_all = ["html", "svg"])]
    markdown: bool,

    /// The contestant that is the baseline of the ratios, if there is one of this name.
    #[arg(long, value_name = "NAME")]
    reference: Option<String>,

    /// The title of the page or chart [default: Corecast measured, or Latency over the rate]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// Reads all files, and writes one report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let experiments = experiments(&arguments.files, arguments.reference.as_deref())?;
    let title = arguments.title.as_deref();
    if let Some(path) = &arguments.svg {
        let chart = the_one_curve(title.unwrap_or("Latency over the rate"), &experiments)?;
        OutputFile::open(path)?.write(&chart)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &arguments.html {
        OutputFile::open(path)?.write(&html(&experiments, title))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&text(&experiments, arguments.markdown)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the experiments that the files hold.
///
/// # Errors
/// A file cannot be read, or is not a result.
pub(crate) fn experiments(files: &[PathBuf], reference: Option<&str>) -> Result<Vec<Experiment>, SetupError> {
    let texts = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<(&Path, &str)> =
        files.iter().zip(&texts).map(|(path, text)| (path.as_path(), text.as_str())).collect();
    collect(&files, reference).map_err(|error| SetupError(error.to_string()))
}

/// Renders one HTML page of all experiments.
pub(crate) fn html(experiments: &[Experiment], title: Option<&str>) -> String {
    page(title.unwrap_or("Corecast measured"), experiments, env!("CARGO_PKG_VERSION"))
}

/// Formats all experiments as text, or as Markdown tables.
///
/// # Errors
/// Formatting failed.
pub(crate) fn text(experiments: &[Experiment], markdown: bool) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for experiment in experiments {
        let results = &experiment.results;
        if markdown {
            // Consecutive tables would be one table.
            if experiments.len() > 1 {
                let title = markdown_escaped(&experiment.title);
                writeln!(text, "{}## {title}\n", if text.is_empty() { "" } else { "\n" })?;
            }
            text.push_str(&markdown_table(results));
            continue;
        }
        writeln!(text, "## {}\n\n{results}\n{}", experiment.title, results.verdicts_text())?;
    }
    Ok(text)
}

/// Returns a Markdown page of all experiments: the conditions and the table of each.
///
/// # Errors
/// Formatting failed.
pub(crate) fn markdown_page(experiments: &[Experiment]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for experiment in experiments {
        let results = &experiment.results;
        let separator = if text.is_empty() { "" } else { "\n" };
        writeln!(text, "{separator}## {}\n", markdown_escaped(&experiment.title))?;
        for line in results.conditions_text().lines() {
            writeln!(text, "- {}", markdown_escaped(line))?;
        }
        writeln!(text, "\n{}", markdown_table(results).trim_end())?;
    }
    Ok(text)
}

fn markdown_table(results: &Results) -> String {
    results.curve_table().unwrap_or_else(|| results.ladder_table())
}

/// Returns the chart of the only experiment that has a curve.
fn the_one_curve(title: &str, experiments: &[Experiment]) -> Result<String, SetupError> {
    let mut charts = experiments.iter().filter_map(|experiment| curve_chart(title, &experiment.results));
    match (charts.next(), charts.next()) {
        (Some(chart), None) => Ok(chart),
        (Some(_), Some(_)) => {
            Err(SetupError("--svg: several experiments have a curve; give the files of one".to_owned()))
        }
        (None, _) => Err(SetupError("--svg: no contestant ran at two open-loop rates or more".to_owned())),
    }
}

fn read(path: &Path) -> Result<String, SetupError> {
    fs::read_to_string(path).map_err(|error| SetupError(format!("{}: {error}", path.display())))
}
