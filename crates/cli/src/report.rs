//! `corecast report`: result files as text or as a page.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use corecast_report::{gather, markdown_escaped, page};

use crate::command_line::SetupError;
use crate::output::OutputFile;

/// The flags of `corecast report`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// What compare or bench wrote as JSON.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write one HTML file that needs nothing else, instead of text to standard output.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write a Markdown table with a row for each contestant, as docs/LADDER.md has it, instead of text.
    #[arg(long, conflicts_with = "html")]
    markdown: bool,

    /// The contestant that the others are divided by, where there is one of this name.
    #[arg(long, value_name = "NAME")]
    reference: Option<String>,

    /// The title of the page.
    #[arg(long, value_name = "TEXT", default_value = "Corecast measured")]
    title: String,
}

/// Reads all files, and writes one report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let texts = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<(&Path, &str)> =
        arguments.files.iter().zip(&texts).map(|(path, text)| (path.as_path(), text.as_str())).collect();
    let experiments = gather(&files, arguments.reference.as_deref()).map_err(|error| SetupError(error.to_string()))?;
    if let Some(path) = &arguments.html {
        let page = page(&arguments.title, &experiments, env!("CARGO_PKG_VERSION"));
        OutputFile::open(path)?.write(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for experiment in &experiments {
        let results = &experiment.results;
        if arguments.markdown {
            // Tables in a row would be one.
            if experiments.len() > 1 {
                let title = markdown_escaped(&experiment.title);
                writeln!(text, "{}## {title}\n", if text.is_empty() { "" } else { "\n" })?;
            }
            text.push_str(&results.ladder_table());
            continue;
        }
        writeln!(text, "## {}\n\n{results}\n{}", experiment.title, results.verdicts_text())?;
    }
    std::io::stdout().write_all(text.as_bytes()).context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String, SetupError> {
    fs::read_to_string(path).map_err(|error| SetupError(format!("{}: {error}", path.display())))
}
