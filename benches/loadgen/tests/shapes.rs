//! Every shape of load against the engine itself: nothing is lost, and each reports its own figures.

use corecast_engine::{LagRule, PolicyKind, Protocol as EngineProtocol};
use corecast_loadgen::{
    Disturbance, Error, Load, Popularity, Progress, Protocol, Ramp, RampPlan, Report, RunStage, Settings, measure, run,
};
use corecast_testkit::LocalServer;
use corecast_wire::Code;
use std::time::Duration;

fn server() -> LocalServer {
    LocalServer::start(LocalServer::config(PolicyKind::Sharded, 2))
}

/// Returns settings with 20 subscribers, 2 publishers, and 200 messages a second for half a second.
fn settings(server: &LocalServer, protocol: Protocol) -> Settings {
    let address = server.address(match protocol {
        Protocol::Plain => EngineProtocol::Plain,
        _ => EngineProtocol::Native,
    });
    Settings {
        subscribers: 20,
        publishers: 2,
        warmup: Duration::from_millis(100),
        duration: Duration::from_millis(500),
        interval: Duration::from_millis(100),
        ..Settings::new(address, protocol, Load::Paced { rate: 200 })
    }
}

fn passing(settings: &Settings) -> Report {
    let report = run(settings).expect("a report");
    assert!(report.passed(), "{report}");
    assert_eq!(report.deliveries.arrived, report.deliveries.expected, "{report}");
    report
}

#[test]
fn every_message_of_the_window_is_complete_once() {
    let server = server();
    for protocol in [Protocol::Plain, Protocol::Native] {
        let report = passing(&settings(&server, protocol));
        assert_eq!(report.messages.offered, 100);
        assert_eq!((report.completion_us.count, report.skew_us.count), (100, 100));
        assert_eq!(report.latency_us.count, 2000);
        assert!(report.completion_us.max >= report.latency_us.max * 0.99, "the last delivery completes a message");
        assert!(report.completion_us.max >= report.skew_us.max);
        assert_eq!(report.timeline.len(), 5);
        let deliveries: u64 = report.timeline.iter().map(|step| step.deliveries).sum();
        assert_eq!(deliveries, report.deliveries.measured);
    }
}

#[test]
fn a_closed_loop_completes_messages_too() {
    let server = server();
    let load = Load::Saturate { in_flight: 16 };
    let report =
        passing(&Settings { load, duration: Duration::from_millis(100), ..settings(&server, Protocol::Native) });
    assert!(report.completion_us.count > 0);
}

#[test]
fn subscribers_of_several_channels_get_each_of_them() {
    let server = server();
    let popularity = Popularity::Zipf { exponent: 1.0, seed: 3 };
    let many = Settings { channels: 50, subscriptions: 7, popularity, ..settings(&server, Protocol::Native) };
    let report = passing(&many);
    // There are 140 subscriptions: 40 channels have 3 of them, and 10 have 2.
    assert!(report.deliveries.expected > 120 * 2 && report.deliveries.expected < 120 * 3, "{report}");
    assert_eq!(report.completion_us.count, 100);
}

#[test]
fn who_comes_and_goes_loses_nothing_and_costs_nobody_anything() {
    let server = server();
    let disturbance = Disturbance::Churn { subscribers: 5, rate: 50 };
    let churn = Settings { disturbance, ..settings(&server, Protocol::Native) };
    let report = passing(&churn);
    let reconnections = report.reconnections.expect("some came and went");
    assert!(reconnections.completed > 5, "{report}");
    assert_eq!(reconnections.begun, reconnections.completed, "{report}");
    assert_eq!(reconnections.begun + reconnections.skipped, 25, "{report}");
    // Subscribers that stay have received everything.
    assert!(report.deliveries.arrived >= 15 * report.messages.total, "{report}");
    // A message that a leaver had not received when it left is not complete; all others are.
    assert!(report.completion_us.count >= 90, "{report}");
}

#[test]
fn a_storm_ends_with_all_subscribed_again() {
    let server = server();
    let disturbance = Disturbance::Storm { at_seconds: 0.2 };
    let report = passing(&Settings { disturbance, ..settings(&server, Protocol::Native) });
    let reconnections = report.reconnections.expect("all left");
    assert_eq!((reconnections.begun, reconnections.completed, reconnections.refused), (20, 20, 0));
    assert!(reconnections.all_subscribed_seconds.is_some());
    let names: Vec<&str> = report.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["before", "during", "after"]);
    assert!(report.phases[0].latency_us.count > 0 && report.phases[2].latency_us.count > 0, "{report}");
}

