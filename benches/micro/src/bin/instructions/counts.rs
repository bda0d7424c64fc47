//! Instructions by benchmark, as the runner reports them.

use crate::tools::cargo;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The counts, by name: `group/function/case`.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The place of the instruction count in a line of the runner.
const INSTRUCTIONS: &str = "/profiles/0/data/total/metrics/Ir/values/new";

/// Runs every benchmark, with the runner in this folder.
pub(crate) fn take(runner: &Path) -> anyhow::Result<Counts> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([runner.to_owned()].into_iter().chain(std::env::split_paths(&inherited)))?;
    let mut command = Command::new(cargo());
    command.args(["bench", "--locked", "-p", "corecast-micro", "--bench", "instructions", "--"]);
    command.args(["--output-format=json", "--nosummary"]);
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", path)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the benchmarks ended with {}", output.status);
    parse(&String::from_utf8(output.stdout).context("the runner writes UTF-8")?)
}

/// Parses the counts from the runner's output, one line of JSON for each benchmark.
pub(crate) fn parse(lines: &str) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let summary: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        let (name, instructions) = count(&summary).with_context(|| format!("no count of instructions: {line}"))?;
        ensure!(counts.insert(name.clone(), instructions).is_none(), "two benchmarks are named {name}");
    }
    ensure!(!counts.is_empty(), "there is no benchmark");
    Ok(counts)
}

fn count(summary: &Value) -> Option<(String, u64)> {
    let field = |name| summary.get(name)?.as_str();
    let mut name = format!("{}/{}", field("group")?, field("function_name")?);
    if let Some(case) = field("id") {
        name = format!("{name}/{case}");
    }
    Some((name, summary.pointer(INSTRUCTIONS)?.as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a line of the runner, reduced to the fields that are read.
    fn line(function: &str, instructions: u64) -> String {
        let metrics = serde_json::json!({"Ir": {"values": {"new": instructions, "old": 7}}});
        let profile = serde_json::json!({"data": {"parts": [], "total": {"metrics": metrics}}, "tool": "Callgrind"});
        let summary = serde_json::json!({
            "group": "decode", "function_name": function, "id": "frames_64", "profiles": [profile],
        });
        summary.to_string()
    }

    #[test]
    fn every_line_is_a_count() {
        let counts = parse(&format!("{}\n\n{}\n", line("native", 31_988), line("plain", 1_315))).unwrap();
        let expected = [("decode/native/frames_64", 31_988), ("decode/plain/frames_64", 1_315)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn what_is_no_count_is_refused() {
        let twice = format!("{}\n{}", line("native", 1), line("native", 2));
        for (lines, complaint) in [
            ("", "there is no benchmark"),
            ("Gungraun result: Ok", "not JSON: Gungraun result: Ok"),
            ("{\"group\": \"decode\"}", "no count of instructions: {\"group\": \"decode\"}"),
            (&twice, "two benchmarks are named decode/native/frames_64"),
        ] {
            assert_eq!(parse(lines).unwrap_err().to_string(), complaint);
        }
    }
}
