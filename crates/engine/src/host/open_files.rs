//! How many files a server has open, and how many it may have.

use crate::config::Config;
use crate::error::StartError;
use rustix::process::{Resource, getrlimit};
use std::fs;

/// Descriptors of a shard beside its connections: listeners, rings, events. Measured, and rounded up.
const BESIDE_CONNECTIONS: u64 = 16;

/// Descriptors of the process beside its shards.
const BESIDE_SHARDS: u64 = 32;

/// Descriptors of a shard beside its connections and listeners before it has done anything. Measured, and rounded up.
const TO_START: usize = 10;

/// Descriptors that a server with room for so many connections may come to have open.
pub fn open_files_needed(connections: usize, shards: usize) -> u64 {
    connections as u64 + BESIDE_CONNECTIONS * shards as u64 + BESIDE_SHARDS
}

/// Whether there are enough for the shards to start: glommio panics where it finds none left.
pub(crate) fn check(config: &Config) -> Result<(), StartError> {
    let Some(allowed) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let (shards, listeners) = (config.cpus.len(), config.listeners.len());
    // Those of the standard streams and whatever else the process was started with.
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    if allowed < (open + shards * (TO_START + listeners)) as u64 {
        let needed = open_files_needed(config.limits.max_connections, shards);
        return Err(StartError::OpenFiles { allowed, needed });
    }
    Ok(())
}
