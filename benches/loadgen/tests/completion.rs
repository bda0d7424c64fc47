//! A broadcast is complete when its last subscriber has received it, and only if all have.

mod support;

use corecast_loadgen::run;
use std::time::Duration;
use support::{Broadcaster, Fault};

/// Of the 7 deliveries of a message, the first 5 are to subscribers. The fifth of the fiftieth message is to the last
/// one.
const LAST_OF_A_MESSAGE: u64 = 49 * 7 + 5;

#[test]
fn a_late_last_delivery_is_the_messages_completion_and_skew() {
    let server = Broadcaster::start(Fault::Delay(LAST_OF_A_MESSAGE, Duration::from_millis(80)));
    let report = run(&server.settings()).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!((report.completion_us.count, report.skew_us.count), (100, 100));
    assert!(report.skew_us.max >= 79_000.0, "{report}");
    assert!(report.completion_us.max >= 79_000.0, "{report}");
}

#[test]
fn what_one_subscriber_never_got_is_not_complete() {
    let server = Broadcaster::start(Fault::Lose(LAST_OF_A_MESSAGE));
    let report = run(&server.settings()).unwrap();
    assert_eq!(report.checks.lost, 1);
    assert_eq!(report.completion_us.count, 99, "{report}");
}

#[test]
fn what_came_out_of_turn_is_not_complete() {
    let server = Broadcaster::start(Fault::Reorder(LAST_OF_A_MESSAGE));
    let report = run(&server.settings()).unwrap();
    assert_eq!(report.checks.reordered, 1);
    assert_eq!(report.completion_us.count, 99, "{report}");
}
