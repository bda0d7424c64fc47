//! The flags of `corecast serve`, and the engine's configuration that they amount to.
//!
//! This is the one list of settings: the help, the variables and the keys of the configuration file all
//! come from it.

use std::collections::HashSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use corecast_engine::{Config, Lag, Limits, OverRate, RateLimit};

use crate::admin::AdminSettings;
use crate::command_line::SetupError;
use crate::cpus::{self, CpuRange, MAX_SHARDS};
use crate::ending::EndingSettings;
use crate::listen::ListenAddress;
use crate::logging::{Format, Level};
use crate::period::{self, Period};
use crate::policy::PolicySettings;
use crate::size::{self, Size};
use crate::tuning::TuningSettings;

/// The least of a frame's limit: a frame that cannot hold a small message serves nobody.
pub(crate) const LEAST_FRAME: u64 = 64;
/// The greatest of a frame's limit. The length field could say 4 GiB; a frame is held whole in memory.
pub(crate) const GREATEST_FRAME: u64 = 256 << 20;
/// The greatest bound of a log or buffer.
const GREATEST_BUFFER: u64 = 64 << 30;
/// The greatest count, of subscriptions or parcels.
pub(crate) const GREATEST_COUNT: u64 = 1 << 20;

/// The longest of the deadlines, and of the waits at the end of a connection or server.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Settings of a server.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// Read settings from this TOML file.
    ///
    /// A key is a flag's name with underscores, a value the text that the flag takes, or a whole number;
    /// for a flag that repeats, a list. An unknown key is an error.
    #[arg(long, env = "CORECAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Accept connections here; repeatable, or several separated by commas.
    ///
    /// The protocol is native (channels, acknowledgements, gaps) or plain (a u32 length and a payload; every
    /// frame goes to every connection). Port 0 picks a free port. A plain listener may name its channel:
    /// listeners with the same channel share it, and so do native clients that subscribe to it; without
    /// one, the channel is the listener's own. With ?lag=skip, a plain connection that falls behind misses messages without
    /// notice, because plain has no frame for it; by default it is closed. With ?idle=TIME, a plain connection that sends
    /// nothing for that time is closed, counted under code 207 (idle timeout); by default it may stay silent. Separate the
    /// two options with &.
    #[arg(
        long,
        env = "CORECAST_LISTEN",
        value_name = "PROTOCOL://IP:PORT[/CHANNEL][?OPTIONS]",
        value_delimiter = ',',
        default_value = "native://127.0.0.1:7070",
        help_heading = "Listeners"
    )]
    listen: Vec<ListenAddress>,

    /// How many shards: threads with their own connections, each pinned to a CPU.
    ///
    /// Default: one for each CPU of --cpus. More shards than CPUs go round the CPUs again; fewer take the first.
    #[arg(long, env = "CORECAST_SHARDS", value_name = "COUNT", value_parser = count(1..=MAX_SHARDS as u64), help_heading = "Shards")]
    shards: Option<usize>,

    /// The CPUs that shards are pinned to, in this order, such as 0,2-3.
    ///
    /// Default: all that this process may run on. One that it may not run on is an error.
    #[arg(long, env = "CORECAST_CPUS", value_name = "LIST", value_delimiter = ',', help_heading = "Shards")]
    cpus: Vec<CpuRange>,

    #[command(flatten)]
    policy: PolicySettings,

    /// Connections of all shards together; at least one a shard.
    ///
    /// Each shard takes an equal part; one more than that is told code 210 (full) and closed. The kernel chooses the shard,
    /// so one may be full while another has room.
    #[arg(
        long,
        env = "CORECAST_MAX_CONNECTIONS",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().max_connections,
        help_heading = "Limits"
    )]
    max_connections: usize,

    /// Frames a second that one connection may send; 0 for any number.
    ///
    /// A second's worth may come at once; then each frame waits for its turn. Waiting frames are not received.
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_RATE",
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64),
        default_value_t = Limits::default().rate.frames,
        help_heading = "Limits"
    )]
    max_frame_rate: u64,

    /// Bytes a second that one connection may send; 0B for any number.
    ///
    /// A second's worth may come at once; then each frame waits until the rate allows all of it. A frame larger than a
    /// second's worth waits for a second in which nothing is sent. The frames behind it then wait for the time that it
    /// takes at the rate.
    #[arg(
        long,
        env = "CORECAST_MAX_BYTE_RATE",
        value_name = "SIZE",
        value_parser = size::within(0..=u64::MAX),
        default_value_t = Size(Limits::default().rate.bytes),
        help_heading = "Limits"
    )]
    max_byte_rate: Size,

    /// What becomes of a connection that sends faster than it may.
    ///
    /// pause: its next frame is not received until it is within the rate. close: the connection is closed with code 209
    /// (rate exceeded).
    #[arg(
        long,
        env = "CORECAST_OVER_RATE",
        value_name = "EFFECT",
        value_parser = one_of(OverRate::ALL),
        default_value_t = Limits::default().rate.over,
        help_heading = "Limits"
    )]
    over_rate: OverRate,

    /// Parcels that one shard keeps waiting for another.
    ///
    /// When a mailbox is full, the publishers that would add to it are not read from until it has room.
    #[arg(
        long,
        env = "CORECAST_MAILBOX_CAPACITY",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().mailbox_capacity,
        help_heading = "Shards"
    )]
    mailbox_capacity: usize,

    /// Bytes of a native frame, behind its length field.
    ///
    /// A longer one ends the connection with code 100 (frame too large).
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_NATIVE",
        value_name = "SIZE",
        value_parser = size::within(LEAST_FRAME..=GREATEST_FRAME),
        default_value_t = Size(Limits::default().native_max_frame.into()),
        help_heading = "Limits"
    )]
    max_frame_native: Size,

    /// Bytes of a plain frame, behind its length field.
    ///
    /// A longer one ends the connection; plain has no frame to say why, so the server's log does.
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_PLAIN",
        value_name = "SIZE",
        value_parser = size::within(LEAST_FRAME..=GREATEST_FRAME),
        default_value_t = Size(Limits::default().plain_max_frame.into()),
        help_heading = "Limits"
    )]
    max_frame_plain: Size,

    /// Bytes of messages that a shard keeps of one channel, in one protocol, for subscribers that are behind.
    ///
    /// Beyond it the oldest messages go, and --lag says what becomes of a subscriber that had not been sent them.
    #[arg(
        long,
        env = "CORECAST_LOG_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().log_bytes as u64),
        help_heading = "Limits"
    )]
    log_bytes: Size,

    /// Bytes of messages that a shard keeps of all channels together, for subscribers that are behind.
    ///
    /// Beyond it the subscriber that is behind by the most pays first, as if its channel were over --log-bytes. The
    /// baselines have no logs, and do not keep to it.
    #[arg(
        long,
        env = "CORECAST_SHARD_LOG_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().shard_log_bytes as u64),
        help_heading = "Limits"
    )]
    shard_log_bytes: Size,

    /// What becomes of a native subscriber that is behind by more than --log-bytes, if it did not say it itself.
    ///
    /// skip: it gets a GAP that counts what it missed, and goes on behind that. disconnect: it is closed with
    /// code 202 (lagged). Plain has no GAP: there a lagging connection is closed, but for ?lag=skip in --listen.
    #[arg(
        long,
        env = "CORECAST_LAG",
        value_name = "EFFECT",
        value_parser = one_of(Lag::ALL),
        default_value_t = Limits::default().native_lag,
        help_heading = "Limits"
    )]
    lag: Lag,

    /// Bytes of answers (SUBSCRIBED, PONG and the like) waiting for one connection to take them.
    ///
    /// A connection that asks for more without reading them is not read from until it does.
    #[arg(
        long,
        env = "CORECAST_CONTROL_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().control_bytes as u64),
        help_heading = "Limits"
    )]
    control_bytes: Size,

    /// Channels that one connection may subscribe to.
    ///
    /// One more ends the connection with code 203 (too many subscriptions).
    #[arg(
        long,
        env = "CORECAST_MAX_SUBSCRIPTIONS",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().max_subscriptions,
        help_heading = "Limits"
    )]
    max_subscriptions: usize,

    /// How long a native connection may take to say HELLO; 0s for as long as it likes.
    ///
    /// Then it is closed with code 205 (hello timeout). Deadlines may be late by a second. No deadline counts time
    /// during which the server itself stood still.
    #[arg(
        long,
        env = "CORECAST_HELLO_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().hello_timeout),
        help_heading = "Deadlines"
    )]
    hello_timeout: Period,

    /// How long a frame that has begun may take to end; 0s for as long as it likes.
    ///
    /// Then the connection is closed with code 206 (frame timeout).
    #[arg(
        long,
        env = "CORECAST_FRAME_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().frame_timeout),
        help_heading = "Deadlines"
    )]
    frame_timeout: Period,

    /// How long a native connection may send nothing; 0s for as long as it likes.
    ///
    /// After half of it the server sends PING; without an answer within the other half the connection is closed with code
    /// 207 (idle timeout). Plain has no PING, and a plain client that only listens sends nothing: plain connections have no
    /// idle timeout unless --listen has ?idle=TIME.
    #[arg(
        long,
        env = "CORECAST_IDLE_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().idle_timeout),
        help_heading = "Deadlines"
    )]
    idle_timeout: Period,

    /// How long a connection may take nothing of what is waiting for it; 0s for as long as it likes.
    ///
    /// Then it is reset, and counted with code 208 (write timeout). One that takes some of what the kernel holds for it has
    /// the time again, but no more than 16 times before the kernel has room for more.
    #[arg(
        long,
        env = "CORECAST_WRITE_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().write_timeout),
        help_heading = "Deadlines"
    )]
    write_timeout: Period,

    #[command(flatten)]
    ending: EndingSettings,

    #[command(flatten)]
    pub(crate) admin: AdminSettings,

    #[command(flatten)]
    tuning: TuningSettings,

    /// The form of the log on standard error.
    #[arg(
        long,
        env = "CORECAST_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t = Format::Text,
        help_heading = "Logging"
    )]
    pub(crate) log_format: Format,

    /// The least severe level that is logged.
    #[arg(
        long,
        env = "CORECAST_LOG_LEVEL",
        value_name = "LEVEL",
        value_enum,
        default_value_t = Level::Info,
        help_heading = "Logging"
    )]
    pub(crate) log_level: Level,
}

