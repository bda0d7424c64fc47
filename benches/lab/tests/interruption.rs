//! An interrupted measurement reports its results so far, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Process, ServerProcess, beside, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

/// Returns the path of the server's program.
fn corecast() -> std::path::PathBuf {
    beside(BINARY, "corecast")
}

/// Flags of a run that is longer than any test waits.
const LONG: [&str; 8] = ["--subscribers", "4", "--publishers", "1", "--duration", "10000s", "--interval", "100s"];

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// Returns a `corecast-bench run` that has been measuring for a while, with its server.
fn measuring(arguments: &[&str]) -> (ServerProcess, Process) {
    let server = ServerProcess::start(corecast(), &["--listen", "native://127.0.0.1:0"]);
    let address = server.address(Protocol::Native).to_string();
    let mut subscriber = Process::start(corecast(), ["sub", "--address", &address, "--count", "20", "load0"]);
    subscriber.error_line_with("subscribed load0", deadline());
    let load = ["--address", &address, "--channel-prefix", "load", "--warmup", "0s"];
    let bench = Process::start(BINARY, [&["run"], &LONG[..], &load, arguments].concat());
    // Without a warm-up, all messages are in the window.
    assert_eq!(subscriber.finish(deadline()).code, 0);
    (server, bench)
}

#[test]
fn an_interrupted_bench_reports_what_it_had() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let hgrm = directory.path().join("latency.hgrm");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (_server, bench) = measuring(&["--rate", "1000", "--json", "--hgrm", hgrm.to_str().expect("UTF-8")]);
        bench.signal(signal);
        let finished = bench.finish(deadline());
        assert_eq!((finished.code, finished.stderr.as_str()), (code, ""), "{finished:?}");
        let report: Value = serde_json::from_slice(&finished.stdout).expect("a report");
        let reason = report["validity"]["reasons"][0].as_str().expect("a reason");
        assert!(reason.starts_with("interrupted: ") && reason.ends_with(" of 10000 s were measured"), "{reason}");
        let deliveries = &report["deliveries"];
        assert!(deliveries["measured"].as_u64() > Some(0), "{deliveries}");
        assert_eq!((&report["checks"]["lost"], &deliveries["arrived"]), (&0.into(), &deliveries["expected"]));
        // The rate is relative to the measured time, not to the planned one.
        assert!(deliveries["measured_per_second"].as_f64() > Some(1000.0), "{deliveries}");
        assert!(fs::metadata(&hgrm).expect("the distribution of what it had").len() > 0);
    }
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 1, "nothing beside it");
}

#[test]
fn an_interrupted_curve_reports_the_rates_that_it_had() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let scenario = directory.path().join("rates.toml");
    fs::write(&scenario, "[curve]\nrates = [1000, 2000]\n").expect("a writable file");
    let (_server, bench) = measuring(&["--json", "--scenario", scenario.to_str().expect("UTF-8")]);
    bench.signal(Signal::INT);
    let finished = bench.finish(deadline());
    assert_eq!((finished.code, finished.stderr.as_str()), (130, ""), "{finished:?}");
    let curve: Value = serde_json::from_slice(&finished.stdout).expect("a report");
    let steps = curve["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 1, "no other rate is begun");
    let reason = steps[0]["validity"]["reasons"][0].as_str().expect("a reason");
    assert!(reason.starts_with("interrupted: "), "{reason}");
}

#[test]
fn a_bench_interrupted_before_its_window_leaves_no_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let hgrm = directory.path().join("latency.hgrm");
    let server = ServerProcess::start(corecast(), &["--listen", "native://127.0.0.1:0"]);
    let address = server.address(Protocol::Native).to_string();
    let mut subscriber = Process::start(corecast(), ["sub", "--address", &address, "--count", "1", "load0"]);
    subscriber.error_line_with("subscribed load0", deadline());
    let load = ["--address", &address, "--channel-prefix", "load", "--warmup", "10000s", "--hgrm"];
    let bench = Process::start(BINARY, [&["run"], &LONG[..], &load, &[hgrm.to_str().expect("UTF-8")]].concat());
    assert_eq!(subscriber.finish(deadline()).code, 0);
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 0, "no file while there is nothing in it");
    bench.signal(Signal::INT);
    assert_eq!(bench.finish(deadline()).complaint(130), "interrupted");
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 0);
}

