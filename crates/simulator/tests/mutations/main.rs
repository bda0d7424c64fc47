//! The simulator finds what it exists to find: each promise, broken on purpose, is found broken within a few seeds.

mod mutant;
mod mutation;
mod tap;

use corecast_simulator::Promise::{Accounts, Answers, Bounds, CleanEnd, CloseFrame, Crosstalk, Delivery, Order};
use corecast_simulator::{PolicyFactory, Promise, Scenario, run, shrink};
use mutant::{MutatedMutex, MutatedSharded};
use mutation::Mutation;

const STEPS: usize = 250;

/// Each mutation, with the promises that may be found broken first, and the number of seeds within which this must happen.
const MUTATIONS: &[(Mutation, &[Promise], u64)] = &[
    (Mutation::SendLosesRest, &[Order, Delivery, Answers, CloseFrame], 50),
    (Mutation::SendGoesNowhere, &[Order, Delivery, Answers, CloseFrame], 50),
    (Mutation::SendHappensTwice, &[Order, Answers, CloseFrame, Delivery], 50),
    (Mutation::SendAltersByte, &[Order, Crosstalk], 50),
    (Mutation::GapForgotten, &[Delivery], 200),
    (Mutation::GapCountsOneMore, &[Delivery], 200),
    (Mutation::GapCountsOneLess, &[Delivery], 200),
    (Mutation::PublishLoses, &[Delivery], 50),
    (Mutation::PublishDoubles, &[Order], 50),
    (Mutation::PublishSwaps, &[Order], 50),
    (Mutation::PublishAltersByte, &[Order, Crosstalk], 50),
    (Mutation::PublishEchoes, &[Crosstalk], 50),
    (Mutation::PublishMisroutes, &[Crosstalk, Delivery], 50),
    (Mutation::MessagesLost, &[Delivery], 50),
    (Mutation::MessagesDoubled, &[Order], 50),
    (Mutation::BatchReversed, &[Order, Delivery, Answers, CleanEnd], 200),
    (Mutation::NeverPassed, &[CleanEnd, Answers, Accounts], 50),
    (Mutation::PassedTooEarly, &[Delivery, Accounts], 5000),
    (Mutation::AnsweredTooEarly, &[Delivery], 200),
    (Mutation::AnsweredTooLate, &[Answers], 50),
    (Mutation::UnsubscribeIgnored, &[Answers, Delivery], 50),
    (Mutation::AnswerLost, &[Answers], 50),
    (Mutation::AnswerDoubled, &[Answers], 50),
    (Mutation::FullUntold, &[CleanEnd, Delivery, Answers], 50),
    (Mutation::DrainedUntold, &[CleanEnd], 50),
    (Mutation::LaggedUntold, &[Delivery, Answers, CleanEnd], 50),
    (Mutation::LagOfSubscriptionIgnored, &[Delivery, CloseFrame], 500),
    (Mutation::LaggedForNothing, &[CloseFrame], 50),
    (Mutation::CloseFrameLost, &[CloseFrame], 50),
    (Mutation::CloseFrameTooEarly, &[CloseFrame, Delivery], 200),
    (Mutation::CloseForgotten, &[CleanEnd, Crosstalk], 50),
    (Mutation::CloseHandsOver, &[Crosstalk, Answers, Delivery, CleanEnd], 1000),
    (Mutation::MailboxesDeadlock, &[CleanEnd], 10_000),
    (Mutation::BacklogDroppedOnLeaving, &[Delivery], 500),
    (Mutation::UndeliveredUncounted, &[Accounts], 50),
    (Mutation::MissedCountedTwice, &[Accounts], 500),
    (Mutation::LogOverBound, &[Bounds, CloseFrame], 50),
    (Mutation::BacklogUncounted, &[Bounds], 200),
];

/// Returns the first seed that finds the mutation.
fn find(factory: &impl PolicyFactory, mutation: Mutation, promises: &[Promise], seeds: u64) -> u64 {
    for seed in 0..seeds {
        if let Err(failure) = run(factory, &Scenario::new(seed, STEPS)) {
            let found = failure.violation.promise;
            assert!(promises.contains(&found), "{mutation:?}: seed {seed} finds {}", failure.violation);
            return seed;
        }
    }
    panic!("{mutation:?} is not found in {seeds} seeds");
}

#[test]
fn every_mutation_of_the_sharded_policy_is_found() {
    for (mutation, promises, seeds) in MUTATIONS {
        let seed = find(&MutatedSharded(*mutation), *mutation, promises, *seeds);
        println!("{mutation:?}: seed {seed}");
    }
}

#[test]
fn a_notice_to_the_wrong_generation_is_found() {
    let mutation = Mutation::GenerationIgnored;
    find(&MutatedMutex(mutation), mutation, &[CloseFrame, Delivery, CleanEnd], 3000);
}

#[test]
fn what_is_found_is_cut_to_a_few_steps_that_find_it_again() {
    let factory = MutatedSharded(Mutation::PublishLoses);
    let seed = find(&factory, Mutation::PublishLoses, &[Delivery], 50);
    let failure = run(&factory, &Scenario::new(seed, STEPS)).expect_err("it was found");
    let (scenario, failure) = shrink(&factory, Scenario::new(seed, STEPS), failure);
    assert!(scenario.steps.len() < 40, "{} steps are left", scenario.steps.len());
    let numbers: Vec<usize> = scenario.steps.iter().map(|(number, _)| *number).collect();
    let replayed = run(&factory, &Scenario::new(seed, STEPS).only(&numbers));
    assert_eq!(replayed.expect_err("it fails again"), failure);
    for (left_out, number) in numbers.iter().enumerate() {
        let mut fewer = scenario.clone();
        fewer.steps.remove(left_out);
        let outcome = run(&factory, &fewer);
        let same = outcome.is_err_and(|found| found.violation.promise == failure.violation.promise);
        assert!(!same, "step {number} could be left out");
    }
}
