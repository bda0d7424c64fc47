//! Verdicts on two contestants, and requirements.

use crate::support::{entry, paced, report, results, rounds, with};
use corecast_report::{Entry, Metric, Requirement, Verdict};
use serde_json::json;

const SEVEN: [f64; 7] = [100.0, 110.0, 105.0, 120.0, 95.0, 101.0, 99.0];

fn scaled(name: &str, factor: f64) -> Entry {
    rounds(name, &SEVEN.map(|p50| p50 * factor))
}

#[test]
fn ratios_are_those_of_the_same_round() {
    let verdict = Verdict::of(Metric::P50, &rounds("a", &[10.0, 40.0, 90.0]), &rounds("b", &[20.0, 20.0, 30.0, 1.0]));
    assert_eq!(verdict.ratios, [0.5, 2.0, 3.0]);
    assert_eq!(verdict.median(), Some(2.0));
}

#[test]
fn a_round_that_one_of_them_lacks_shifts_no_other() {
    let a = rounds("a", &[10.0, 20.0, 40.0]);
    let mut b = rounds("b", &[200.0, 400.0]);
    b.rounds = vec![2, 3];
    assert_eq!(Verdict::of(Metric::P50, &a, &b).ratios, [0.1, 0.1]);
}

#[test]
fn a_difference_is_a_ratio_with_its_interval() {
    let verdict = Verdict::of(Metric::P99, &scaled("a", 0.25), &scaled("mutex", 1.0));
    assert!(verdict.differs());
    assert_eq!(verdict.to_string(), "p99 0.250 × mutex, 95 % 0.250 to 0.250");
}

#[test]
fn an_interval_that_holds_1_shows_no_difference() {
    let ratios = vec![0.9, 0.95, 0.97, 1.01, 1.02, 1.06, 1.1];
    let verdict = Verdict::new(Metric::P99, "mutex", ratios);
    assert!(!verdict.differs());
    assert_eq!(verdict.to_string(), "p99: no difference shown: 1.010 × mutex, 95 % 0.950 to 1.060");
}

#[test]
fn too_few_pairs_tell_nothing_and_say_how_many_are_needed() {
    let verdict = Verdict::of(Metric::Cpu, &rounds("a", &[1.0, 2.0]), &rounds("mutex", &[10.0, 20.0]));
    assert!(!verdict.differs());
    let said = "CPU/delivery: too few pairs to tell: 0.100 × mutex in 2 pairs; an interval needs 6";
    assert_eq!(verdict.to_string(), said);
}

#[test]
fn pairs_with_a_failed_or_invalid_run_are_left_out_and_counted() {
    let failed = with(report(1.0), "/checks/lost", json!(1));
    let invalid = with(report(1.0), "/validity/valid", json!(false));
    let a = entry("a", vec![report(10.0), failed, report(30.0)]);
    let b = entry("b", vec![report(20.0), report(20.0), invalid]);
    let verdict = Verdict::of(Metric::P50, &a, &b);
    assert_eq!((verdict.ratios.as_slice(), verdict.left_out), (&[0.5][..], 2));
    assert!(verdict.to_string().ends_with("; 2 pairs left out: a run of each failed or is invalid"), "{verdict}");
}

#[test]
fn what_a_run_does_not_have_has_no_ratio() {
    let without_cpu = entry("peer", vec![with(report(1.0), "/server", json!(null))]);
    let verdict = Verdict::of(Metric::Cpu, &rounds("a", &[1.0]), &without_cpu);
    assert_eq!(verdict.to_string(), "CPU/delivery: no pair of runs has figures to divide");
    let zero = entry("zero", vec![with(report(1.0), "/latency_us/p99", json!(0))]);
    assert_eq!(Verdict::of(Metric::P99, &rounds("a", &[1.0]), &zero).ratios, [0.0; 0]);
}

#[test]
fn each_contestant_is_held_against_the_reference_in_what_both_have() {
    let with_completion =
        |p99: f64| SEVEN.map(|p50| with(report(p50), "/completion_us", json!({ "p99": p99 }))).to_vec();
    let all = results(vec![entry("a", with_completion(1.0)), rounds("c", &SEVEN), entry("b", with_completion(4.0))]);
    let verdicts = all.verdicts();
    let metrics = |index: usize| verdicts[index].1.iter().map(|verdict| verdict.metric).collect::<Vec<_>>();
    let common = [Metric::P50, Metric::P99, Metric::P999, Metric::Max];
    assert_eq!(metrics(0), [&common[..], &[Metric::CompletionP99, Metric::Cpu]].concat());
    assert_eq!(metrics(1), [&common[..], &[Metric::Cpu]].concat());
    assert!(all.verdicts_text().contains("  completion p99 0.250 × b, 95 % 0.250 to 0.250\n"));
}

