//! The number of files that a server has open, and the number that it may open.

use crate::config::Config;
use crate::error::StartError;
use rustix::process::{Resource, getrlimit};
use std::fs;

/// Descriptors of a shard in addition to its connections: listeners, rings, events. Measured, and rounded up.
const BESIDE_CONNECTIONS: u64 = 16;

/// Descriptors of the process in addition to its shards.
const BESIDE_SHARDS: u64 = 32;

/// Descriptors that a shard needs to start, in addition to its listeners. Measured, and rounded up.
const TO_START: usize = 10;

/// Returns the number of descriptors that a server with this many connections and shards may have open.
pub fn open_files_needed(connections: usize, shards: usize) -> u64 {
    connections as u64 + BESIDE_CONNECTIONS * shards as u64 + BESIDE_SHARDS
}

/// Checks that there are enough descriptors for the shards to start: glommio panics if none is left.
pub(crate) fn check(config: &Config) -> Result<(), StartError> {
    let Some(allowed) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let (shards, listeners) = (config.cpus.len(), config.listeners.len());
    // The descriptors of the standard streams and of anything else that the process was started with.
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    if allowed < (open + shards * (TO_START + listeners)) as u64 {
        let needed = open_files_needed(config.limits.max_connections, shards);
        return Err(StartError::OpenFiles { allowed, needed });
    }
    Ok(())
}
