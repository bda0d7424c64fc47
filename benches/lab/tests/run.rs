//! `corecast-bench run`: scenarios, the flags that override them, and the files that it writes.

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Finished, Peer, Process, ServerProcess, beside, wait_until};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

/// Returns the path of the server's program.
fn corecast() -> std::path::PathBuf {
    beside(BINARY, "corecast")
}

/// A short, small load, whatever the scenario says.
const SMALL: [&str; 8] = ["--subscribers", "20", "--publishers", "2", "--warmup", "50ms", "--duration", "300ms"];

/// Returns a deadline for a whole run on a busy machine.
fn deadline() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

fn bench(arguments: &[&str]) -> Finished {
    Process::start(BINARY, [&["run"], arguments].concat()).finish(deadline())
}

fn bench_small(server: &ServerProcess, arguments: &[&str]) -> Finished {
    let address = server.address(Protocol::Native).to_string();
    bench(&[&["--address", &address], &SMALL[..], arguments].concat())
}

/// Returns the report, whether the machine was quiet enough for it to be valid or not.
fn report(finished: &Finished) -> Value {
    let report: Value =
        serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let valid = report["validity"]["valid"].as_bool().expect("a verdict");
    assert_eq!(finished.code, i32::from(!valid), "{finished:?}");
    assert_eq!(finished.stderr, "", "no live display where standard error is no terminal");
    report
}

#[test]
fn a_flag_overrides_the_scenario_and_the_scenario_the_default() {
    let server = ServerProcess::start(corecast(), &[]);
    let report = report(&bench_small(&server, &["--scenario", "storm", "--rate", "200", "--json"]));
    assert_eq!(report["settings"]["load"]["paced"]["rate"], 200);
    assert_eq!(report["settings"]["subscribers"], 20);
    assert_eq!(report["settings"]["interval_seconds"], 0.1);
    assert_eq!(report["settings"]["disturbance"]["storm"]["at_seconds"], 0.15);
    assert_eq!(report["reconnections"]["completed"], 20);
    assert_eq!(report["checks"]["lost"], 0);
}

#[test]
fn many_channels_fit_a_scenario_made_smaller() {
    let server = ServerProcess::start(corecast(), &[]);
    let smaller = ["--scenario", "channels", "--channels", "200", "--rate", "500", "--json"];
    let report = report(&bench_small(&server, &smaller));
    assert_eq!(report["settings"]["subscriptions"], 30);
    assert_eq!(report["settings"]["popularity"]["zipf"]["exponent"], 1.0);
    assert_eq!(report["deliveries"]["arrived"], report["deliveries"]["expected"]);
}

