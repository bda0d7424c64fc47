//! Ramps: contestants are compared although each contestant and round has its own knee.

use crate::files::collected;
use crate::support::{report, with};
use corecast_report::{Experiment, Metric, page};
use serde_json::{Value, json};

/// Returns a step in the form of `corecast-bench run`.
fn step(rate: u32, p99: f64) -> Value {
    let load = with(report(p99 / 2.0), "/settings/load", json!({ "paced": { "rate": rate } }));
    with(load, "/messages", json!({ "offered": rate, "achieved": rate, "offered_per_second": f64::from(rate) + 0.3 }))
}

fn ramp(steps: &[Value], knee: Option<u32>) -> String {
    let plan = json!({ "first_rate": 500, "factor": 2.0, "max_rate": 100_000, "p99_bound_us": 5000.0 });
    json!({ "ramp": plan, "steps": steps, "knee": knee }).to_string()
}

/// Returns a ramp that sustains all rates up to its knee.
fn to_knee(knee: u32) -> String {
    let rates = std::iter::successors(Some(500), |rate| Some(rate * 2)).take_while(|rate| *rate <= knee * 2);
    let p99 = |rate: u32| if rate <= knee { 100.0 + f64::from(rate) / 10.0 } else { 90_000.0 };
    ramp(&rates.map(|rate| step(rate, p99(rate))).collect::<Vec<_>>(), Some(knee))
}

fn two_contestants() -> Vec<Experiment> {
    let file = |name: &'static str, knee| (name, to_knee(knee));
    collected(
        &[
            file("results/ramp/mutex.1.json", 1000),
            file("results/ramp/mutex.2.json", 2000),
            file("results/ramp/mutex.3.json", 1000),
            file("results/ramp/sharded.1.json", 4000),
            file("results/ramp/sharded.2.json", 8000),
            file("results/ramp/sharded.3.json", 16_000),
        ],
        None,
    )
}

#[test]
fn a_ramp_is_shown_as_the_run_at_its_knee() {
    let lossy = with(step(1000, 25.0), "/checks/lost", json!(1));
    let late = with(step(4000, 35.0), "/validity/valid", json!(false));
    let behind = with(step(8000, 40.0), "/messages/achieved", json!(7000));
    let steps = [step(500, 20.0), lossy, step(2000, 30.0), late, behind, step(16_000, 9000.0)];
    let experiments = collected(&[("results/ramp/sharded.json", ramp(&steps, Some(2000)))], None);
    let run = &experiments[0].results.entries[0].runs[0];
    let ramp = run.ramp().expect("of the form that is read").expect("a ramp");
    assert_eq!(ramp.knee, Some(2000.0));
    let kept: Vec<bool> = ramp.steps.iter().map(|step| step.kept).collect();
    assert_eq!(kept, [true, false, true, false, false, false], "each step is judged by itself");
    assert_eq!((Metric::Knee.of(run), Metric::P99.of(run)), (Some(2000.0), Some(30.0)));
}

#[test]
fn knees_that_differ_are_one_load_with_their_medians_and_a_verdict() {
    let results = &two_contestants()[0].results;
    assert_eq!(results.by_load().len(), 1);
    let knees: Vec<f64> = results.entries.iter().filter_map(|entry| Some(entry.spread(Metric::Knee)?.median)).collect();
    assert_eq!(knees, [1000.0, 8000.0], "medians of three rounds each");
    let verdicts = results.verdicts_text();
    let heading = "sharded against mutex; ramp from 500 messages a second, × 2 a step, p99 up to 5000 µs\n";
    let said = "  knee: too few pairs to tell: 4.000 × mutex in 3 pairs; an interval needs 6\n";
    assert!(verdicts.contains(&format!("{heading}{said}")), "{verdicts}");
    assert!(!verdicts.contains("\n  p99"), "{verdicts}: latencies at different rates are not compared");
}

#[test]
fn the_knee_is_in_the_text_and_in_the_markdown_table() {
    let results = &two_contestants()[0].results;
    let text = results.to_string();
    let row = text.lines().find(|line| line.starts_with("  sharded")).expect("a row");
    assert_eq!(row.split_whitespace().nth(1), Some("8000/s"), "{text}");
    assert!(text.contains("4000/s to 16.0 k/s") && text.contains("knee ×"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= corecast_report::TABLE_WIDTH), "{text}");
    let table = results.ladder_table();
    assert!(table.starts_with("| rung | knee | p99 | CPU/delivery |\n"), "{table}");
    assert!(table.contains("| `mutex` | 1000/s (1000/s to 2000/s) | 200 µs (200 to 300 µs) |"), "{table}");
}

#[test]
fn all_ramps_are_on_one_chart_with_a_ring_each() {
    let page = page("Ramps", &two_contestants(), "0.1.0");
    assert_eq!(page.matches("id=\"c0-0-ramp-title\"").count(), 1);
    assert!(!page.contains("id=\"c0-1-"), "one load");
    assert_eq!(page.matches("class=\"ring ").count(), 2);
    let knees = "knee: mutex 1000 messages a second (1000 to 2000), sharded 8000 messages a second (4000 to 16.0 k)";
    assert!(page.contains(knees), "{page}");
}

#[test]
fn a_ramp_that_kept_nothing_up_has_no_knee_and_says_so() {
    let nothing = ramp(&[step(500, 90_000.0), step(1000, 95_000.0)], None);
    let files = [("results/ramp/mutex.1.json", nothing), ("results/ramp/mutex.2.json", to_knee(1000))];
    let results = &collected(&files, None)[0].results;
    assert_eq!(results.by_load().len(), 1);
    assert_eq!(results.entries[0].spread(Metric::Knee).map(|knee| knee.median), Some(1000.0));
    let text = results.to_string();
    assert!(text.contains("round 1: INVALID: no rate was kept up; figures of the first\n"), "{text}");
}
