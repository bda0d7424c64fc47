//! Fairness: the mean latencies of single subscribers, compared with each other.

mod support;

use corecast_loadgen::{Fairness, Load, Report, Settings, run};
use std::time::Duration;
use support::{Broadcaster, Fault};

/// Of the 7 deliveries of a message, the fifth is to the last of 5 subscribers.
const LAST_OF: fn(u64) -> u64 = |message| (message - 1) * 7 + 5;

#[test]
fn who_waits_longer_than_the_others_shows() {
    // One of the last subscriber's 100 deliveries comes 80 ms after those to the others, which adds 0.8 ms to its mean.
    let server = Broadcaster::start(Fault::Delay(LAST_OF(100), Duration::from_millis(80)));
    let report = run(&server.settings()).unwrap();
    assert!(report.passed(), "{report}");
    let Fairness { subscribers, least_mean_us, median_mean_us, greatest_mean_us, greatest_to_median } =
        report.fairness.expect("100 deliveries each are enough");
    assert_eq!(subscribers, 5);
    assert!(least_mean_us <= median_mean_us && greatest_mean_us >= least_mean_us + 500.0, "{report}");
    assert!((greatest_to_median - greatest_mean_us / median_mean_us).abs() < 1e-9, "{report}");
    let mean = report.latency_us.mean;
    assert!((least_mean_us..=greatest_mean_us).contains(&mean), "the mean of all is among those of each: {report}");
    assert!(report.to_string().contains("\nfairness    "), "{report}");
}

#[test]
fn the_means_are_of_the_same_deliveries_as_the_latency() {
    let server = Broadcaster::start(Fault::None);
    // The warm-up has as many messages as the window.
    let settings = Settings { warmup: Duration::from_millis(200), ..server.settings() };
    let report = run(&Settings { subscribers: 1, ..settings }).unwrap();
    assert!(report.passed() && report.latency_us.count == 100, "{report}");
    let fairness = report.fairness.expect("100 deliveries are enough");
    // A histogram holds three digits.
    assert!((fairness.least_mean_us / report.latency_us.mean - 1.0).abs() < 2e-3, "{report}");
    assert!((fairness.greatest_to_median - 1.0).abs() < f64::EPSILON, "{report}");
}

#[test]
fn subscribers_with_few_deliveries_are_not_compared() {
    let server = Broadcaster::start(Fault::None);
    let report = run(&Settings { load: Load::Paced { rate: 450 }, ..server.settings() }).unwrap();
    assert_eq!((report.latency_us.count, report.fairness), (5 * 90, None), "{report}");
    assert!(!report.to_string().contains("fairness"), "{report}");
    let mut json = serde_json::to_value(&report).unwrap();
    let field = json.as_object_mut().and_then(|report| report.remove("fairness"));
    assert_eq!(field, Some(serde_json::Value::Null));
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report, "one of an earlier version");
}
