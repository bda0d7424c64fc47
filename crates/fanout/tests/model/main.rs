//! Random sequences of commands, short writes and delays, checked against a naive model of the expected deliveries.
//!
//! The world is small so that everything collides: a log of a few messages, mailboxes of one or two shard batches,
//! flush budgets of a few sends, and transports that take a few bytes at a time. After every step, what each connection
//! has received must be correct so far. When all is quiet, everything must have been delivered or counted.
//!
//! `crates/baselines/tests/model` runs the same model for the policies of that crate.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

mod steps;
mod stream;
mod world;

use common::ShardedFactory;
use proptest::prelude::*;
use steps::{holds, interest_step, step};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sharded(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<ShardedFactory>(shards, capacity, &steps);
    }
}

proptest! {
    // Few of the possible orders reveal a wrong confirmation.
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sharded_interest(capacity in 1..3_usize, steps in prop::collection::vec(interest_step(), 1..60)) {
        holds::<ShardedFactory>(3, capacity, &steps);
    }
}
