//! `scripts/bench.sh` with a stand-in for the binary: what it runs, in which order, and what it leaves behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use corecast_testkit::{Deadline, Finished, Process};
use tempfile::TempDir;

/// Knows the subcommands that the script uses. `bench` fails in scenario `stall`, gives nothing in `storm`, and is interrupted
/// in `churn`; `compare` fails with three rounds, and gives nothing with four.
const STAND_IN: &str = r#"#!/usr/bin/env bash
case $1 in
    serve) env | grep ^CORECAST_ >>"$CALLS"; trap 'exit 0' TERM; echo "listening native 127.0.0.1:$$"; while :; do sleep 0.02; done ;;
    bench)
        [ "$2" != --help ] || { echo "--scenario NAME"; exit; }
        echo "$*" >>"$CALLS"
        [ "$3" != storm ] || { echo "no report" >&2; exit 1; }
        [ "$3" != churn ] || { echo '{}'; exit 130; }
        echo '{}'
        [ "$3" != stall ] ;;
    compare)
        echo "$*" >>"$CALLS"
        rounds=$(sed 's/.*--rounds \([0-9]*\).*/\1/' <<<"$*")
        [ "$rounds" != 4 ] || { echo "no figures" >&2; exit 1; }
        echo '{}' >"$(sed 's/.*--json \([^ ]*\).*/\1/' <<<"$*")"
        echo "the table"
        [ "$rounds" != 3 ] ;;
    report) echo "$*" >>"$CALLS"; echo '<svg/>' >"$4" ;;
esac
"#;

struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let binary = directory.path().join("corecast");
        std::fs::write(&binary, STAND_IN).expect("a writable file");
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("a file of our own");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bench.sh");
        let mut command = Process::command("bash");
        command.arg(script).args(arguments).arg("--out").arg(self.path("out"));
        command.env("CORECAST", self.path("corecast")).env("CALLS", self.path("calls"));
        command.env("CORECAST_SHARDS", "7");
        Process::spawn(command).finish(Deadline::start())
    }

    /// The arguments of each call of `bench`.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

#[test]
fn contestants_take_turns_and_every_run_has_its_file() {
    let bench = Bench::new();
    let peer = ["--policies", "sharded", "--peer", "redis=127.0.0.1:6379"];
    let finished = bench.run(&[&["--scenarios", "paced", "--rounds", "2"], &peer[..]].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    let calls = bench.calls();
    let redis: Vec<bool> =
        calls.iter().map(|call| call.contains("--protocol redis --address 127.0.0.1:6379")).collect();
    assert_eq!(redis, [false, true, true, false], "A B B A, and no setting of the caller's own: {calls:?}");
    assert!(calls.iter().all(|call| call.starts_with("bench --scenario paced --cpus ")), "{calls:?}");
    assert!(calls[0].contains("--address 127.0.0.1:") && calls[0].contains("--server-pid "), "{calls:?}");
    let fresh: Vec<bool> = calls.iter().map(|call| call.contains(" --fresh-server")).collect();
    assert_eq!(fresh, [true, false, false, true], "a peer had other load before: {calls:?}");
    assert_ne!(calls[0], calls[3], "each run has a server of its own");
    for file in ["sharded.1", "sharded.2", "redis.1", "redis.2"] {
        assert_eq!(std::fs::read_to_string(bench.path(&format!("out/paced/{file}.json"))).unwrap(), "{}\n");
    }
}

#[test]
fn a_failed_run_is_reported_and_the_others_go_on() {
    let bench = Bench::new();
    let finished = bench.run(&["--scenarios", "stall,storm,idle", "--policies", "mutex", "--rounds", "1"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("2 failures") && finished.stderr.contains("no report"), "{finished:?}");
    assert!(bench.path("out/stall/mutex.1.json").exists() && bench.path("out/idle/mutex.1.json").exists());
    assert!(!bench.path("out/storm/mutex.1.json").exists(), "an empty file could not be read");
}

#[test]
fn a_curve_is_one_comparison_with_its_table_and_its_chart() {
    let bench = Bench::new();
    let peer = ["--policies", "sharded,mutex", "--peer", "redis=127.0.0.1:6379", "--rounds", "2"];
    let finished = bench.run(&[&["--scenarios", "curve"], &peer[..]].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    let calls = bench.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    let asked =
        "compare --scenario curve --policies sharded,mutex --peer redis=127.0.0.1:6379 --reference mutex --rounds 2 ";
    assert!(calls[0].starts_with(asked) && calls[1].starts_with("report "), "{calls:?}");
    for (file, text) in [("curve.json", "{}\n"), ("curve.txt", "the table\n"), ("curve.svg", "<svg/>\n")] {
        assert_eq!(std::fs::read_to_string(bench.path(&format!("out/curve/{file}"))).unwrap(), text);
    }
}

#[test]
fn a_curve_that_fails_is_reported_and_keeps_what_there_is() {
    for (rounds, is_kept) in [("3", true), ("4", false)] {
        let bench = Bench::new();
        let finished = bench.run(&["--scenarios", "curve,idle", "--policies", "mutex", "--rounds", rounds]);
        assert!(finished.code == 1 && finished.stderr.contains("1 failures"), "{finished:?}");
        assert_eq!(bench.path("out/curve/curve.json").exists(), is_kept);
        assert_eq!(bench.path("out/curve/curve.svg").exists(), is_kept);
        assert!(bench.path("out/idle/mutex.1.json").exists(), "the others go on");
    }
}

#[test]
fn what_it_cannot_run_is_refused_before_anything_runs() {
    let bench = Bench::new();
    for (arguments, reason) in [
        (&["--scenarios", "paced,quick"][..], "'quick' is none of light, sparse"),
        (&["--rounds", "none"], "'none' is no count"),
        (&["--nonsense"], "scripts/bench.sh [--scenarios LIST]"),
        (&["--peer", "../redis=127.0.0.1:6379"], "'../redis' cannot be the name of a contestant"),
    ] {
        let finished = bench.run(arguments);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.stderr.contains(reason), "{finished:?}");
    }
    assert!(bench.calls().is_empty());
    assert!(!bench.path("out").exists(), "nothing that 'make report' would take for the latest results");
}

#[test]
fn runs_are_not_mixed_with_those_of_another_time() {
    let bench = Bench::new();
    let arguments = ["--scenarios", "idle", "--policies", "mutex", "--rounds", "1"];
    assert_eq!(bench.run(&arguments).code, 0);
    let again = bench.run(&arguments);
    assert!(again.code == 2 && again.stderr.contains("out holds results"), "{again:?}");
    assert_eq!(bench.calls().len(), 1);
}

#[test]
fn an_interrupted_run_ends_the_script_and_leaves_no_round() {
    let bench = Bench::new();
    let finished = bench.run(&["--scenarios", "churn,idle", "--policies", "mutex", "--rounds", "2"]);
    assert_eq!((finished.code, bench.calls().len()), (130, 1), "{finished:?}");
    assert!(!bench.path("out").exists(), "{finished:?}");
}
