//! The table of results has the expected content, and fits.

use crate::support::{entry, report, results, rounds, with};
use corecast_report::{Entry, Metric, TABLE_WIDTH};
use serde_json::json;

#[test]
fn medians_ratios_and_ranges_are_in_the_table() {
    let text = results(vec![rounds("sharded", &[100.0, 300.0, 200.0]), rounds("mutex", &[400.0; 3])]).to_string();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let medians = [
        "sharded", "100", "k", "200", "µs", "400", "µs", "600", "µs", "1000", "µs", "0.200", "µs", "0.500", "0.500",
        "held",
    ];
    assert!(rows.iter().any(|row| *row == medians), "{text}");
    let ranges = ["sharded", "200", "to", "600", "µs", "100", "to", "300", "µs", "0.100", "to", "0.300", "µs"];
    assert!(rows.iter().any(|row| *row == ranges), "{text}");
    assert!(text.contains("1000 subscribers") && text.contains("Test CPU, 4 CPUs, Linux 6.1.0"), "{text}");
}

#[test]
fn no_line_of_it_is_wider_than_a_terminal() {
    let long = "sharded,flush-pause=0,max-flush-pause=2ms,shards=16 of /opt/corecast/bin/corecast";
    let saturate = |report| with(report, "/deliveries/measured_per_second", json!(123_456_789.0));
    let wide: Vec<_> = [12_345.0, 99_999.0, 54_321.0].map(report).into_iter().map(saturate).collect();
    let mut partly = wide.clone();
    partly[0] = with(partly[0].clone(), "/validity/valid", json!(false));
    let mut all = results(vec![entry(long, partly), entry("mutex", wide)]);
    let mut under_saturation = all.entries.clone();
    for entry in &mut under_saturation {
        entry.load = serde_json::from_value(json!({ "saturate": { "in_flight": 256 } })).unwrap();
    }
    all.entries.extend(under_saturation);
    let text = all.to_string();
    assert!(text.contains(&format!("[1] is {long}")), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= TABLE_WIDTH, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn failures_are_in_the_row_and_said_once_below() {
    let failed = with(report(1.0), "/checks/lost", json!(12));
    let late = |p99| {
        let invalid = with(report(1.0), "/validity/valid", json!(false));
        with(invalid, "/validity/reasons", json!([format!("generator late: p99 {p99} µs")]))
    };
    let mut all = results(vec![entry("lossy", vec![failed]), entry("late", vec![late(1200), report(1.0), late(3400)])]);
    all.entries[1].unclean_ends.push("signal: 9".to_owned());
    let text = all.to_string();
    for part in [
        "lossy, paced, 100 messages a second\n  round 1: FAILED: 12 lost\n",
        "late, paced, 100 messages a second\n  figures of 1 of 3 rounds\n  rounds 1, 3, figures of round 1: INVALID: generator late: p99 1200 µs\n",
        "  the server did not end cleanly: signal: 9\n",
    ] {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }
    assert!(!all.passed());
    all.entries[1].unclean_ends.clear();
    let partly = |line: &str| line.starts_with("  late") && line.ends_with("  1 of 3");
    assert!(all.to_string().lines().any(partly), "{text}");
}

#[test]
fn figures_are_of_usable_rounds_where_there_are_any() {
    let invalid = |p50| with(report(p50), "/validity/valid", json!(false));
    let lossy = |p50| with(report(p50), "/checks/lost", json!(1));
    let partly = entry("partly", vec![report(100.0), invalid(9000.0), report(300.0), invalid(8000.0)]);
    let never = entry("never", vec![invalid(700.0), invalid(900.0)]);
    let wrong = entry("wrong", vec![lossy(50.0)]);
    let median = |entry: &Entry| entry.spread(Metric::P50).map(|spread| spread.median);
    assert_eq!([&partly, &never, &wrong].map(median), [Some(200.0), Some(800.0), Some(50.0)]);
    let said = [&partly, &never, &wrong].map(Entry::reservation);
    assert_eq!(said, ["2 of 4 rounds", "invalid", "failed"].map(|said| Some(said.to_owned())));
    assert_eq!(rounds("all", &[1.0]).reservation(), None);
    let table = results(vec![partly, never, wrong]).ladder_table();
    assert!(table.contains("| `partly` | - | 400 µs (200 to 600 µs), 2 of 4 rounds |"), "{table}");
    assert!(table.contains("| `never` | - | INVALID | INVALID |"), "{table}");
    assert!(table.contains("| `wrong` | - | FAILED | FAILED |"), "{table}");
}

#[test]
fn a_series_of_another_form_is_said_not_dropped() {
    let strange = with(report(1.0), "/timeline", json!("a picture"));
    let text = results(vec![entry("a", vec![strange])]).to_string();
    assert!(text.contains("round 1: its timeline is of a form that is not read here"), "{text}");
}

#[test]
fn a_ladder_has_a_row_for_each_contestant_with_figures_of_the_load_that_shows_them() {
    let mut results = results(vec![rounds("mutex", &[100.0, 300.0, 200.0]), rounds("sharded", &[50.0])]);
    let saturate: corecast_report::Load = serde_json::from_value(json!({ "saturate": { "in_flight": 8 } })).unwrap();
    for mut entry in results.entries.clone() {
        entry.load = saturate.clone();
        results.entries.push(entry);
    }
    results.entries[3].unclean_ends.push("it was killed".to_owned());
    let expected = "| rung | deliveries/s | p99 | CPU/delivery |\n| --- | --- | --- | --- |\n\
                    | `mutex` | 100 k | 400 µs (200 to 600 µs) | 0.200 µs (0.100 to 0.300 µs) |\n\
                    | `sharded` | FAILED | 100 µs | 0.0500 µs |\n";
    assert_eq!(results.ladder_table(), expected);
}

#[test]
fn what_was_done_to_those_who_stalled_or_came_again_is_checked_too() {
    let untold = with(report(1.0), "/stalled", json!({ "checks": { "lost": 2, "gaps": 4, "reported_lost": 9 } }));
    let told = with(report(1.0), "/stalled", json!({ "checks": { "lost": 0, "gaps": 4, "reported_lost": 9 } }));
    let refused = with(report(1.0), "/reconnections", json!({ "begun": 3, "refused": 1 }));
    let text = results(vec![entry("a", vec![untold, told, refused])]).to_string();
    assert!(text.contains("round 1: FAILED: 2 lost of those that stalled\n"), "{text}");
    assert!(text.contains("round 3: FAILED: 1 refused to come again\n") && !text.contains("round 2"), "{text}");
}

#[test]
fn versions_of_servers_are_said_once_or_each() {
    let of = |name: &str, version: &str| Entry { version: Some(version.to_owned()), ..rounds(name, &[1.0]) };
    let same = results(vec![of("a", "corecast 1 (old)"), of("b", "corecast 1 (old)"), rounds("redis", &[1.0])]);
    assert!(same.to_string().contains("\nServers: corecast 1 (old)\n"), "{same}");
    let other = results(vec![of("a", "corecast 2 (new)"), of("b", "corecast 1 (old)")]);
    assert!(other.to_string().contains("\na: corecast 2 (new)\nb: corecast 1 (old)\n"), "{other}");
    assert!(!results(vec![rounds("a", &[1.0])]).to_string().contains("Servers"));
}

#[test]
fn figures_that_cannot_be_used_have_no_ratio() {
    let invalid = with(report(10.0), "/validity/valid", json!(false));
    let text = results(vec![rounds("a", &[5.0]), entry("b", vec![invalid]), rounds("mutex", &[10.0])]).to_string();
    let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("  {name} "))).expect("a row").to_owned();
    let end = |name: &str| row(name).split_whitespace().rev().take(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(end("a"), ["held", "0.500", "0.500"], "{text}");
    assert_eq!(end("b"), ["INVALID", "-", "-"], "{text}");
}