#[test]
fn a_metric_is_compared_where_it_says_something() {
    let saturate = serde_json::from_value(json!({ "saturate": { "in_flight": 256 } })).unwrap();
    assert!(Metric::Deliveries.applies(&saturate) && !Metric::P99.applies(&saturate));
    assert!(!Metric::Deliveries.applies(&paced()) && Metric::P99.applies(&paced()));
    assert!(Metric::Cpu.applies(&saturate) && Metric::Cpu.applies(&paced()));
}

fn judged(requirement: &str, ratios: &[f64]) -> (bool, bool, String) {
    let requirement: Requirement = requirement.parse().expect("a requirement");
    let judgement = requirement.judge(&Verdict::new(requirement.metric, "mutex", ratios.to_vec()));
    (judgement.held, judgement.settled, judgement.text)
}

#[test]
fn the_median_decides_and_the_interval_says_whether_that_is_settled() {
    let ratios = [0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0];
    let text = "p99<=0.76: held: median 0.750; the interval does not settle it: 95 % 0.600 to 0.900";
    assert_eq!(judged("p99<=0.76", &ratios), (true, false, text.to_owned()));
    let text = "p99<=0.95: held: median 0.750, 95 % 0.600 to 0.900";
    assert_eq!(judged("p99<=0.95", &ratios), (true, true, text.to_owned()));
    let text = "p99<=0.5: NOT HELD: median 0.750, 95 % 0.600 to 0.900";
    assert_eq!(judged("p99<=0.5", &ratios), (false, true, text.to_owned()));
    let text = "deliveries>=0.7: held: median 0.750; 1 of 6 pairs for an interval: not settled";
    assert_eq!(judged("deliveries >= 0.7", &[0.75]), (true, false, text.to_owned()));
    assert!(!judged("deliveries>=0.76", &[0.75]).0);
}

#[test]
fn what_was_not_measured_is_not_held() {
    let text = "cpu<=2: NOT HELD: no pair of runs has figures to divide";
    assert_eq!(judged("cpu<=2", &[]), (false, false, text.to_owned()));
}

#[test]
fn a_bound_of_fairness_is_for_the_contestants_own() {
    let fair = |ratio: f64| with(report(1.0), "/fairness", json!({ "greatest_to_median": ratio }));
    let unusable = with(fair(9.0), "/validity/valid", json!(false));
    let rounds = [1.3, 1.1, 1.2, 1.25, 1.15, 1.22].map(fair);
    let a = entry("a", rounds.into_iter().chain([unusable]).collect());
    let requirement: Requirement = "fairness<=1.25".parse().expect("a requirement");
    assert!(requirement.metric.is_ratio() && !Metric::P99.is_ratio());
    let judgement = requirement.judge(&Verdict::of_one(requirement.metric, &a));
    let text = "fairness<=1.25: held: median 1.210; the interval does not settle it: 95 % 1.125 to 1.275";
    assert_eq!(judgement.text, text);
    let few = requirement.judge(&Verdict::of_one(requirement.metric, &entry("a", vec![fair(1.5)])));
    assert_eq!(few.text, "fairness<=1.25: NOT HELD: median 1.500; 1 of 6 rounds for an interval: not settled");
    let without = requirement.judge(&Verdict::of_one(requirement.metric, &entry("a", vec![report(1.0)])));
    assert_eq!((without.held, without.text.as_str()), (false, "fairness<=1.25: NOT HELD: no run has the figure"));
}

#[test]
fn an_invalid_requirement_is_named_with_the_reason() {
    for (text, reason) in [
        ("p99<0.8", "neither <= nor >="),
        (
            "p98<=0.8",
            "unknown metric 'p98'; expected one of knee, deliveries, p50, p99, p99.9, max, completion-p99, fairness, cpu",
        ),
        ("p99<=fast", "invalid limit 'fast'; write a number above 0"),
        ("p99<=", "invalid limit ''; write a number above 0"),
        ("p99<=0", "invalid limit '0'; write a number above 0"),
        ("p99<=NaN", "invalid limit 'NaN'; write a number above 0"),
        ("", "neither <= nor >="),
    ] {
        let error = text.parse::<Requirement>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("invalid requirement '{text}': ")) && error.contains(reason), "{error}");
    }
}
