//! `corecast-bench compare`: the contestants, the output, and the exit codes.

use std::path::Path;
use std::time::Duration;

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{Deadline, Finished, Process, ServerProcess, beside, write_program};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

/// Returns the path of the server's program.
fn corecast() -> std::path::PathBuf {
    beside(BINARY, "corecast")
}

/// A load that ends soon; its measurements are not checked.
const SMALL: [&str; 6] =
    ["--subscribers=8", "--publishers=2", "--rate=0", "--closed-loop=8", "--warmup=20ms", "--duration=50ms"];

/// Returns a deadline for several runs on a busy machine.
fn deadline() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

fn compare(arguments: &[&str]) -> Finished {
    Process::start(BINARY, [&["compare"], arguments].concat()).finish(deadline())
}

/// Returns the output of a small comparison that ends with this code, whether the machine is quiet or not.
#[track_caller]
fn measured(arguments: &[&str], code: i32) -> String {
    let finished = compare(&[&SMALL[..], &["--keep-invalid"], arguments].concat());
    assert_eq!(finished.code, code, "{finished:?}");
    assert_eq!(finished.stderr, "", "no progress where standard error is no terminal");
    String::from_utf8(finished.stdout).expect("UTF-8")
}

#[track_caller]
fn refused(arguments: &[&str]) -> String {
    compare(arguments).complaint(2).to_owned()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file was written")).expect("JSON")
}

#[test]
fn many_contestants_have_one_table() {
    let text = measured(&["--policies=sharded,mutex", "--rounds=1"], 0);
    for part in ["saturate, 8 messages in flight", "  sharded ", "  mutex ", "rate ×", "checks\n"] {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }
}

#[test]
fn a_scenario_is_the_load_and_flags_override_it() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("channels.json");
    let finished = compare(&[
        "--policies=sharded",
        "--scenario=channels",
        "--subscribers=6",
        "--channels=90",
        "--rate=200",
        "--warmup=20ms",
        "--duration=200ms",
        "--rounds=1",
        "--keep-invalid",
        "--json",
        json.to_str().unwrap(),
    ]);
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(text.contains("paced, 200 messages a second") && !text.contains("saturate"), "{text}");
    let settings = read(&json).pointer("/entries/0/reports/0/settings").cloned().expect("settings");
    let settings = |key: &str| settings[key].clone();
    assert_eq!((settings("subscriptions"), settings("channels")), (30.into(), 90.into()));
    assert_ne!(settings("popularity"), "even");
    let report = read(&json).pointer("/entries/0/reports/0").cloned().expect("a report");
    let shards = report["shards"].as_array().expect("what each shard did");
    let deliveries = shards.iter().filter_map(|shard| shard["deliveries"].as_u64()).sum::<u64>();
    assert!(deliveries > 0 && deliveries == report["deliveries"]["arrived"], "{shards:?}");
}

#[test]
fn all_policies_and_rungs_have_one_table_and_a_document_has_their_rows() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("all.json");
    let json = json.to_str().unwrap();
    let text = measured(&["--policies=all,mutex+owner,subjector-portal+owner@2", "--rounds=1", "--json", json], 0);
    let report = Process::start(BINARY, ["report", json, "--markdown"]).finish(Deadline::start());
    let markdown = String::from_utf8(report.stdout).expect("UTF-8");
    assert!(markdown.starts_with("| rung | deliveries/s | p99 | CPU/delivery |\n| --- |"), "{markdown}");
    for policy in PolicyKind::ALL.iter().map(|policy| policy.name()).chain(["mutex+owner", "subjector-portal+owner@2"])
    {
        assert!(text.contains(&policy[..12.min(policy.len())]), "{policy} is missing:\n{text}");
        assert!(markdown.contains(&format!("\n| `{policy}` | ")), "{policy} is missing:\n{markdown}");
    }
}

#[test]
fn a_and_b_run_in_turns_and_have_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("pair.json");
    let arguments = ["--a=sharded,flush-pause=0", "--b=mutex", "--rounds=2", "--require=deliveries>=0.0001"];
    let arguments = [&arguments[..], &["--json", json.to_str().unwrap()]].concat();
    let text = measured(&arguments, 0);
    for part in [
        "sharded,flush-pause=0 against mutex; saturate, 8 messages in flight\n",
        "  deliveries/s: too few pairs to tell: ",
        "; an interval needs 6",
        "deliveries>=0.0001: held: median ",
        " of 6 pairs for an interval: not settled",
    ] {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }
    let json = read(&json);
    assert_eq!(json["reference"], "mutex");
    let server = json.pointer("/entries/0/server").and_then(Value::as_str).unwrap();
    assert!(server.contains(" serve --policy sharded") && server.ends_with("--flush-pause 0"), "{server}");
    assert!(json.pointer("/entries/0/reports/1/latency_curve/0").is_some(), "a curve for the page");
}

