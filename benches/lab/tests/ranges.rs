//! Every flag of every command accepts the values in its range, and refuses any other in a line that names the flag.

use std::fs;

use corecast_engine::Protocol;
use corecast_testkit::{ServerProcess, beside, each_case, flag_cases};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

#[test]
fn of_run() {
    let server = ServerProcess::start(beside(BINARY, "corecast"), &["--listen", "native://127.0.0.1:0"]);
    let address = format!("--address={}", server.address(Protocol::Native));
    let others = [&address, "--subscribers=4", "--publishers=1", "--warmup=0s", "--duration=20ms"];
    each_case(flag_cases(BINARY, "run"), |case, directory| match case.flag.as_str() {
        // These are rates that take a second, and files that do not exist.
        "--seed" => {
            case.ends_or_is_refused(directory, BINARY, "run", &[&others[..], &["--zipf=1", "--channels=2"]].concat());
        }
        _ => case.ends_or_is_refused(directory, BINARY, "run", &others),
    });
}

/// A suite whose load is given on the command line.
const SUITE: &str = "policies = \"mutex\"\n[[comparison]]\nname = \"one\"\n";

#[test]
fn of_compare() {
    let load = ["--subscribers=4", "--publishers=2", "--warmup=0s", "--duration=20ms", "--rate=0", "--closed-loop=2"];
    let load = [&load[..], &["--keep-invalid", "--rounds=1"]].concat();
    each_case(flag_cases(BINARY, "compare"), |case, directory| {
        fs::write(directory.join("suite.toml"), SUITE).expect("a writable file");
        let contestants: &[&str] = match case.flag.as_str() {
            "--a" | "--a-bin" | "--b" | "--b-bin" | "--require" => &["--a=mutex", "--b=mutex"],
            "--baseline" | "--save-baseline" => &["--a=mutex"],
            "--suite" => &["--out=results"],
            "--out" | "--only" => &["--suite=suite.toml", "--out=results"],
            _ => &["--policies=mutex"],
        };
        case.ends_or_is_refused(directory, BINARY, "compare", &[&load, contestants].concat());
    });
}

#[test]
fn of_report() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let report = result(&directory);
    each_case(flag_cases(BINARY, "report"), |case, directory| {
        case.ends_or_is_refused(directory, BINARY, "report", &[&report]);
    });
}

/// Writes a result file for `corecast-bench report`: a curve, which every output format can show.
fn result(directory: &TempDir) -> String {
    let file = directory.path().join("sharded.json");
    let step = |rate: u64| {
        serde_json::json!({
            "host": {},
            "settings": { "load": { "paced": { "rate": rate } } },
            "deliveries": { "measured_per_second": 1.0 },
            "latency_us": { "p99": 1.0 },
            "checks": {},
            "validity": { "valid": true, "reasons": [], "notes": [] },
        })
    };
    let curve = serde_json::json!({ "curve": { "rates": [100, 200] }, "steps": [step(100), step(200)] });
    fs::write(&file, curve.to_string()).expect("a writable file");
    file.to_str().expect("UTF-8").to_owned()
}
