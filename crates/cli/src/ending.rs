//! The flags of `corecast serve` about how connections and the server end.

use std::time::Duration;

use clap::Args;
use corecast_engine::Limits;

use crate::settings::LONGEST_WAIT;
use corecast_command::period::{self, Period};

/// How connections end.
#[derive(Args, Debug)]
#[command(next_help_heading = "Endings")]
pub(crate) struct EndingSettings {
    /// How long a connection that the server ends may take to read what it is told, such as 500ms or 1s.
    ///
    /// Then it is closed, whether it has read it or not.
    #[arg(
        long,
        env = "CORECAST_LINGER",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().linger)
    )]
    linger: Period,

    /// How long a server that was told to end lets its subscribers take what is queued for them.
    ///
    /// Then they are closed, whether they have taken it or not.
    #[arg(
        long,
        env = "CORECAST_DRAIN_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().drain_timeout)
    )]
    drain_timeout: Period,

    /// Over how long the clients of a server that ends are to return; 0s for as they like.
    ///
    /// Each native client is told another time to wait, at random, of less than this: so they do not all return at
    /// once to whatever runs then.
    #[arg(
        long,
        env = "CORECAST_RECONNECT_SPREAD",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().reconnect_spread)
    )]
    reconnect_spread: Period,

    /// Departures that a shard logs in a second, each in a line; 0 for none.
    ///
    /// When more connections leave, one line has the count of those left out. The journal has them all.
    #[arg(
        long,
        env = "CORECAST_DEPARTURE_LINES",
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32),
        default_value_t = Limits::default().departure_lines
    )]
    departure_lines: u32,
}

impl EndingSettings {
    /// Sets the limits that are said here.
    pub(crate) fn set(&self, limits: &mut Limits) {
        limits.linger = self.linger.0;
        limits.drain_timeout = self.drain_timeout.0;
        limits.reconnect_spread = self.reconnect_spread.0;
        limits.departure_lines = self.departure_lines;
    }
}