#[test]
fn figures_that_rest_on_an_invalid_run_are_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    // The only message of the first second is in the warm-up.
    let silent = ["--subscribers=2", "--rate=1", "--closed-loop=0", "--warmup=200ms", "--duration=50ms", "--rounds=1"];
    for (nth, contestants) in [&["--policies=sharded"][..], &["--a=sharded", "--b=sharded"]].into_iter().enumerate() {
        let json = directory.path().join(format!("{nth}.json"));
        let finished = compare(&[&silent, contestants, &["--json", json.to_str().unwrap()]].concat());
        let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
        assert!(finished.code == 1 && text.contains("INVALID: nothing arrived in the measured window"), "{finished:?}");
        assert_eq!(read(&json).pointer("/entries/0/reports/0/validity/valid"), Some(&false.into()));
        let kept = compare(&[&silent, contestants, &["--keep-invalid"]].concat());
        assert!(kept.code == 0 && String::from_utf8_lossy(&kept.stdout).contains("INVALID"), "{kept:?}");
    }
}

#[test]
fn results_reach_their_files_though_standard_output_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let [json, baseline] = ["pair.json", "base.json"].map(|name| directory.path().join(name));
    let to_a_full_disk = ["-c", "exec \"$0\" \"$@\" >/dev/full", BINARY, "compare"];
    let files = ["--json", json.to_str().unwrap(), "--save-baseline", baseline.to_str().unwrap()];
    let arguments = [&to_a_full_disk[..], &SMALL, &["--a=sharded", "--b=mutex", "--rounds=1"], &files].concat();
    let finished = Process::start("sh", arguments).finish(deadline());
    let said = finished.stderr.lines().last().unwrap_or_default();
    assert!(
        finished.code == 1 && said.starts_with("corecast-bench: cannot write to standard output: "),
        "{finished:?}"
    );
    assert!(read(&json).pointer("/entries/1/reports/0").is_some() && read(&baseline)["format_version"] == 1);
}

#[test]
fn what_was_measured_before_a_server_fails_is_shown_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let [once, json] = ["once", "pair.json"].map(|name| directory.path().join(name));
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = serve ]; then\n[ ! -e \"$0.ran\" ] || {{ echo 'only twice' >&2; exit 3; }}\n\
         [ ! -e \"$0.checked\" ] || touch \"$0.ran\"\ntouch \"$0.checked\"\nfi\nexec '{}' \"$@\"\n",
        corecast().display()
    );
    write_program(&once, &script);
    let files = ["--json", json.to_str().unwrap(), "--b-bin", once.to_str().unwrap()];
    let finished = compare(&[&SMALL[..], &["--a=sharded", "--b=sharded", "--rounds=3"], &files].concat());
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(finished.code == 1 && text.contains("round 2 was not measured: "), "{finished:?}");
    assert!(finished.stderr.contains("corecast-bench: the comparison ended early: "), "{finished:?}");
    assert!(finished.stderr.contains("only twice"), "{finished:?}");
    let json = read(&json);
    for entry in ["/entries/0/reports", "/entries/1/reports"] {
        assert_eq!(json.pointer(entry).and_then(Value::as_array).map(Vec::len), Some(1), "{entry}");
    }
}

/// A server that was built without the feature `baselines` refuses every policy but one.
#[test]
fn a_policy_that_the_server_lacks_is_refused_before_anything_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("sharded-alone");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'--policy sharded'*) exec '{}' \"$@\";; esac\necho 'corecast: not built' >&2\nexit 2\n",
        corecast().display()
    );
    write_program(&program, &script);
    for (policies, refusal) in [
        ("--policies=ladder", "--policies: 'mutex@1': not built"),
        ("--policies=sharded,snapshot+owner", "--policies: 'snapshot+owner': not built"),
    ] {
        assert_eq!(refused(&[policies, "--corecast", program.to_str().unwrap()]), refusal);
    }
}

#[test]
fn programs_and_running_servers_are_contestants_too() {
    let running = ServerProcess::start(corecast(), &["--listen", "native://127.0.0.1:0"]);
    let (address, pid) = (running.address(Protocol::Native), running.process.id());
    let server = corecast();
    let server = server.to_str().expect("UTF-8");
    let b = format!("--b=other={address},protocol=native,pid={pid}");
    let text = measured(&["--a=mutex", "--a-bin", server, &b, "--rounds=1", "--require=cpu<=10000"], 0);
    assert!(text.contains(&format!("mutex of {server} against other; saturate")), "{text}");
    assert!(text.contains("cpu<=10000: held: median "), "{text}");
}

#[test]
fn a_requirement_that_is_not_kept_is_exit_code_1() {
    let arguments = ["--a=sharded", "--b=sharded", "--rounds=1", "--require=deliveries>=1000"];
    let text = measured(&arguments, 1);
    assert!(text.contains("deliveries>=1000: NOT HELD: median "), "{text}");
    assert!(text.contains("sharded (A) against sharded (B)"), "{text}");
}

