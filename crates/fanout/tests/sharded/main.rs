//! Promises of `sharded` alone: its counters, its bounds, and the effects that its owner is told.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

mod backlog;
mod budget;
mod coalescing;
mod counters;
mod leaving;
mod saturation;
mod shards;

type Driver = common::Driver<common::ShardedFactory>;
