//! Real shards with the real policy and real sessions, whose time, transports and mailboxes belong to the test.
//!
//! A [`Driver`] does what the engine does, one call at a time, and notes the effects. Several share one [`Time`] and one mesh.

mod client;
mod driver;
mod frames;
mod hooked_policy;
mod mesh;
mod time;
mod transport;

pub(crate) use client::Client;
pub(crate) use driver::{Driver, Observed, join, settle, shards};
pub(crate) use frames::{
    HELLO, PING, Readable, acknowledged, encoded, ping, plain, plain_encoded, publish, subscribe, subscribe_or_skip,
};
pub(crate) use mesh::Access;
pub(crate) use transport::Transport;

use corecast_shard::ShardLimits;
use std::time::Duration;

/// The interval between two sweeps.
pub(crate) const SWEEP: Duration = Duration::from_millis(100);

/// The bounds of the shards of a test.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: ShardLimits,
    pub(crate) fanout: corecast_fanout::FanoutLimits,
    /// Messages that a mailbox holds.
    pub(crate) mailbox: usize,
    /// The time for which a connection may be silent.
    pub(crate) idle_timeout: Duration,
    /// For the delays after which clients are asked to return.
    pub(crate) seed: u64,
}

impl Settings {
    /// The same, with other bounds of the shard.
    pub(crate) fn with(change: impl FnOnce(&mut ShardLimits)) -> Self {
        let mut settings = Self::default();
        change(&mut settings.limits);
        settings
    }
}

impl Default for Settings {
    /// No rate, no deadline but those of an end, and more room than a test needs.
    fn default() -> Self {
        Self {
            limits: ShardLimits {
                connections: 10_000,
                control_bytes: 10_000,
                frames_per_second: 0,
                bytes_per_second: 0,
                close_over_rate: false,
                hello_timeout: Duration::ZERO,
                frame_timeout: Duration::ZERO,
                write_timeout: Duration::ZERO,
                linger: seconds(1),
                reconnect_spread: Duration::ZERO,
                drain_timeout: seconds(5),
                sweep_interval: SWEEP,
            },
            fanout: corecast_fanout::FanoutLimits::default(),
            mailbox: 1_000,
            idle_timeout: Duration::ZERO,
            seed: 7,
        }
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The time of the last sweep before a deadline.
pub(crate) fn just_before(deadline: Duration) -> Duration {
    deadline.saturating_sub(SWEEP)
}
