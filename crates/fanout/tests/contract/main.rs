//! What every policy does, whatever it is made of: each test here runs for all of them.

#[path = "../common/mod.rs"]
mod common;

mod delivery;
mod lag;
mod lifecycle;
mod transport;

/// The numbers of shards with which a promise is tried.
const SHARDS: [u16; 2] = [1, 3];
