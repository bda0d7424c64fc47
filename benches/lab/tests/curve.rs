//! A curve, from the command that measures it to its table, its requirements and its chart.

use std::path::Path;
use std::time::Duration;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Finished, Process, ServerProcess, beside};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

/// Returns the path of the server's program.
fn corecast() -> std::path::PathBuf {
    beside(BINARY, "corecast")
}

/// A curve of two rates that ends soon; its measurements are not checked. Each subscriber has 100 deliveries or more.
const SCENARIO: &str = "subscribers = 8\npublishers = 2\nwarmup_seconds = 0.02\nduration_seconds = 0.5\n\
                        [curve]\nrates = [200, 300]\n";

/// Returns a deadline for several runs on a busy machine.
fn deadline() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

fn bench(arguments: &[&str]) -> Finished {
    Process::start(BINARY, arguments).finish(deadline())
}

/// Writes the file of the scenario into a directory.
fn scenario(directory: &Path) -> String {
    let path = directory.join("own.toml");
    std::fs::write(&path, SCENARIO).expect("a writable file");
    path.to_str().expect("UTF-8").to_owned()
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("the file was written")).expect("JSON")
}

#[test]
fn contestants_have_one_table_of_all_rates_and_one_chart() {
    let directory = tempfile::tempdir().unwrap();
    let [json, svg, html] = ["c.json", "c.svg", "c.html"].map(|name| directory.path().join(name).display().to_string());
    let own = scenario(directory.path());
    let load = ["compare", "--scenario", &own, "--keep-invalid", "--json", &json];
    let finished = bench(&[&load[..], &["--policies=sharded,mutex", "--rounds=2"]].concat());
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert_eq!(finished.code, 0, "{finished:?}");
    for (name, rate) in [("sharded", "200"), ("mutex", "200"), ("sharded", "300"), ("mutex", "300")] {
        let is_row = |line: &&str| line.split_whitespace().take(2).eq([name, rate]);
        assert_eq!(text.lines().filter(is_row).count(), 2, "medians and ranges of {name} at {rate}: {text}");
    }
    let results = read(&json);
    let rates = results["entries"].as_array().expect("entries").iter().map(|entry| &entry["load"]["paced"]["rate"]);
    assert_eq!(rates.collect::<Vec<_>>(), [&json!(200), &json!(200), &json!(300), &json!(300)]);
    let fairness = results.pointer("/entries/0/reports/0/fairness/subscribers");
    assert_eq!(fairness, Some(&json!(8)), "{results}");

    assert_eq!(bench(&["report", &json, "--svg", &svg, "--title", "Ours"]).code, 0);
    let chart = std::fs::read_to_string(&svg).expect("the chart");
    assert!(chart.starts_with("<svg xmlns=") && chart.contains(">Ours</title>") && chart.contains(">mutex</text>"));
    assert_eq!(bench(&["report", &json, "--html", &html]).code, 0);
    assert!(std::fs::read_to_string(&html).expect("the page").contains("<h3>Latency over the rate</h3>"));
    let markdown = String::from_utf8(bench(&["report", &json, "--markdown"]).stdout).expect("UTF-8");
    assert!(markdown.starts_with("| messages a second | contestant | p50 |"), "{markdown}");
}

#[test]
fn a_requirement_must_hold_at_every_rate() {
    let directory = tempfile::tempdir().unwrap();
    let own = scenario(directory.path());
    let load = ["compare", "--scenario", &own, "--keep-invalid", "--a=sharded", "--b=sharded", "--rounds=1"];
    let judged = |requirements: &[&str], code| {
        let finished = bench(&[&load[..], requirements].concat());
        assert_eq!(finished.code, code, "{finished:?}");
        String::from_utf8(finished.stdout).expect("UTF-8")
    };
    let text = judged(&["--require=p99<=10000", "--require=fairness<=10000"], 0);
    for (requirement, of) in [("p99<=10000", "pairs"), ("fairness<=10000", "rounds")] {
        for rate in [200, 300] {
            let judgement = |line: &&str| {
                line.starts_with(&format!("{requirement}: held: median "))
                    && line.contains(&format!("; 1 of 6 {of} for an interval"))
                    && line.ends_with(&format!("; paced, {rate} messages a second"))
            };
            assert_eq!(text.lines().filter(judgement).count(), 1, "{requirement} at {rate}: {text}");
        }
    }
    // The greatest mean is never below the one in the middle.
    let text = judged(&["--require=fairness<=0.5"], 1);
    assert_eq!(text.matches("fairness<=0.5: NOT HELD: ").count(), 2, "{text}");
}

