//! Contestants take turns, and every report is in the JSON.

mod support;

use corecast_loadgen::{Comparison, Contestant, Load, Origin, Plan, Progress, Protocol, RunStage, Settings};
use std::time::Duration;
use support::{Broadcaster, Fault};

fn contestant(name: &str, server: &Broadcaster) -> Contestant {
    let pid = Some(std::process::id());
    let origin = Origin::Running { address: server.address, pid, admin_socket: None };
    Contestant { name: name.to_owned(), protocol: Protocol::Plain, origin }
}

#[test]
fn rounds_go_back_and_forth_and_faults_fail_the_whole() {
    let (sound, lossy) = (Broadcaster::start(Fault::None), Broadcaster::start(Fault::LoseEvery(10)));
    let plan = Plan {
        contestants: vec![contestant("sound", &sound), contestant("lossy", &lossy)],
        loads: vec![Load::Paced { rate: 200 }, Load::Saturate { in_flight: 8 }],
        rounds: 2,
        settings: Settings {
            duration: Duration::from_millis(100),
            drain_timeout: Duration::from_millis(200),
            ..sound.settings()
        },
        reference: "sound".to_owned(),
    };
    let mut order = Vec::new();
    let on_run = |round, contestant: &Contestant, load| {
        order.push((round, contestant.name.clone(), matches!(load, Load::Paced { .. })));
    };
    let mut stages = Vec::new();
    let on_progress = |progress: Progress| stages.push(progress.stage);
    let (comparison, outcome) = Comparison::run(&plan, on_run, Some(on_progress));
    outcome.unwrap();
    assert_eq!(stages.iter().filter(|stage| **stage == RunStage::Connecting).count(), 8, "each run tells of itself");
    let expected = [
        (0, "sound", true),
        (0, "lossy", true),
        (0, "sound", false),
        (0, "lossy", false),
        (1, "lossy", false),
        (1, "sound", false),
        (1, "lossy", true),
        (1, "sound", true),
    ];
    assert_eq!(order, expected.map(|(round, name, paced)| (round, name.to_owned(), paced)));
    assert!(!comparison.passed());
    let passed: Vec<bool> = comparison.entries.iter().map(corecast_loadgen::Entry::passed).collect();
    assert_eq!(passed, [true, false, true, false]);

    let json = serde_json::to_string(&comparison).unwrap();
    let read: Comparison = serde_json::from_str(&json).unwrap();
    assert_eq!(read.entries.len(), 4);
    assert!(read.entries.iter().all(|entry| entry.reports.len() == 2));
}

#[test]
fn what_was_measured_before_a_measurement_that_fails_stands() {
    let (sound, mortal) = (Broadcaster::start(Fault::None), Broadcaster::start(Fault::None));
    let settings = Settings { duration: Duration::from_millis(50), ..sound.settings() };
    let contestants = vec![contestant("sound", &sound), contestant("mortal", &mortal)];
    let loads = vec![Load::Paced { rate: 200 }];
    let mut plan = Plan { contestants, loads, rounds: 3, settings, reference: "sound".to_owned() };
    let mut mortal = Some(mortal);
    let on_run = |round, contestant: &Contestant, _| {
        mortal.take_if(|_| round == 1 && contestant.name == "mortal");
    };
    let (comparison, outcome) = Comparison::run(&plan, on_run, None::<fn(Progress)>);
    let error = outcome.unwrap_err().to_string();
    assert!(comparison.entries.iter().all(|entry| entry.reports.len() == 1), "{comparison:?}");
    assert_eq!(comparison.entries[1].unclean_ends, [format!("round 2 was not measured: {error}")]);
    assert!(!comparison.passed());

    plan.loads.push(Load::Saturate { in_flight: 1 });
    let on_run = |_, _: &Contestant, _| panic!("the second load cannot be run");
    let (comparison, outcome) = Comparison::run(&plan, on_run, None::<fn(Progress)>);
    assert!(outcome.unwrap_err().to_string().contains("--closed-loop") && comparison.entries.is_empty());
}
