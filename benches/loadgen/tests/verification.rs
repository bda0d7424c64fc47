//! The faults of a server are found and counted exactly.

mod support;

use corecast_loadgen::{Checks, Load, Report, Settings, run};
use support::{Broadcaster, Fault};

/// The number of deliveries in the run of [`Broadcaster::settings`]: 100 messages to 7 connections.
const DELIVERIES: u64 = 700;

fn report(fault: Fault) -> Report {
    let server = Broadcaster::start(fault);
    let report = run(&server.settings()).expect("a report of what is wrong");
    assert_eq!(report.deliveries.expected, DELIVERIES);
    report
}

/// Runs with the fault at the first, a middle and the last delivery.
fn assert_found(fault: impl Fn(u64) -> Fault, expected: &Checks) {
    for delivery in [1, 333, DELIVERIES] {
        let report = report(fault(delivery));
        assert_eq!(report.checks, *expected, "delivery {delivery}");
        assert!(!report.passed());
    }
}

#[test]
fn a_server_without_fault_passes() {
    let report = report(Fault::None);
    assert!(report.passed(), "{}", report.checks);
    assert_eq!(report.deliveries.arrived, DELIVERIES);
    assert_eq!(report.latency_us.count, 500, "100 messages to 5 subscribers; publishers are not counted");
    assert_eq!((report.messages.offered, report.messages.achieved), (100, 100));
}

#[test]
fn a_lost_delivery_is_found() {
    assert_found(Fault::Lose, &Checks { lost: 1, ..Checks::default() });
}

#[test]
fn a_duplicated_delivery_is_found() {
    assert_found(Fault::Duplicate, &Checks { duplicated: 1, ..Checks::default() });
}

#[test]
fn a_reordered_delivery_is_found() {
    for delivery in [1, 333] {
        let report = report(Fault::Reorder(delivery));
        assert_eq!(report.checks, Checks { reordered: 1, ..Checks::default() }, "delivery {delivery}");
        assert_eq!(report.deliveries.arrived, DELIVERIES);
    }
}

#[test]
fn an_altered_delivery_is_found_wherever_it_is_altered() {
    for byte in [5, 12, 20, 31, 32, 63] {
        let report = report(Fault::Alter(333, byte));
        assert_eq!(report.checks, Checks { altered: 1, ..Checks::default() }, "byte {byte}");
    }
    assert_found(|delivery| Fault::Alter(delivery, 40), &Checks { altered: 1, ..Checks::default() });
}

#[test]
fn a_delivery_without_the_number_of_the_run_is_foreign_and_the_one_it_was_is_lost() {
    let report = report(Fault::Alter(333, 0));
    assert_eq!(report.checks, Checks { lost: 1, foreign: 1, ..Checks::default() });
}

#[test]
fn a_subscriber_that_is_disconnected_loses_the_rest() {
    // The first accepted connection is the first one that was opened, which is a subscriber's.
    let report = report(Fault::Disconnect(1));
    assert_eq!(report.checks, Checks { lost: 100, disconnected: 1, ..Checks::default() });
}

#[test]
fn many_losses_are_counted_and_do_not_halt_a_closed_loop() {
    let server = Broadcaster::start(Fault::LoseEvery(10));
    let settings = Settings { load: Load::Saturate { in_flight: 64 }, ..server.settings() };
    let report = run(&settings).unwrap();
    let Checks { lost, .. } = report.checks;
    assert_eq!(report.checks, Checks { lost, ..Checks::default() });
    assert_eq!(lost, report.deliveries.expected / 10);
    assert_eq!(lost + report.deliveries.arrived, report.deliveries.expected);
    assert!(report.messages.total > 200, "{} messages", report.messages.total);
}
