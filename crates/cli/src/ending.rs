//! The flags of `corecast serve` for how connections and the server end.

use std::time::Duration;

use clap::Args;
use corecast_engine::Limits;

use crate::settings::LONGEST_WAIT;
use corecast_command::period::{self, Period};
use corecast_command::whole;

/// The endings of connections.
#[derive(Args, Debug)]
#[command(next_help_heading = "Endings")]
pub(crate) struct EndingSettings {
    /// Time that a connection closed by the server has to read the reason.
    ///
    /// After that, the server closes the socket, whether the client has read the reason or not.
    #[arg(
        long,
        env = "CORECAST_LINGER",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().linger)
    )]
    linger: Period,

    /// Time that subscribers have to receive queued messages when the server stops.
    ///
    /// After that, the server closes their connections, whether they have received the messages or not.
    #[arg(
        long,
        env = "CORECAST_DRAIN_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().drain_timeout)
    )]
    drain_timeout: Period,

    /// Spread reconnects over this window at shutdown; 0s disables it.
    ///
    /// A stopping server tells each native client a random delay below this time. So they do not all return at once
    /// to the server that takes over.
    #[arg(
        long,
        env = "CORECAST_RECONNECT_SPREAD",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().reconnect_spread)
    )]
    reconnect_spread: Period,

    /// Maximum number of disconnects that a shard logs per second, one line each; 0 for none.
    ///
    /// A further line counts the disconnects that were not logged. The journal records all of them.
    #[arg(
        long,
        env = "CORECAST_DISCONNECT_LINES",
        value_name = "COUNT",
        value_parser = whole(0..=u32::MAX),
        default_value_t = Limits::default().disconnect_lines
    )]
    disconnect_lines: u32,
}

impl EndingSettings {
    /// Sets the limits that these flags contain.
    pub(crate) fn set(&self, limits: &mut Limits) {
        limits.linger = self.linger.0;
        limits.drain_timeout = self.drain_timeout.0;
        limits.reconnect_spread = self.reconnect_spread.0;
        limits.disconnect_lines = self.disconnect_lines;
    }
}