#[test]
fn the_report_names_the_machine_and_what_the_server_cost() {
    let server = ServerProcess::start(corecast(), &["--listen", "native://127.0.0.1:0", "--cpus", "0"]);
    let pid = server.process.id().to_string();
    let report_of =
        |flags: &[&str]| report(&bench_small(&server, &[&["--server-pid", &pid, "--json"], flags].concat()));
    let report = report_of(&["--fresh-server"]);
    assert!(report["host"]["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty()));
    assert!(report["environment"]["generator_cpus"].as_array().is_some_and(|cpus| !cpus.is_empty()));
    assert!(report["environment"]["server_cpus"].as_array().is_some_and(|cpus| !cpus.is_empty()));
    assert!(report["environment"]["others_cpus"].is_f64());
    let again = report_of(&[]);
    assert!(again["server"]["memory_connected_bytes"].is_u64(), "{again}");
    assert!(again["server"]["memory_per_connection_bytes"].is_null(), "it has room from the run before: {again}");
    let server = &report["server"];
    assert!(server["memory_before_bytes"].as_u64() > Some(0) && server["memory_per_connection_bytes"].is_f64());
    let [both, user, system] = ["cpu", "user", "system"].map(|part| server[format!("{part}_us_per_delivery")].as_f64());
    let parts = user.unwrap() + system.unwrap();
    // Without a tick of 10 ms in the window, the time cannot be divided.
    assert!(parts < f64::EPSILON || (parts - both.unwrap()).abs() < 1e-6, "{server}");
}

#[test]
fn standard_output_that_nobody_reads_or_that_is_full_is_said_in_a_line() {
    let server = ServerProcess::start(corecast(), &[]);
    let address = server.address(Protocol::Native).to_string();
    let run = [&["run", "--address", &address], &SMALL[..]].concat();
    for arguments in [&run[..], &["scenarios"], &["scenarios", "paced"]] {
        let to_a_full_disk = ["-c", "exec \"$0\" \"$@\" >/dev/full", BINARY];
        let full = Process::start("sh", [&to_a_full_disk[..], arguments].concat()).finish(deadline());
        assert!(full.complaint(1).starts_with("cannot write to standard output: "), "{full:?}");
        let mut unread = Process::start(BINARY, arguments);
        unread.close_stdout();
        assert!(unread.finish(deadline()).code < 2, "no panic");
    }
}

#[test]
fn a_generator_that_was_stopped_in_its_window_is_invalid() {
    let server = ServerProcess::start(corecast(), &[]);
    let address = server.address(Protocol::Native).to_string();
    let mut subscriber = Process::start(corecast(), ["sub", "--address", &address, "--count", "1", "bench0"]);
    subscriber.error_line_with("subscribed bench0", Deadline::start());
    let load = ["--closed-loop", "16", "--warmup", "0ms", "--duration", "1s", "--json", "--channel-prefix", "bench"];
    let load = [&load[..], &["--address", &address]].concat();
    let bench = Process::start(BINARY, [&["run", "--subscribers", "20", "--publishers", "2"][..], &load].concat());
    // Without a warm-up, the first message is in the window.
    assert!(subscriber.line(deadline()).is_some(), "a message");
    bench.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(300));
    bench.signal(Signal::CONT);
    let finished = bench.finish(deadline());
    let report = report(&finished);
    assert_eq!((finished.code, &report["checks"]["lost"]), (1, &0.into()), "{finished:?}");
    let reasons = report["validity"]["reasons"].to_string();
    assert!(reasons.contains("the generator did not run for "), "{reasons}");
    assert!(report["generator"]["longest_scheduling_stall_us"].as_f64() > Some(200_000.0), "{report}");
}

/// Messages that others publish while a load runs: words, a message as long as a payload, and an empty one.
const OF_OTHERS: [&str; 3] = ["hello", "a message of somebody else that is just as long as a payload is.", ""];

#[test]
fn messages_of_others_are_not_taken_for_altered_ones() {
    let server = ServerProcess::start(corecast(), &[]);
    let address = server.address(Protocol::Native).to_string();
    let mut subscriber = Process::start(corecast(), ["sub", "--address", &address, "--count", "1", "load0"]);
    subscriber.error_line_with("subscribed load0", Deadline::start());
    let load = ["--address", &address, "--channel-prefix", "load", "--warmup", "0s", "--duration", "1s", "--json"];
    let bench = Process::start(BINARY, [&["run", "--subscribers", "20"][..], &load].concat());
    assert_eq!(subscriber.finish(deadline()).code, 0, "a message of the window");
    let messages = OF_OTHERS.map(|message| ["--message", message]).concat();
    let others = Process::start(corecast(), [&["pub", "--address", &address][..], &messages, &["load0"]].concat());
    assert_eq!(others.finish(deadline()).code, 0);
    let report = report(&bench.finish(deadline()));
    let checks = ["altered", "lost", "misrouted", "foreign"].map(|name| report["checks"][name].as_u64());
    assert_eq!(checks, [Some(0), Some(0), Some(0), Some(60)], "{report}");
    assert!(report["validity"]["notes"].to_string().contains("others published on the same channels"), "{report}");
}

#[test]
fn in_plain_too_messages_of_others_are_told_apart() {
    let server = ServerProcess::start(corecast(), &["--listen", "plain://127.0.0.1:0"]);
    let address = server.address(Protocol::Plain);
    let mut other = std::net::TcpStream::connect(address).expect("a server");
    let address = address.to_string();
    let load = ["--address", &address, "--protocol", "plain", "--warmup", "0s", "--duration", "1s", "--json"];
    let bench = Process::start(BINARY, [&["run", "--subscribers", "20", "--publishers", "2"][..], &load].concat());
    // There are fewer probes than this.
    let mut some = vec![0; 60 * (4 + 64)];
    other.read_exact(&mut some).expect("messages of the load");
    for message in OF_OTHERS {
        let length = u32::try_from(message.len()).expect("short").to_be_bytes();
        other.write_all(&[&length, message.as_bytes()].concat()).expect("a server that reads");
    }
    let report = report(&bench.finish(deadline()));
    let checks = ["altered", "lost", "misrouted", "foreign"].map(|name| report["checks"][name].as_u64());
    assert_eq!(checks, [Some(0), Some(0), Some(0), Some(66)], "{report}");
}

#[test]
fn channels_of_two_runs_have_names_that_nobody_guesses() {
    let server = ServerProcess::start(corecast(), &[]);
    let prefix = || {
        let report = report(&bench_small(&server, &["--json"]));
        report["settings"]["channel_prefix"].as_str().expect("a name").to_owned()
    };
    let (one, other) = (prefix(), prefix());
    assert!(one.starts_with("bench-") && one.len() == 19 && one != other, "{one} {other}");
}

#[test]
fn the_distribution_is_written_for_the_plotter() {
    let server = ServerProcess::start(corecast(), &[]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latency.hgrm");
    let report = report(&bench_small(&server, &["--json", "--hgrm", path.to_str().unwrap()]));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"), "{text}");
    let count = report["latency_us"]["count"].as_u64().unwrap();
    assert!(text.contains(&format!("Total count    = {count:12}]")), "{text}");
}

#[test]
fn a_file_of_ones_own_is_a_scenario_and_its_faults_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml");
    let path = path.to_str().unwrap();
    let server = ServerProcess::start(corecast(), &[]);
    fs::write(
        path,
        "summary = \"two steps\"\n[ramp]\nfirst_rate = 50\nfactor = 2.0\nmax_rate = 100\np99_bound_us = 1e7\n",
    )
    .unwrap();
    let finished = bench_small(&server, &["--scenario", path, "--json"]);
    let ramp: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(ramp["steps"].as_array().map(Vec::len), Some(2));
    assert_eq!(finished.stderr, "", "no progress where standard error is no terminal");

    fs::write(path, "rate = 50\nsubscriber = 7\n").unwrap();
    let complaint = bench(&["--scenario", path]);
    let complaint = complaint.complaint(2);
    assert!(complaint.starts_with(&format!("{path}:2: subscriber: unknown field")), "{complaint}");
}

#[test]
fn a_file_that_was_there_is_kept_by_a_run_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latency.hgrm");
    fs::write(&path, "of an earlier run").unwrap();
    let failed = bench(&["--address", "127.0.0.1:1", "--hgrm", path.to_str().unwrap()]);
    assert!(failed.complaint(2).starts_with("connecting to 127.0.0.1:1: "), "{failed:?}");
    assert_eq!(fs::read(&path).unwrap(), b"of an earlier run");
    let refused = bench(&["--address", "127.0.0.1:1", "--hgrm", "/absent/latency.hgrm"]);
    assert!(refused.complaint(2).starts_with("cannot write /absent/latency.hgrm: "), "{refused:?}");
}

