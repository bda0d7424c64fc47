//! The bounds of a shard's queues.

use crate::{Encoding, MAX_ENCODINGS};

/// What happens to a subscriber that is behind by more than the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Its connection is closed ([`Effect::Lagged`](crate::Effect::Lagged)).
    Disconnect,
    /// It is told how many messages it missed and goes on behind them.
    Skip,
}

/// Bounds, and what reaching them does.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of messages kept of one channel in one encoding for subscribers that are behind
    /// (8 bytes of index a message included). Beyond it, when all subscribers that take bytes have had
    /// theirs, the oldest go, and `lag` says what that means for those who have not had them. The baselines
    /// keep so many bytes for each connection that is behind, and one batch more. Default 4 MiB.
    pub log_bytes: usize,
    /// What lagging means, by encoding. Default: disconnect.
    pub lag: [Lag; MAX_ENCODINGS],
    /// Channels one connection may subscribe to; one more is refused. Default 1,024.
    pub max_subscriptions: usize,
}

impl Limits {
    /// What lagging means in this encoding.
    pub fn lag(&self, encoding: Encoding) -> Lag {
        self.lag[encoding.index()]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { log_bytes: 4 * 1024 * 1024, lag: [Lag::Disconnect; MAX_ENCODINGS], max_subscriptions: 1024 }
    }
}
