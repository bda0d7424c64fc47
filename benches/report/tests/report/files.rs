//! The result files and baselines that are read, and those that are refused.

use std::path::Path;

use crate::support::{paced, report, results, rounds, with};
use corecast_report::{Baseline, Experiment, Load, collect};
use serde_json::{Map, Value, json};

pub(crate) fn collected(files: &[(&str, String)], reference: Option<&str>) -> Vec<Experiment> {
    let files: Vec<(&Path, &str)> = files.iter().map(|(path, text)| (Path::new(*path), text.as_str())).collect();
    collect(&files, reference).expect("result files")
}

#[test]
fn a_comparison_is_an_experiment_with_its_own_reference() {
    let text = serde_json::to_string(&results(vec![rounds("a", &[1.0]), rounds("b", &[2.0])])).unwrap();
    let files = [("results/paced.json", text)];
    let experiments = collected(&files, None);
    assert_eq!((experiments[0].title.as_str(), experiments[0].results.reference.as_str()), ("paced", "b"));
    assert_eq!(collected(&files, Some("a"))[0].results.reference, "a");
    assert_eq!(collected(&files, Some("absent"))[0].results.reference, "b");
}

#[test]
fn the_runs_of_a_directory_are_rounds_of_its_contestants() {
    let file = |name, p50| (name, report(p50).to_string());
    let files = [
        file("results/stall/sharded.10.json", 3.0),
        file("results/stall/sharded.2.json", 2.0),
        file("results/stall/mutex.1.json", 4.0),
        file("results/idle/sharded.json", 5.0),
    ];
    let experiments = collected(&files, None);
    assert_eq!(experiments.iter().map(|it| it.title.as_str()).collect::<Vec<_>>(), ["idle", "stall"]);
    let stall = &experiments[1].results;
    assert_eq!(stall.reference, "mutex");
    let sharded = stall.entries.iter().find(|entry| entry.name == "sharded").unwrap();
    let p50s: Vec<_> = sharded.runs.iter().filter_map(|run| corecast_report::Metric::P50.of(run)).collect();
    assert_eq!(p50s, [2.0, 3.0], "the second round comes before the tenth");
}

#[test]
fn what_holds_no_results_is_refused_by_name() {
    for (text, reason) in [
        ("{", "not JSON"),
        ("{}", "not the report of a run: it has no deliveries.measured_per_second"),
        (r#"{"reference": "a", "entries": []}"#, "it holds no run"),
        (r#"{"reference": "a", "entries": [{"name": "a"}]}"#, "missing field"),
        (r#"{"format": "corecast-baseline", "format_version": 2}"#, "version 2; only 1 is read here"),
    ] {
        let error = collect(&[(Path::new("bad.json"), text)], None).unwrap_err().to_string();
        assert!(error.starts_with("bad.json: ") && error.contains(reason), "{error}");
    }
    let error = collect(&[(Path::new("bad.json"), &with(report(1.0), "/checks", json!(0)).to_string())], None);
    assert!(error.unwrap_err().to_string().contains("it has no checks"));
}

#[test]
fn fields_of_a_later_version_survive_a_round_trip() {
    let later = with(report(1.0), "/skew_us", json!({ "p99": 7.5 }));
    let all = results(vec![crate::support::entry("a", vec![later])]);
    let written = serde_json::to_value(&all).unwrap();
    assert_eq!(written.pointer("/entries/0/reports/0/skew_us/p99"), Some(&json!(7.5)));
}

fn baseline() -> Baseline {
    Baseline::new(vec![rounds("sharded", &[1.0, 2.0])], "0.1.0", 1_700_000_000)
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).expect("an object")
}

#[test]
fn a_baseline_is_read_as_it_was_written() {
    let text = serde_json::to_string(&baseline()).unwrap();
    assert_eq!(Baseline::read("base.json", &text).unwrap(), baseline());
    let error = Baseline::read("base.json", &report(1.0).to_string()).unwrap_err().to_string();
    assert!(error.starts_with("base.json: not a baseline"), "{error}");
}

#[test]
fn a_baseline_stands_beside_its_own_contestant_under_another_name() {
    let entries = baseline().entries_under(&[paced()]);
    assert_eq!((entries.len(), entries[0].name.as_str()), (1, "baseline sharded"));
    assert_eq!(baseline().name().as_deref(), Some("baseline sharded"));
}

#[test]
fn another_host_is_said_fact_by_fact() {
    let here = object(json!({ "kernel": "6.12.0", "cpu": "Test CPU", "cpus": 8, "governor": "performance" }));
    let differences = baseline().host_differences(&here);
    assert_eq!(differences, ["cpus: 4 then, 8 now", r#"kernel: "6.1.0" then, "6.12.0" now"#]);
}

#[test]
fn another_load_is_refused() {
    let settings = object(json!({ "subscribers": 1000, "address": "127.0.0.1:1", "server_pid": 99, "cpus": [0] }));
    assert!(baseline().check(&settings, &[paced()]).is_ok());
    let fewer = object(json!({ "subscribers": 10 }));
    let error = baseline().check(&fewer, &[paced()]).unwrap_err().to_string();
    assert_eq!(error, "the baseline does not fit: subscribers: 1000 then, 10 now");
    let other: Load = serde_json::from_value(json!({ "paced": { "rate": 7 } })).unwrap();
    let error = baseline().check(&settings, &[other]).unwrap_err().to_string();
    assert!(error.contains("no load 'paced, 7 messages a second', but 'paced, 100"), "{error}");
}