/// Returns settings with 40 MB for each subscriber. That is more than the sockets and the log of this test hold; the
/// log alone holds 0.4 s.
fn stall(server: &LocalServer) -> Settings {
    Settings {
        disturbance: Disturbance::Stall { subscribers: 1 },
        payload_bytes: 50_000,
        load: Load::Paced { rate: 400 },
        subscribers: 4,
        duration: Duration::from_secs(2),
        ..settings(server, Protocol::Native)
    }
}

#[test]
fn who_stalls_is_told_and_counts_apart() {
    for lag in [LagRule::Skip, LagRule::Disconnect] {
        let mut config = LocalServer::config(PolicyKind::Sharded, 1);
        config.limits.log_bytes = 8 << 20;
        config.limits.native_lag = lag;
        let server = LocalServer::start(config);
        let report = run(&stall(&server)).expect("a report");
        assert!(report.passed(), "{report}");
        assert_eq!(report.latency_us.count, 3 * report.messages.offered, "the healthy have all: {report}");
        assert_eq!(report.completion_us.count, report.messages.offered, "{report}");
        let stalled = report.stalled.expect("one stalled");
        match lag {
            LagRule::Skip => assert!(stalled.checks.gaps > 0 && stalled.checks.reported_lost > 0, "{stalled:?}"),
            LagRule::Disconnect => assert!(stalled.disconnected == 1 && stalled.cut_off > 0, "{stalled:?}"),
        }
    }
}

#[test]
fn the_hostile_are_told_or_refused_and_the_others_lose_nothing() {
    let mut config = LocalServer::config(PolicyKind::Sharded, 2);
    config.limits.log_bytes = 1 << 20;
    let server = LocalServer::start(config);
    let hostile = Settings {
        disturbance: Disturbance::Hostile { stalled: 1, trickling: 1, arrivals: 400 },
        subscribers: 5,
        ..stall(&server)
    };
    let report = run(&hostile).expect("a report");
    assert!(report.passed(), "{report}");
    assert_eq!(report.latency_us.count, 3 * report.messages.offered, "the healthy have all: {report}");
    let stalled = report.stalled.expect("two hardly read");
    assert!(stalled.subscribers == 2 && stalled.checks.gaps > 1, "{stalled:?}");
    let closed = server.stop().closed;
    for code in [Code::FrameTooLarge, Code::BadChecksum, Code::Reset] {
        assert!(closed.get(&code).is_some_and(|count| *count > 10), "{code:?}: {closed:?}");
    }
}

#[test]
fn what_plain_cannot_do_is_refused() {
    let server = server();
    let plain = settings(&server, Protocol::Plain);
    let impossible = [
        Settings { channels: 2, ..plain.clone() },
        Settings { disturbance: Disturbance::Churn { subscribers: 1, rate: 1 }, ..plain.clone() },
        Settings { disturbance: Disturbance::Storm { at_seconds: 0.1 }, ..plain },
    ];
    for settings in impossible {
        let error = run(&settings).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
        assert!(error.to_string().contains("plain"), "{error}");
    }
}

#[test]
fn a_ramp_runs_each_rate_and_finds_its_knee() {
    let server = server();
    let quick = Settings { duration: Duration::from_millis(100), ..settings(&server, Protocol::Native) };
    let plan = RampPlan { first_rate: 50, factor: 2.0, max_rate: 100, p99_bound_us: 60e6 };
    let mut rates = Vec::new();
    let ramp = Ramp::run(&quick, plan, |step, rate| rates.push((step, rate)), None::<fn(Progress)>).expect("a ramp");
    assert_eq!(rates, [(1, 50), (2, 100)]);
    assert_eq!(ramp.steps.len(), 2);
    assert!(ramp.steps.iter().all(Report::passed), "{ramp}");

    // No server is that fast: the first two steps fail, and there is no third.
    let plan = RampPlan { p99_bound_us: 0.001, max_rate: 1000, ..plan };
    let ramp = Ramp::run(&quick, plan, |_, _| (), None::<fn(Progress)>).expect("a ramp");
    assert_eq!((ramp.steps.len(), ramp.knee), (2, None), "{ramp}");
    assert!(!ramp.passed() && ramp.to_string().contains("knee        none"), "{ramp}");
}

#[test]
fn progress_is_told_stage_by_stage() {
    let server = server();
    let settings = Settings { warmup: Duration::from_millis(300), ..settings(&server, Protocol::Native) };
    let mut stages = Vec::new();
    let measurement = measure(&settings, Some(|progress: Progress| stages.push(progress.stage))).expect("a report");
    stages.dedup();
    assert_eq!(stages, [RunStage::Connecting, RunStage::WarmingUp, RunStage::Measuring, RunStage::Draining]);
    assert_eq!(measurement.latency.count(), measurement.report.latency_us.count);
    assert!(measurement.latency.to_string().contains("#[Max "));
}
