//! What is wrong when a promise is broken.

use std::fmt;

/// The promises, as `docs/ARCHITECTURE.md` has them under "Simulator".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Every message after SUBSCRIBED comes, or is counted in a GAP, or the connection is closed.
    Delivery,
    /// The messages of one publisher come in order, once, unaltered.
    Order,
    /// Every message for a subscription ends in exactly one counter: delivered, missed or undelivered.
    Accounts,
    /// Nothing comes to a connection that it is not meant for.
    Crosstalk,
    /// Logs, answers and shard batches stay within their limits.
    Bounds,
    /// Every request is answered, in its turn.
    Answers,
    /// A connection ends with a reason, behind which nothing comes.
    CloseFrame,
    /// A connection ends for a deadline if and only if its client has missed it in time in which the shard could have heard it.
    Deadlines,
    /// The shards come to rest and to an end, and leave nothing behind.
    CleanEnd,
    /// What a peer sends never panics, and no invariant breaks.
    NoPanic,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {what}")]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// How.
    pub what: String,
}

impl fmt::Display for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Promise {
    /// Fails with what is wrong, unless `holds`.
    pub(crate) fn demand(self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(what())) }
    }

    /// What is wrong.
    pub(crate) fn broken(self, what: impl Into<String>) -> Violation {
        Violation { promise: self, what: what.into() }
    }
}
