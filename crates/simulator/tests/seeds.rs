//! Thousands of seeds, always the same ones, on every policy: the promises hold, the runs reach what they are for, and each
//! always runs the same way.

use corecast_baselines::{Directory, Handoff, MutexDirectory, SnapshotDirectory, SubjectorDirectory};
use corecast_simulator::{PolicyFactory, Report, Scenario, ShardedFactory, SharedFactory, Transport, run, shrink};

/// The seeds take about two minutes of one CPU, for all policies together.
const SEEDS: u64 = 40_000;
const STEPS: usize = 250;
/// The least number of times that each checked event must occur in all the seeds together.
const OFTEN: u64 = SEEDS / 12;

fn hold(factory: &impl PolicyFactory) -> Report {
    let mut total = Report::default();
    for seed in 0..SEEDS {
        match run(factory, &Scenario::new(seed, STEPS)) {
            Ok(report) => total += report,
            Err(failure) => {
                let (scenario, failure) = shrink(factory, Scenario::new(seed, STEPS), failure);
                panic!("seed {seed}: {}\n{:?}\n{:#?}", failure.violation, scenario.settings, scenario.steps);
            }
        }
    }
    // An event that never happens is not checked.
    let Report { reused_slots, deliveries, missed, lagged, timeouts, short_sends, .. } = total;
    for (what, count) in [
        ("a slot is used again", reused_slots),
        ("a message is delivered", deliveries),
        ("a message is missed", missed),
        ("a connection lags", lagged),
        ("a connection misses a deadline", timeouts),
        ("a send is short", short_sends),
    ] {
        assert!(count > OFTEN, "too rarely {what}: {count} times");
    }
    total
}

#[test]
fn sharded() {
    let Report { congested, saturated, .. } = hold(&ShardedFactory);
    assert!(congested > OFTEN && saturated > OFTEN, "too rarely: {congested} ticks congested, {saturated} saturated");
}

/// Checks a baseline with both handoffs.
fn hold_shared<D: Directory<Transport>>(directory: impl Fn() -> D + Copy) {
    for handoff in [Handoff::Direct, Handoff::Owner] {
        hold(&SharedFactory { directory, handoff });
    }
}

#[test]
fn mutex() {
    hold_shared(MutexDirectory::default);
}

#[test]
fn snapshot() {
    hold_shared(SnapshotDirectory::default);
}

#[test]
fn subjector_spin() {
    hold_shared(SubjectorDirectory::spin);
}

#[test]
fn subjector_mutex() {
    hold_shared(SubjectorDirectory::mutex);
}

#[test]
fn subjector_alone() {
    hold_shared(SubjectorDirectory::alone);
}

#[test]
fn a_seed_always_runs_the_same_way() {
    for seed in 0..20 {
        let scenario = Scenario::new(seed, STEPS);
        assert_eq!(scenario.steps, Scenario::new(seed, STEPS).steps);
        assert_eq!(scenario.steps[..100], Scenario::new(seed, 100).steps, "a shorter one is the front of a longer");
        assert_eq!(run(&ShardedFactory, &scenario), run(&ShardedFactory, &scenario));
        let mutex = SharedFactory { directory: MutexDirectory::default, handoff: Handoff::Owner };
        assert_eq!(run(&mutex, &scenario), run(&mutex, &scenario));
    }
}
