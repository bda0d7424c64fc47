//! The faults of a server towards subscribers that return or do not read are found.

#[path = "support/redis.rs"]
mod redis;

use corecast_loadgen::{Checks, Disturbance, Load, Protocol, Report, Settings, Stalled, run};
use redis::{RedisLike, Wrong};
use std::time::Duration;

const SUBSCRIBERS: usize = 6;

fn settings(server: &RedisLike, disturbance: Disturbance) -> Settings {
    Settings {
        subscribers: SUBSCRIBERS,
        publishers: 1,
        disturbance,
        warmup: Duration::ZERO,
        duration: Duration::from_millis(400),
        drain_timeout: Duration::from_secs(1),
        ..Settings::new(server.address, Protocol::Redis, Load::Paced { rate: 250 })
    }
}

/// Makes two subscribers leave and return in turn, four times in all. Returns the report and the number of completed
/// returns.
fn churned(wrong: Wrong) -> (Report, u64) {
    let server = RedisLike::start(wrong, SUBSCRIBERS);
    let report = run(&settings(&server, Disturbance::Churn { subscribers: 2, rate: 10 })).expect("a report");
    let returned = report.reconnections.expect("some came and went").completed;
    assert!(returned > 0, "{report}");
    (report, returned)
}

#[test]
fn a_server_without_fault_passes() {
    let (report, _) = churned(Wrong::Nothing);
    assert!(report.passed(), "{report}");
}

#[test]
fn a_loss_to_one_that_returned_is_found() {
    let (report, returned) = churned(Wrong::LoseToReturned);
    assert_eq!(report.checks, Checks { lost: returned, ..Checks::default() }, "one for each return: {report}");
    assert_eq!(report.deliveries.arrived + returned, report.deliveries.expected);
}

#[test]
fn a_repeat_to_one_that_returned_is_found() {
    let (report, returned) = churned(Wrong::DoubleToReturned);
    assert_eq!(report.checks, Checks { duplicated: returned, ..Checks::default() }, "one for each return: {report}");
}

#[test]
fn a_server_that_takes_nobody_back_fails() {
    let server = RedisLike::start(Wrong::RefuseFrom(SUBSCRIBERS + 1), SUBSCRIBERS);
    let report = run(&settings(&server, Disturbance::Storm { at_seconds: 0.1 })).expect("a report");
    let reconnections = report.reconnections.expect("all left");
    assert_eq!((reconnections.completed, reconnections.refused), (0, 6), "{report}");
    assert_eq!(reconnections.all_subscribed_seconds, None);
    assert_eq!(report.checks, Checks { disconnected: 6, ..Checks::default() });
    assert!(!report.passed());
}

/// Sends 24 MB to a subscriber that does not read, which is more than its sockets hold.
fn stalled(wrong: Wrong) -> (Report, Stalled) {
    let server = RedisLike::start(wrong, SUBSCRIBERS);
    let stall = settings(&server, Disturbance::Stall { subscribers: 1 });
    let report = run(&Settings { payload_bytes: 60_000, load: Load::Paced { rate: 1000 }, ..stall }).expect("a report");
    let stalled = report.stalled.clone().expect("one stalled");
    (report, stalled)
}

#[test]
fn a_loss_to_one_that_did_not_read_is_found_if_nobody_says_so() {
    let (report, stalled) = stalled(Wrong::LoseToStalled);
    assert!(stalled.checks.lost > 0 && stalled.disconnected == 0, "{report}");
    assert!(!stalled.was_told() && !report.passed(), "{report}");
}

#[test]
fn to_be_disconnected_is_to_be_told() {
    let (report, stalled) = stalled(Wrong::CloseStalled);
    assert!(stalled.cut_off > 0 && stalled.disconnected == 1, "{report}");
    assert!(stalled.was_told(), "{report}");
}