impl Settings {
    /// What the engine is to run.
    ///
    /// # Errors
    /// Settings that are each fine but do not go together, or not with this machine.
    pub(crate) fn engine(&self) -> anyhow::Result<Config> {
        let cpus = cpus::place(&self.cpus, self.shards, &cpus::allowed()?).map_err(SetupError)?;
        self.no_address_twice()?;
        if self.max_connections < cpus.len() {
            let (most, shards) = (self.max_connections, cpus.len());
            let reason =
                format!("--max-connections {most}: each of {shards} shards takes at least one; allow {shards} or more");
            return Err(SetupError(reason).into());
        }
        let listeners = self.listen.iter().map(|address| address.0.clone()).collect();
        let limits = self.limits()?;
        let tuning = self.tuning.engine();
        let mut config = Config { limits, tuning, stop_on_signals: true, ..Config::new(listeners, cpus) };
        self.policy.apply(&mut config)?;
        Ok(config)
    }

    /// The kernel would let one process listen twice on an address, and share out its clients between both.
    fn no_address_twice(&self) -> Result<(), SetupError> {
        let mut seen = HashSet::new();
        let mut fixed = self.listen.iter().map(|listen| listen.0.address).filter(|address| address.port() != 0);
        match fixed.find(|address| !seen.insert(*address)) {
            Some(address) => Err(SetupError(format!("two listeners on {address}; give each its own port"))),
            None => Ok(()),
        }
    }