#[test]
fn a_baseline_is_saved_and_compared_with_later() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("base.json");
    let name = file.to_str().unwrap();
    let save = ["--a=sharded,shards=1", "--rounds=1", "--save-baseline", name];
    let text = measured(&save, 0);
    assert!(text.ends_with(&format!("The runs of sharded,shards=1 are in {name}.\n")), "{text}");
    let mut saved = read(&file);
    assert_eq!((&saved["format"], &saved["format_version"]), (&"corecast-baseline".into(), &1.into()));
    assert!(saved["host"]["kernel"].is_string(), "{saved}");

    saved["host"]["kernel"] = "2.6.32".into();
    std::fs::write(&file, saved.to_string()).unwrap();
    let text = measured(&["--a=sharded", "--rounds=1", "--baseline", name, "--require=deliveries>=0.0001"], 0);
    for part in [
        "sharded against baseline sharded,shards=1; saturate",
        "The baseline was measured at another time",
        "WARNING: the host differs: kernel: \"2.6.32\" then",
        "deliveries>=0.0001: held",
    ] {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }

    let other_load = [&SMALL[..], &["--a=sharded", "--baseline", name, "--payload=100"]].concat();
    assert!(refused(&other_load).contains("payload bytes: 64 then, 100 now"));
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.json");
    std::fs::write(&file, "{}").unwrap();
    let bad = file.to_str().unwrap();
    for (arguments, reason) in [
        (&["--a=sharded"][..], "--b <SPEC>"),
        (&["--b=sharded"], "--a <SPEC>"),
        (&["--a=sharded", "--b=mutex", "--policies=mutex"], "cannot be used with"),
        (&["--a=shraded", "--b=mutex"], "unknown value 'shraded'; expected one of sharded"),
        (&["--a=sharded,shard=2", "--b=mutex"], "'--shard'"),
        (&["--a=sharded,2", "--b=mutex"], "--a: 'sharded,2': '2' is not FLAG=VALUE"),
        (&["--a=redis=127.0.0.1:1", "--a-bin=x", "--b=mutex"], "--a-bin: 'redis' is a server that is already running"),
        (&["--a=sharded", "--b=mutex", "--require=p99<0.8"], "--require: invalid requirement 'p99<0.8'"),
        (&["--a=sharded", "--b=mutex", "--rate=0", "--require=p99<=0.8"], "'p99<=0.8' needs a --rate above 0"),
        (&["--a=sharded", "--save-baseline=x.json", "--require=p99<=0.8"], "--require needs --b or --baseline"),
        (&["--a=sharded", "--baseline", bad], "bad.json: not a baseline"),
        (&["--a=sharded", "--baseline=absent.json"], "absent.json: No such file"),
        (&["--rate=0", "--closed-loop=0"], "nothing is left to measure"),
        (&["--rounds=0"], "--rounds"),
        (&["--a=sharded", "--b=mutex", "--scenario=ramp"], "a ramp is compared in a table"),
        (&["--scenario=absent"], "it is not one of light"),
        (&["--policies=sharded+owner"], "--handoff is for the policies with a shared registry"),
        (&["--policies=mutex+thief"], "'thief'; expected one of direct, owner"),
        (&["--a=sharded", "--b=sharded", "--b-bin=/absent/corecast"], "/absent/corecast: No such file"),
        (&["--policies=sharded", "--peer=redis=127.0.0.1:1"], "redis at 127.0.0.1:1: Connection refused"),
        (&["--json=/absent/all.json"], "cannot write /absent/all.json: No such file"),
        (&["--a=sharded", "--save-baseline=/absent/base.json"], "cannot write /absent/base.json: No such file"),
        (&["--publishers=8", "--closed-loop=7"], "--closed-loop: 8 (one a publisher) to"),
        (&["--load-cpus=1023"], "CPU 1023"),
        (&["--cpus=1023"], "CPU 1023"),
    ] {
        let complaint = refused(arguments);
        assert!(complaint.contains(reason), "{arguments:?}: {complaint}");
    }
}

#[test]
fn each_binary_is_named_with_its_own_version() {
    let directory = tempfile::tempdir().unwrap();
    let (other, json) = (directory.path().join("other"), directory.path().join("ab.json"));
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo 'corecast 0.0.9 (0ld)'; exit; }}\nexec '{}' \"$@\"\n",
        corecast().display()
    );
    write_program(&other, &script);
    let (other, file) = (other.to_str().unwrap(), json.to_str().unwrap());
    let text = measured(&["--a=mutex", "--b=mutex", "--b-bin", other, "--rounds=1", "--json", file], 0);
    assert!(text.contains(": corecast 0.0.9 (0ld)\n"), "{text}");
    let entries = read(&json)["entries"].clone();
    let own = format!("corecast {}", env!("CARGO_PKG_VERSION"));
    assert!(entries[0]["version"].as_str().is_some_and(|version| version.starts_with(&own)), "{entries}");
    assert_eq!(entries[1]["version"], "corecast 0.0.9 (0ld)");
}
