//! The errors of a server that could not start, or that did not end as it was asked to.

use crate::config::PolicyKind;
use std::io;
use std::net::SocketAddr;

/// The reason why a server could not start: one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The policy is a baseline, and this build has none.
    #[error(
        "the policy {0} has a shared registry, and this build has only sharded: build with the feature 'baselines', \
         which is on by default, or run with the policy sharded"
    )]
    NoBaselines(PolicyKind),
    /// The address is in use.
    #[error("{address} is in use: end the process that listens there, or choose another port (0 picks a free one)")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// Two listeners of this server share a port, and their addresses overlap.
    #[error("{address} overlaps with {other}, another listener of this server; give each its own port")]
    ListenersOverlap {
        /// The address.
        address: SocketAddr,
        /// The other address.
        other: SocketAddr,
    },
    /// The kernel refuses to listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The kernel's error.
        source: io::Error,
    },
    /// A shard cannot be pinned.
    #[error("cannot run a shard on CPU {cpu}: {reason}; choose from the CPUs that this process may use")]
    Cpu {
        /// The CPU.
        cpu: usize,
        /// The reason.
        reason: String,
    },
    /// The kernel, or a sandbox, does not permit io_uring.
    #[error(
        "io_uring is not permitted ({0}): it needs Linux 5.13 or newer, kernel.io_uring_disabled=0, and a seccomp \
         profile that allows it (Docker's default does not)"
    )]
    IoUring(io::Error),
    /// Too little memory may be locked.
    #[error(
        "a shard needs {needed} KiB of locked memory and may have {allowed} KiB: raise it with 'ulimit -l {needed}' or \
         LimitMEMLOCK={needed}K"
    )]
    LockedMemory {
        /// KiB allowed.
        allowed: u64,
        /// KiB needed.
        needed: u64,
    },
    /// Too few files may be open.
    #[error(
        "{allowed} open files are too few to start; as many connections as there is room for take {needed}: raise the limit \
         with 'ulimit -n {needed}' or LimitNOFILE={needed}"
    )]
    OpenFiles {
        /// The number of open files allowed.
        allowed: u64,
        /// The number of files that a full server has open.
        needed: u64,
    },
    /// A shard could not be started for another reason.
    #[error("cannot start shard {shard}: {reason}")]
    Shard {
        /// The shard.
        shard: u16,
        /// The reason.
        reason: String,
    },
}

/// The reason why a running server did not end as it was asked to. The process should end, because some shards may still
/// run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A shard panicked.
    #[error("shard {shard} panicked: {message}")]
    Panicked {
        /// The shard.
        shard: u16,
        /// The message of the panic.
        message: String,
    },
}