    fn limits(&self) -> Result<Limits, SetupError> {
        let largest = self.max_frame_native.max(self.max_frame_plain);
        if self.log_bytes < largest {
            return Err(SetupError(format!(
                "--log-bytes {} holds no frame of {largest}; raise it, or lower --max-frame-native and --max-frame-plain",
                self.log_bytes
            )));
        }
        let mut limits = Limits {
            native_max_frame: frame(self.max_frame_native),
            plain_max_frame: frame(self.max_frame_plain),
            log_bytes: buffer(self.log_bytes),
            shard_log_bytes: buffer(self.shard_log_bytes),
            native_lag: self.lag,
            control_bytes: buffer(self.control_bytes),
            max_subscriptions: self.max_subscriptions,
            max_connections: self.max_connections,
            rate: RateLimit { frames: self.max_frame_rate, bytes: self.max_byte_rate.0, over: self.over_rate },
            mailbox_capacity: self.mailbox_capacity,
            hello_timeout: self.hello_timeout.0,
            frame_timeout: self.frame_timeout.0,
            idle_timeout: self.idle_timeout.0,
            write_timeout: self.write_timeout.0,
            ..Limits::default()
        };
        self.ending.set(&mut limits);
        Ok(limits)
    }
}

fn frame(size: Size) -> u32 {
    u32::try_from(size.0).expect("parsed as at most GREATEST_FRAME")
}