#[test]
fn fairness_is_bounded_without_anybody_to_divide_by() {
    let directory = tempfile::tempdir().unwrap();
    let own = scenario(directory.path());
    let base = directory.path().join("base.json").display().to_string();
    let alone =
        ["compare", "--scenario", &own, "--keep-invalid", "--a=sharded", "--rounds=1", "--save-baseline", &base];
    let finished = bench(&[&alone[..], &["--require=fairness<=10000"]].concat());
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(finished.code == 0 && text.matches("fairness<=10000: held: ").count() == 2, "{finished:?}");
    let refused = bench(&[&alone[..], &["--require=p99<=2"]].concat());
    assert!(refused.complaint(2).contains("--require needs --b or --baseline"), "{refused:?}");
    let saved = read(&base);
    assert_eq!(saved["entries"].as_array().map(Vec::len), Some(2), "an entry for each rate");
    let later = ["compare", "--scenario", &own, "--keep-invalid", "--a=sharded", "--rounds=1", "--baseline", &base];
    let finished = bench(&[&later[..], &["--require=p99<=10000"]].concat());
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(finished.code == 0 && text.matches("p99<=10000: held: ").count() == 2, "{finished:?}");
}

#[test]
fn run_runs_every_rate_and_report_reads_what_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let own = scenario(directory.path());
    let server = ServerProcess::start(corecast(), &[]);
    let address = server.address(Protocol::Native).to_string();
    let run = |flags: &[&str]| bench(&[&["run", "--scenario", &own, "--address", &address][..], flags].concat());
    let json = run(&["--json"]);
    let curve: Value = serde_json::from_slice(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json:?}"));
    assert_eq!((&curve["curve"]["rates"], json.stderr.as_str()), (&json!([200, 300]), ""));
    let rates =
        |pointer| curve["steps"].as_array().expect("steps").iter().filter_map(move |step| step.pointer(pointer));
    assert!(rates("/settings/load/paced/rate").eq([&json!(200), &json!(300)]), "{curve}");
    assert!(rates("/checks/lost").all(|lost| *lost == 0), "{curve}");
    let valid = rates("/validity/valid").all(|valid| *valid == true);
    assert_eq!(json.code, i32::from(!valid), "{curve}");

    let file = directory.path().join("sharded.1.json");
    std::fs::write(&file, &json.stdout).expect("a writable file");
    let report = bench(&["report", file.to_str().expect("UTF-8")]);
    assert!(String::from_utf8_lossy(&report.stdout).contains("latency over the rate"), "{report:?}");

    let text = String::from_utf8(run(&[]).stdout).expect("UTF-8");
    let rows: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(rows, ["messages/s", "200", "300"], "{text}");
    let one = String::from_utf8(run(&["--rate", "250"]).stdout).expect("UTF-8");
    assert!(one.contains("load        paced, 250 messages a second") && one.contains("\nfairness    "), "{one}");
    let hgrm = run(&["--hgrm", "x"]);
    assert!(hgrm.complaint(2).contains("a ramp or a curve has a distribution for each"), "{hgrm:?}");
}

#[test]
fn a_rate_replaces_the_curves() {
    let directory = tempfile::tempdir().unwrap();
    let own = scenario(directory.path());
    let arguments = ["compare", "--scenario", &own, "--policies=sharded", "--keep-invalid", "--rate=250"];
    let finished = bench(&arguments);
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(text.contains("\npaced, 250 messages a second\n") && !text.contains("over the rate"), "{finished:?}");
}

#[test]
fn what_has_no_curve_has_no_chart() {
    let directory = tempfile::tempdir().unwrap();
    let step = |rate: u32| {
        json!({
            "host": {}, "settings": { "load": { "paced": { "rate": rate } } }, "checks": {},
            "deliveries": { "measured_per_second": 1.0 }, "latency_us": { "p50": 1.0, "p99": 1.0 },
            "validity": { "valid": true },
        })
    };
    let file = |name: &str, value: Value| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary directory");
        std::fs::write(&path, value.to_string()).expect("a writable file");
        path.display().to_string()
    };
    let svg = directory.path().join("c.svg").display().to_string();
    let one = file("one/a.json", step(100));
    let finished = bench(&["report", &one, "--svg", &svg]);
    assert!(finished.complaint(2).contains("no contestant ran at two open-loop rates or more"), "{finished:?}");
    let curve = json!({ "curve": { "rates": [100, 200] }, "steps": [step(100), step(200)] });
    let [a, b] = ["two/a.json", "three/a.json"].map(|name| file(name, curve.clone()));
    let finished = bench(&["report", &a, &b, "--svg", &svg]);
    assert!(finished.complaint(2).contains("several experiments have a curve"), "{finished:?}");
    assert!(!Path::new(&svg).exists());
    assert_eq!(bench(&["report", &one, &a, "--svg", &svg]).code, 0, "one of the experiments has a curve");
    assert!(Path::new(&svg).exists());
}
