//! Checks whether this process may use io_uring.

use crate::error::StartError;
use rustix::io_uring::{IoringFeatureFlags, io_uring_params, io_uring_setup};
use rustix::process::{Resource, getrlimit};
use std::io;

/// KiB of locked memory that glommio requires for each executor.
const LOCKED_KIB: u64 = 512;

/// Creates a ring and drops it. Where that is not permitted, glommio itself would panic in the shard's thread.
pub(crate) fn probe() -> Result<(), StartError> {
    if let Some(bytes) = getrlimit(Resource::Memlock).current
        && bytes / 1024 < LOCKED_KIB
    {
        return Err(StartError::LockedMemory { allowed: bytes / 1024, needed: LOCKED_KIB });
    }
    let mut parameters = io_uring_params::default();
    #[expect(unsafe_code, reason = "rustix has no safe form")]
    // SAFETY: all parameters are zero, so they refer to no other ring, descriptor or memory.
    let ring = unsafe { io_uring_setup(2, &mut parameters) };
    ring.map_err(|error| StartError::IoUring(error.into()))?;
    // A shard needs multishot polls. They came with the same release as this feature, and have no flag of their own.
    if parameters.features.contains(IoringFeatureFlags::RSRC_TAGS) {
        Ok(())
    } else {
        Err(StartError::IoUring(io::Error::new(io::ErrorKind::Unsupported, "this kernel is too old")))
    }
}
