//! Runs a scenario, and finds the smallest part of it that still fails.

use crate::world::World;
use crate::{PolicyFactory, Promise, Scenario, Violation};
use std::any::Any;
use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The counts of what a run did, which show that its checks had something to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named after what they count")]
pub struct Report {
    pub connections: u64,
    pub reused_slots: u64,
    pub published: u64,
    pub deliveries: u64,
    pub missed: u64,
    pub lagged: u64,
    /// Connections that ended because of a deadline.
    pub timeouts: u64,
    /// Connections that ended because of their rate.
    pub over_rate: u64,
    pub short_sends: u64,
    /// Ticks after which a message waited for room.
    pub congested: u64,
    /// Ticks of a shard that was saturated.
    pub saturated: u64,
}

/// The failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number of the scenario's steps before the failure; all of them if it failed only at the end.
    pub steps: usize,
    /// The broken promise.
    pub violation: Violation,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.reused_slots += other.reused_slots;
        self.published += other.published;
        self.deliveries += other.deliveries;
        self.missed += other.missed;
        self.lagged += other.lagged;
        self.timeouts += other.timeouts;
        self.over_rate += other.over_rate;
        self.short_sends += other.short_sends;
        self.congested += other.congested;
        self.saturated += other.saturated;
    }
}

impl fmt::Display for Report {
    /// Writes the report in one line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            reused_slots,
            published,
            deliveries,
            missed,
            lagged,
            timeouts,
            over_rate,
            short_sends,
            congested,
            saturated,
        } = self;
        write!(
            formatter,
            "{connections} connections, {reused_slots} in a slot used again, {published} messages, {deliveries} \
             deliveries, {missed} missed, {lagged} connections lagged, {timeouts} timed out, \
             {over_rate} over their rate, {short_sends} short sends, {congested} ticks \
             congested, {saturated} saturated"
        )
    }
}

/// Runs a scenario on a policy to its end.
///
/// # Errors
/// The first promise that is broken, including a panic of the code under test.
pub fn run<F: PolicyFactory>(factory: &F, scenario: &Scenario) -> Result<Report, Failure> {
    let mut taken = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(factory, &scenario.settings);
        for (_, step) in &scenario.steps {
            taken += 1;
            world.take(*step)?;
        }
        world.finish()
    }));
    let outcome = outcome.unwrap_or_else(|panic| Err(Promise::NoPanic.broken(panic_message(&*panic))));
    outcome.map_err(|violation| Failure { steps: taken, violation })
}

/// Removes from a failing scenario the steps that it does not need to fail: first the steps after the failure, then ever
/// shorter stretches of steps, down to single ones. The remaining steps break the same promise.
///
/// A run that fails only at the end may fail earlier once steps are gone; that is still less to read.
pub fn shrink<F: PolicyFactory>(factory: &F, mut scenario: Scenario, mut failure: Failure) -> (Scenario, Failure) {
    scenario.steps.truncate(failure.steps);
    let mut stretch = scenario.steps.len().div_ceil(2).max(1);
    loop {
        let mut removed = false;
        let mut end = scenario.steps.len();
        while end > 0 {
            let begin = end.saturating_sub(stretch);
            let mut shorter = scenario.clone();
            shorter.steps.drain(begin..end);
            if let Err(found) = run(factory, &shorter)
                && found.violation.promise == failure.violation.promise
            {
                shorter.steps.truncate(found.steps);
                end = begin.min(shorter.steps.len());
                (scenario, failure, removed) = (shorter, found, true);
            } else {
                end = begin;
            }
        }
        match (stretch, removed) {
            (1, false) => return (scenario, failure),
            (1, true) => {}
            _ => stretch = stretch.div_ceil(2),
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