fn buffer(size: Size) -> usize {
    usize::try_from(size.0).expect("parsed as at most GREATEST_BUFFER, on 64 bits")
}

/// A parser of the values of one of the engine's enums, by the names that it shows.
pub(crate) fn one_of<T>(all: &'static [T]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Display + FromStr<Err: std::error::Error + Send + Sync + 'static> + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(ToString::to_string)).try_map(|name| name.parse())
}

/// A parser of counts within these bounds.
pub(crate) fn count(range: std::ops::RangeInclusive<u64>) -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u64).range(range).map(|count| usize::try_from(count).expect("64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};

    fn parsed(arguments: &[&str]) -> Settings {
        let command = Settings::augment_args(Command::new("serve"))
            .mut_args(|arg| arg.env(clap::builder::Resettable::Reset))
            .no_binary_name(true);
        Settings::from_arg_matches(&command.get_matches_from(arguments)).unwrap()
    }

    #[test]
    fn every_flag_has_the_variable_and_the_key_of_its_name() {
        for arg in Settings::augment_args(Command::new("serve")).get_arguments() {
            let key = arg.get_id().as_str();
            assert_eq!(arg.get_long(), Some(key.replace('_', "-").as_str()));
            assert_eq!(arg.get_env(), Some(format!("CORECAST_{}", key.to_uppercase()).as_ref()));
            assert!(arg.get_help().is_some(), "{key} has no help");
        }
    }

    #[test]
    fn without_flags_the_limits_are_the_engines() {
        let limits = parsed(&[]).limits().unwrap();
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
    }

    #[test]
    fn each_limit_has_its_flag() {
        let limits = parsed(&[
            "--max-frame-native=3KiB",
            "--max-frame-plain=2KiB",
            "--log-bytes=1MiB",
            "--shard-log-bytes=16MiB",
            "--lag=disconnect",
            "--control-bytes=5KiB",
            "--max-subscriptions=7",
            "--mailbox-capacity=1",
            "--max-connections=11",
            "--max-frame-rate=12",
            "--max-byte-rate=13KiB",
            "--over-rate=close",
            "--hello-timeout=1s",
            "--frame-timeout=2s",
            "--idle-timeout=3s",
            "--write-timeout=4s",
            "--linger=8ms",
            "--drain-timeout=9s",
            "--disconnect-lines=14",
            "--reconnect-spread=15s",
        ]);
        let expected = Limits {
            native_max_frame: 3 << 10,
            plain_max_frame: 2 << 10,
            log_bytes: 1 << 20,
            shard_log_bytes: 16 << 20,
            native_lag: Lag::Disconnect,
            control_bytes: 5 << 10,
            max_subscriptions: 7,
            mailbox_capacity: 1,
            max_connections: 11,
            rate: RateLimit { frames: 12, bytes: 13 << 10, over: OverRate::Close },
            hello_timeout: Duration::from_secs(1),
            frame_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(3),
            write_timeout: Duration::from_secs(4),
            linger: Duration::from_millis(8),
            drain_timeout: Duration::from_secs(9),
            disconnect_lines: 14,
            reconnect_spread: Duration::from_secs(15),
        };
        assert_eq!(format!("{:?}", limits.limits().unwrap()), format!("{expected:?}"));
    }
}