#[test]
fn what_cannot_be_run_is_refused_in_a_line() {
    let cases: [(&[&str], &str); 5] = [
        (&["--scenario", "no-such"], "no-such"),
        (&["--scenario", "channels", "--protocol", "plain"], "plain has one channel"),
        (&["--scenario", "churn", "--protocol", "plain"], "plain does not confirm"),
        (&["--scenario", "ramp", "--hgrm", "x"], "--hgrm"),
        (&["--seed", "1"], "--zipf"),
    ];
    for (arguments, words) in cases {
        let finished = bench(arguments);
        let complaint = finished.complaint(2);
        assert!(complaint.contains(words), "{complaint}");
    }
}

#[test]
fn a_server_that_tells_it_has_its_shards_parts_reported() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("admin.sock");
    let socket = socket.to_str().expect("UTF-8");
    let server = ServerProcess::start(corecast(), &["--shards", "2", "--admin-socket", socket]);
    let report = report(&bench_small(&server, &["--rate", "100", "--admin-socket", socket, "--json"]));
    let shards = report["shards"].as_array().expect("a list");
    let sum = |field: &str| shards.iter().map(|shard| shard[field].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((shards.len(), sum("connections")), (2, 22), "{shards:?}");
    assert!(sum("deliveries") > 0 && sum("deliveries") == report["deliveries"]["arrived"], "{shards:?}");
    let text = bench_small(&server, &["--rate", "100", "--admin-socket", socket]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("shards      0: "), "{text:?}");
    let nobody = bench_small(&server, &["--admin-socket", "/nonexistent"]);
    assert!(nobody.complaint(2).contains("/nonexistent"), "{nobody:?}");
}

/// Returns the number of established connections to this port, from the clients' point of view.
fn connections_to(port: u16) -> usize {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let (remote, established) = (format!(":{port:04X}"), "01");
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields[2].ends_with(&remote) && fields[3] == established).count()
}

/// Both stand still, as on a suspended machine. Neither may hold that time against the other.
#[test]
fn time_in_which_the_generator_stood_still_does_not_count_against_connecting() {
    let server = ServerProcess::start(corecast(), &["--shards", "1"]);
    let address = server.address(Protocol::Native);
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    bystander.send_plain(b"accepted");
    bystander.expect_plain(b"accepted");
    server.process.signal(Signal::STOP);
    let arguments = ["run", "--connect-timeout", "3s", "--address", &address.to_string()];
    let bench = Process::start(BINARY, [&arguments[..], &SMALL[..], &["--json"]].concat());
    wait_until(Deadline::start(), "the generator to be connected", || connections_to(address.port()) == 22);
    bench.signal(Signal::STOP);
    bystander.expect_silence(Duration::from_secs(5));
    bench.signal(Signal::CONT);
    server.process.signal(Signal::CONT);
    report(&bench.finish(deadline()));
}
