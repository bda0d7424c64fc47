//! `scripts/ladder.sh` with a stand-in for the binary: what it asks for, what it leaves behind, and its exit code.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use corecast_testkit::{Deadline, Finished, Process};
use tempfile::TempDir;

/// Notes its arguments. `compare` writes its last argument and ends with `$OUTCOME`; `report` says something.
const STAND_IN: &str = r#"#!/usr/bin/env bash
echo "$*" >>"$CALLS"
case $1 in
    compare) [ "$OUTCOME" -gt 1 ] || echo '{}' >"${@: -1}"; exit "$OUTCOME" ;;
    report) [[ $* != *--markdown ]] || echo "| rung |" ;;
esac
"#;

/// What came of a run, and the calls that it made.
fn run(directory: &TempDir, arguments: &[&str], outcome: &str) -> (Finished, Vec<String>) {
    let binary = directory.path().join("corecast");
    std::fs::write(&binary, STAND_IN).expect("a writable file");
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("a file of our own");
    let calls = directory.path().join("calls");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/ladder.sh");
    let mut command = Process::command("bash");
    command.arg(script).args(arguments).env("CORECAST", binary).env("CALLS", &calls).env("OUTCOME", outcome);
    command.env("OUT", directory.path().join("out"));
    let finished = Process::spawn(command).finish(Deadline::start());
    let calls = std::fs::read_to_string(calls).unwrap_or_default();
    (finished, calls.lines().map(str::to_owned).collect())
}

#[test]
fn the_ladder_is_measured_and_its_table_printed_and_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (finished, calls) = run(&directory, &["--rounds", "2", "--subscribers", "8", "--server-cpus", "0"], "0");
    assert_eq!((finished.code, &finished.stdout[..]), (0, &b"| rung |\n"[..]), "{finished:?}");
    assert!(calls[0].starts_with("compare --policies ladder --reference mutex --rounds 2 "), "{calls:?}");
    assert!(calls[0].contains(" --subscribers 8 --server-cpus 0 --json "), "{calls:?}");
    assert_eq!(calls[0].matches("--server-cpus").count(), 1, "{calls:?}");
    assert!(calls[1].contains("--html") && calls[2].ends_with("--markdown"), "{calls:?}");
    assert_eq!(std::fs::read(directory.path().join("out/ladder.md")).expect("the table"), finished.stdout);
}

#[test]
fn flags_in_one_word_replace_the_scripts_and_its_own_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (finished, calls) = run(&directory, &["--rounds=1", "--reference=snapshot", "--server-cpus=0"], "0");
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(calls[0].starts_with("compare --policies ladder --reference snapshot --rounds 1 "), "{calls:?}");
    assert!(calls[1].contains(" --reference snapshot ") && !calls[0].contains("--server-cpus "), "{calls:?}");
    for own in ["--json=x.json", "--json", "--policies"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (finished, calls) = run(&directory, &[own, "x"], "0");
        assert!(finished.code == 2 && calls.is_empty() && !directory.path().join("out").exists(), "{finished:?}");
    }
}

#[test]
fn a_failed_check_is_shown_in_the_table_and_in_the_exit_code_and_no_result_is_none() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (finished, calls) = run(&directory, &[], "1");
    assert_eq!((finished.code, calls.len()), (1, 3), "{finished:?}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (finished, calls) = run(&directory, &[], "2");
    assert_eq!((finished.code, calls.len()), (2, 1), "{finished:?}");
    assert!(!directory.path().join("out").exists(), "nothing that 'make report' would take for the latest results");
}
