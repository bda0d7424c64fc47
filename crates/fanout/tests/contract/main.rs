//! What every policy does, whatever it is made of: each test here runs for all of them.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
#[path = "../common/mod.rs"]
mod common;

mod delivery;
mod interest;
mod lag;
mod lifecycle;
mod shard_bound;
mod transport;

/// The numbers of shards with which a promise is tried.
const SHARDS: [u16; 2] = [1, 3];
