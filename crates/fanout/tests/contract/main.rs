//! The contract of every policy, however it is implemented. Each test here runs for the policy of this crate, and from
//! `crates/baselines/tests/contract` for the policies of that crate.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

/// Turns each generic function into a test of each policy.
macro_rules! for_every_policy {
    ($($test:ident),+ $(,)?) => {
        mod sharded {
            $(#[test] fn $test() { super::$test::<$crate::common::ShardedFactory>(); })+
        }
    };
}

mod delivery;
mod interest;
mod lag;
mod lifecycle;
mod shard_bound;
mod transport;

/// The numbers of shards with which each promise is tested.
const SHARDS: [u16; 2] = [1, 3];
