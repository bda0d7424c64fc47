//! `corecast-bench report`: result files in, text or a page out.

use std::path::{Path, PathBuf};

use corecast_testkit::{Deadline, Finished, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

fn report(arguments: &[&Path]) -> Finished {
    Process::start(BINARY, [&[Path::new("report")], arguments].concat()).finish(Deadline::start())
}

/// Returns a run in the form of `corecast-bench run --json`, with made-up figures.
fn run(p99: f64) -> Value {
    json!({
        "host": { "kernel": "6.1.0", "cpu": "Test CPU", "cpus": 4 },
        "settings": { "load": { "paced": { "rate": 100 } }, "subscribers": 1000 },
        "deliveries": { "measured_per_second": 100_000.0 },
        "latency_us": { "p50": p99 / 2.0, "p99": p99, "p999": p99 * 2.0, "max": p99 * 3.0 },
        "checks": { "lost": 0 },
        "validity": { "valid": true, "reasons": [], "notes": [] },
    })
}

/// Writes seven rounds of two contestants into `stall/`.
fn files(directory: &TempDir) -> Vec<PathBuf> {
    let folder = directory.path().join("stall");
    std::fs::create_dir(&folder).expect("a temporary directory");
    let mut files = Vec::new();
    for (name, p99) in [("sharded", 300.0), ("mutex", 1000.0)] {
        for round in 1..=7 {
            let file = folder.join(format!("{name}.{round}.json"));
            std::fs::write(&file, run(p99 + f64::from(round)).to_string()).expect("a writable file");
            files.push(file);
        }
    }
    files
}

#[test]
fn files_of_a_directory_become_one_experiment_in_text() {
    let directory = tempfile::tempdir().unwrap();
    let files = files(&directory);
    let finished = report(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!(finished.code, 0, "{finished:?}");
    let text = String::from_utf8(finished.stdout).unwrap();
    for part in
        ["## stall\n", "rounds: 7", "sharded against mutex; paced", "  p99 0.303 × mutex, 95 % 0.301 to 0.304\n"]
    {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }
}

#[test]
fn a_page_is_written_with_everybody_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    let files = files(&directory);
    let mut arguments: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    arguments.extend(["--title=Two <servers>", "--reference=sharded", "--html"].map(Path::new));
    arguments.push(&page);
    let finished = report(&arguments);
    assert_eq!((finished.code, finished.stdout.len()), (0, 0), "{finished:?}");
    let page = std::fs::read_to_string(page).unwrap();
    for part in ["<!DOCTYPE html>", "Two &lt;servers&gt;", "mutex against sharded", "<svg", "Test CPU"] {
        assert!(page.contains(part), "'{part}' is missing");
    }
}

#[test]
fn markdown_tables_of_several_experiments_have_a_heading_each() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = files(&directory);
    let other = directory.path().join("sharded.json");
    std::fs::write(&other, run(1.0).to_string()).unwrap();
    files.push(other);
    let mut arguments: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    arguments.push(Path::new("--markdown"));
    let text = String::from_utf8(report(&arguments).stdout).unwrap();
    assert!(text.contains("|\n\n## stall\n\n| rung |"), "{text}");
    assert_eq!(text.matches("| rung |").count(), 2, "{text}");
    let one = String::from_utf8(report(&[&files[0], Path::new("--markdown")]).stdout).unwrap();
    assert!(one.starts_with("| rung |"), "{one}");
}

#[test]
fn what_is_no_result_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("other.json");
    for (text, reason) in [("[]", "not the report of a run"), ("text", "not JSON")] {
        std::fs::write(&file, text).unwrap();
        let finished = report(&[&file]);
        let complaint = finished.complaint(2);
        assert!(complaint.contains("other.json: ") && complaint.contains(reason), "{complaint}");
    }
    let finished = report(&[Path::new("absent.json")]);
    assert!(finished.complaint(2).starts_with("absent.json: No such file"), "{finished:?}");
}
