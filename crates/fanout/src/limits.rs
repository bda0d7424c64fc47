//! The bounds of a shard's queues.

use crate::{Encoding, MAX_ENCODINGS};

crate::named! {
    /// The effect on a subscriber that is behind by more than the log holds, or by the most where all logs are too large.
    Lag, "lag rule" {
        /// Its connection is closed ([`Effect::Lagged`](crate::Effect::Lagged)).
        Disconnect = "disconnect",
        /// It is told how many messages it missed, if its encoding can say so, and goes on behind them.
        Skip = "skip",
    }
}

/// Bounds, and what reaching them does.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of messages kept of one channel in one encoding for subscribers that are behind
    /// (8 bytes of index a message included). Beyond it, when all subscribers that take bytes have had
    /// theirs, the oldest go, and `lag` says what that means for those who have not had them. Default 4 MiB.
    pub log_bytes: usize,
    /// Bytes of messages kept of all channels together, counted likewise. Beyond it, when all subscribers that take bytes
    /// have had theirs, whoever is behind by the most bytes does without all that it has not had, as if its log were
    /// over its bound, then the next. Default 256 MiB.
    pub shard_log_bytes: usize,
    /// What lagging means, by encoding, for a subscription that does not say it. Default: disconnect.
    pub lag: [Lag; MAX_ENCODINGS],
    /// Connections to reserve room for at the start. It is no bound: the owner refuses connections. Default 0.
    pub reserved_connections: usize,
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
        Self {
            log_bytes: 4 * 1024 * 1024,
            shard_log_bytes: 256 * 1024 * 1024,
            lag: [Lag::Disconnect; MAX_ENCODINGS],
            reserved_connections: 0,
            max_subscriptions: 1024,
        }
    }
}
