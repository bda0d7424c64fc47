//! Violations: which promise is broken, and how.

use std::fmt;

/// The promises that `docs/ARCHITECTURE.md` lists under "Simulator".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Every message after SUBSCRIBED arrives, or is counted in a GAP, or the connection is closed.
    Delivery,
    /// The messages of one publisher arrive in order, once, unaltered.
    Order,
    /// Every message for a subscription ends in exactly one counter: delivered, missed or undelivered.
    Accounts,
    /// Nothing arrives at a connection that it is not meant for.
    Crosstalk,
    /// Logs, answers and shard batches stay within their limits.
    Bounds,
    /// Every request is answered, in its turn.
    Answers,
    /// A connection ends with a reason, after which nothing arrives.
    CloseFrame,
    /// A deadline ends a connection if and only if its client missed it in time in which the shard could have heard it.
    Deadlines,
    /// The shards come to rest and to an end, and leave nothing behind.
    CleanEnd,
    /// No bytes from a peer cause a panic, and no invariant breaks.
    NoPanic,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {what}")]
pub struct Violation {
    /// The promise.
    pub promise: Promise,
    /// A description of the violation.
    pub what: String,
}

impl fmt::Display for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Promise {
    /// Returns a violation with the description from `what`, unless `holds`.
    pub(crate) fn demand(self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(what())) }
    }

    /// Returns a violation of this promise.
    pub(crate) fn broken(self, what: impl Into<String>) -> Violation {
        Violation { promise: self, what: what.into() }
    }
}
