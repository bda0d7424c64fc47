//! The scripts that run suites, with a stand-in for the program: their requests, and the place of their results.

use std::path::{Path, PathBuf};

use corecast_testkit::{Deadline, Finished, Process, write_program};
use tempfile::TempDir;

/// Records its arguments, and fails if it is told to.
const STAND_IN: &str = "#!/bin/sh\necho \"$*\" >>\"$CALLS\"\nexit \"$OUTCOME\"\n";

struct Script {
    directory: TempDir,
}

impl Script {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let program = directory.path().join("corecast-bench");
        write_program(&program, STAND_IN);
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, script: &str, arguments: &[&str], outcome: &str) -> Finished {
        let mut command = Process::command("bash");
        command.arg(root().join("scripts").join(script)).args(arguments);
        command.env("CORECAST_BENCH", self.path("corecast-bench"));
        command.env("CALLS", self.path("calls")).env("OUTCOME", outcome);
        Process::spawn(command).finish(Deadline::start())
    }

    /// Returns the arguments of each call of the program.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_suite_is_run_by_its_name_and_other_flags_are_passed_on() {
    let script = Script::new();
    let finished = script.run("bench.sh", &["--out", "/tmp/out", "--only", "paced", "--rounds=3"], "0");
    assert_eq!(finished.code, 0, "{finished:?}");
    let calls = script.calls();
    assert!(calls[0].starts_with("compare --suite ") && calls.len() == 1, "{calls:?}");
    assert!(calls[0].ends_with("/benches/suites/policies.toml --out /tmp/out --only paced --rounds=3"), "{calls:?}");
}

#[test]
fn results_go_to_a_directory_of_the_day_and_the_commit() {
    let script = Script::new();
    let own = script.path("own.toml");
    std::fs::write(&own, "").expect("a writable file");
    assert_eq!(script.run("bench.sh", &["--suite", own.to_str().expect("UTF-8")], "0").code, 0);
    let calls = script.calls();
    let (_, out) = calls[0].split_once(" --out ").expect("a directory");
    let (_, day) = out.split_once("/results/").expect("below the results");
    assert!(day.starts_with("20") && day.len() > "2026-01-01-".len(), "{out}");
    assert!(!Path::new(out).exists(), "the program makes it once there are results");
}

#[test]
fn the_exit_code_is_the_programs() {
    let script = Script::new();
    assert_eq!(script.run("bench.sh", &["--out", "/tmp/out"], "1").code, 1);
    assert_eq!(script.run("ladder.sh", &["--out", "/tmp/out"], "130").code, 130);
}

#[test]
fn the_ladder_is_a_suite_and_flags_beat_what_the_script_chooses() {
    let script = Script::new();
    let arguments = ["--out", "/tmp/out", "--rate", "10", "--server-cpus=0", "--subscribers", "8"];
    assert_eq!(script.run("ladder.sh", &arguments, "0").code, 0);
    let calls = script.calls();
    let asked = "/benches/suites/ladder.toml --out /tmp/out --rate 10 --server-cpus=0 --subscribers 8";
    assert!(calls[0].ends_with(asked), "{calls:?}");
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_runs() {
    let script = Script::new();
    for (arguments, reason) in [
        (&["--suite", "quick"][..], "'quick' is neither a file nor one of ladder.toml policies.toml"),
        (&["--out"], "--out needs a value"),
    ] {
        let finished = script.run("bench.sh", arguments, "0");
        assert!(finished.code == 2 && finished.stderr.contains(reason), "{finished:?}");
    }
    assert!(script.calls().is_empty());
}

#[test]
fn each_script_explains_itself_and_starts_nothing_for_it() {
    for name in ["bench.sh", "ladder.sh", "peers.sh", "soak.sh"] {
        let script = Script::new();
        let finished = script.run(name, &["--help"], "0");
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{name}");
        let help = String::from_utf8(finished.stdout).expect("UTF-8");
        assert!(help.contains(&format!("\n  scripts/{name} ")) && !help.contains("set -euo"), "{help}");
        assert!(script.calls().is_empty(), "{name}");
    }
}
