//! The bounds of a shard's queues.

use crate::{Encoding, MAX_ENCODINGS};

crate::named! {
    /// The effect on a subscriber that is behind by more than the log holds, or is furthest behind when all logs
    /// together are too large.
    LagRule, "lag rule" {
        /// Its connection is closed ([`Effect::Lagged`](crate::Effect::Lagged)).
        Disconnect = "disconnect",
        /// It is told how many messages it missed, if its encoding can express that, and continues after them.
        Skip = "skip",
    }
}

/// The bounds, and the effect of reaching each.
#[derive(Clone, Debug)]
pub struct FanoutLimits {
    /// The bytes of messages kept of one channel in one encoding for subscribers that are behind (with 8 bytes of index
    /// a message). Above the bound, once every subscriber that takes bytes is up to date, the oldest messages are
    /// dropped; `lag` says how that affects subscribers that have not received them. Default 4 MiB.
    pub log_bytes: usize,
    /// The bytes of messages kept of all channels together, counted likewise. Above the bound, once every subscriber
    /// that takes bytes is up to date, the subscriber that is behind by the most bytes loses its backlog, as if its log
    /// were over its bound, then the next. Default 256 MiB.
    pub shard_log_bytes: usize,
    /// The effect of lagging, by encoding, for a subscription that does not choose one. Default: disconnect.
    pub lag: [LagRule; MAX_ENCODINGS],
    /// The number of connections to reserve room for at the start. It is not a bound; the owner refuses connections.
    /// Default 0.
    pub reserved_connections: usize,
    /// The number of channels that one connection may subscribe to; one more is refused. Default 1,024.
    pub max_subscriptions: usize,
}

impl FanoutLimits {
    /// Returns the default effect of lagging in this encoding.
    pub fn lag(&self, encoding: Encoding) -> LagRule {
        self.lag[encoding.index()]
    }
}

impl Default for FanoutLimits {
    fn default() -> Self {
        Self {
            log_bytes: 4 * 1024 * 1024,
            shard_log_bytes: 256 * 1024 * 1024,
            lag: [LagRule::Disconnect; MAX_ENCODINGS],
            reserved_connections: 0,
            max_subscriptions: 1024,
        }
    }
}
