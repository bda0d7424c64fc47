//! Draws the measurements of `cargo bench -p corecast-subjector` as one HTML page: `make bench-subjector`.
//!
//! It reads the folder in which criterion keeps its latest results, and skips everything that is not a benchmark of
//! calls.
#![forbid(unsafe_code)]

use anyhow::{Context as _, ensure};
use clap::Parser;
use corecast_report::{Timing, contention_page};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Draws the times of calls under contention.
#[derive(Debug, Parser)]
#[command(name = "contention")]
struct Arguments {
    /// The folder in which criterion keeps its results
    #[arg(value_name = "DIRECTORY")]
    results: PathBuf,
    /// The page to write
    #[arg(value_name = "FILE")]
    page: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Arguments { results, page } = Arguments::parse();
    let timings = timings(&results)?;
    ensure!(!timings.is_empty(), "{} has no times of calls: run the benchmark first", results.display());
    let text = contention_page("Calls under contention", &timings, env!("CARGO_PKG_VERSION"));
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{}", page.display());
    Ok(())
}

/// Returns the results of every benchmark of calls: `GROUP/TASKS/new/`.
fn timings(results: &Path) -> anyhow::Result<Vec<Timing>> {
    let mut timings = Vec::new();
    for group in folders(results)? {
        for benchmark in folders(&group)? {
            let latest = benchmark.join("new");
            if latest.join("benchmark.json").exists() {
                let read = |name| json(&latest.join(name));
                timings.extend(Timing::read(&read("benchmark.json")?, &read("estimates.json")?));
            }
        }
    }
    Ok(timings)
}

/// Returns the folders in a folder, by name.
fn folders(parent: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut folders: Vec<PathBuf> = paths?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