#[test]
fn a_signal_that_is_to_be_ignored_is() {
    let server = ServerProcess::start(corecast(), &["--listen", "native://127.0.0.1:0"]);
    let address = server.address(Protocol::Native).to_string();
    let script = "trap '' HUP; exec \"$0\" run --address \"$1\" --subscribers 2 --duration 1s --channel-prefix load";
    let mut subscriber = Process::start(corecast(), ["sub", "--address", &address, "--count", "1", "load0"]);
    subscriber.error_line_with("subscribed load0", deadline());
    let bench = Process::start("sh", ["-c", script, BINARY, &address]);
    assert_eq!(subscriber.finish(deadline()).code, 0);
    bench.signal(Signal::HUP);
    let finished = bench.finish(deadline());
    assert!(finished.code < 2 && !String::from_utf8_lossy(&finished.stdout).contains("interrupted"), "{finished:?}");
}

/// Waits until a `corecast-bench compare` has started a server, and returns its number.
fn server_of(compare: &Process) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", compare.id());
    let mut server = None;
    wait_until(deadline(), "a server to be started", || {
        let pids = fs::read_to_string(&children).unwrap_or_default();
        let is_server = |pid: &&str| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.split(|byte| *byte == 0).any(|argument| argument == b"serve")
        };
        server = pids.split_whitespace().find(is_server).map(|pid| pid.parse().expect("a number"));
        server.is_some()
    });
    server.expect("waited until there is one")
}

fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).expect("a directory").next().is_none()
}

#[test]
fn nothing_of_a_comparison_outlives_it() {
    for (signal, code) in
        [(Signal::INT, Some(130)), (Signal::TERM, Some(143)), (Signal::HUP, Some(129)), (Signal::KILL, None)]
    {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Process::command(BINARY);
        command.args(["compare", "--policies=mutex", "--rate=0", "--closed-loop=8", "--publishers=2"]);
        command.args(["--subscribers=4", "--duration=10000s"]).env("TMPDIR", directory.path());
        let mut compare = Process::spawn(command);
        let server = server_of(&compare);
        wait_until(deadline(), "its socket", || !is_empty(directory.path()));
        compare.signal(signal);
        assert_eq!(compare.wait(deadline()).code(), code);
        wait_until(deadline(), "the server's end", || is_gone(server));
        assert!(is_empty(directory.path()), "{signal:?} leaves files");
    }
}

#[test]
fn an_interrupted_comparison_shows_what_it_measured() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let json = directory.path().join("all.json");
    let load = ["--subscribers=8", "--publishers=2", "--rate=0", "--closed-loop=8", "--warmup=20ms", "--duration=50ms"];
    let mut command = Process::command(BINARY);
    command.args(["compare", "--policies=mutex", "--rounds=10000", "--json", json.to_str().expect("UTF-8")]).args(load);
    let compare = Process::spawn(command);
    // One server is started only to check that it can be, then one in each round.
    let mut servers = vec![server_of(&compare)];
    wait_until(deadline(), "the second round", || {
        let server = server_of(&compare);
        servers.extend((servers.last() != Some(&server)).then_some(server));
        servers.len() == 3
    });
    assert!(!json.exists(), "a file before there is anything to write");
    compare.signal(Signal::INT);
    let finished = compare.finish(deadline());
    assert!(
        finished.code == 130 && finished.stderr.contains("the comparison ended early: interrupted"),
        "{finished:?}"
    );
    assert!(String::from_utf8_lossy(&finished.stdout).contains("  mutex "), "{finished:?}");
    let written: Value = serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    assert!(written["entries"][0]["reports"].as_array().is_some_and(|reports| !reports.is_empty()));
}
