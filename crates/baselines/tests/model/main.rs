//! Random sequences of commands, short writes and delays on the baselines: the model of `crates/fanout/tests/model`.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

#[path = "../../../fanout/tests/model/steps.rs"]
#[allow(dead_code, reason = "not every policy needs every kind of run")]
mod steps;
#[path = "../../../fanout/tests/model/stream.rs"]
mod stream;
#[path = "../../../fanout/tests/model/world.rs"]
mod world;

use common::{ByOwner, Direct, InMutex, InSnapshot, UnderAlone, UnderChannel, UnderMutex, UnderPortal};
use proptest::prelude::*;
use steps::{holds, step};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutex(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<Direct<InMutex>>(shards, capacity, &steps);
    }

    #[test]
    fn snapshot(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<Direct<InSnapshot>>(shards, capacity, &steps);
    }

    #[test]
    fn subjector_mutex(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<Direct<UnderMutex>>(shards, capacity, &steps);
    }

    #[test]
    fn subjector_portal(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<Direct<UnderPortal>>(shards, capacity, &steps);
    }

    #[test]
    fn subjector_channel(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<Direct<UnderChannel>>(shards, capacity, &steps);
    }

    #[test]
    fn mutex_by_owner(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<ByOwner<InMutex>>(shards, capacity, &steps);
    }

    #[test]
    fn snapshot_by_owner(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<ByOwner<InSnapshot>>(shards, capacity, &steps);
    }

    #[test]
    fn subjector_alone_by_owner(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<ByOwner<UnderAlone>>(shards, capacity, &steps);
    }

    #[test]
    fn subjector_portal_by_owner(shards in 1..4_u16, capacity in 1..3_usize, steps in prop::collection::vec(step(), 1..150)) {
        holds::<ByOwner<UnderPortal>>(shards, capacity, &steps);
    }
}
