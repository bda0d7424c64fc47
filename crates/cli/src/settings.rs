//! The flags of `corecast serve`, and the engine configuration that they produce.
//!
//! This is the only list of settings: the help, the variables and the keys of the configuration file all come from it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use corecast_command::{count, one_of, whole};
use corecast_engine::{Config, LagRule, Limits, OverRate, RateLimit};

use crate::admin::AdminSettings;
use crate::ending::EndingSettings;
use crate::listen::ListenAddress;
use crate::logging::{Format, Level};
use crate::policy::PolicySettings;
use crate::tuning::TuningSettings;
use corecast_command::SetupError;
use corecast_command::cpus::{self, CpuRange, MAX_SHARDS};
use corecast_command::period::{self, Period};
use corecast_command::size::{self, Size};

/// The lowest limit of a frame, because a frame that cannot hold a small message is of no use.
pub(crate) const LEAST_FRAME: u64 = 64;
/// The highest limit of a frame. The length field could say 4 GiB, but a frame is held whole in memory.
pub(crate) const GREATEST_FRAME: u64 = 256 << 20;
/// The highest bound of a log or buffer.
const GREATEST_BUFFER: u64 = 64 << 30;
/// The highest count of subscriptions or shard batches.
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

    /// Accept connections on this address; repeatable, or several separated by commas.
    ///
    /// The protocol is native (channels, acknowledgements, gaps) or plain (a u32 length and a payload; every frame
    /// goes to every connection). Port 0 picks a free port. A plain listener may name its channel: all listeners of a
    /// channel share it, and so do native clients that subscribe to it. Without a name, the channel belongs to that
    /// listener alone. ?lag=skip lets a plain connection that falls behind miss messages without notice, because
    /// plain has no frame for it; by default the server closes the connection. ?idle=TIME closes a plain connection
    /// that sends nothing for that time, with code 207 (idle timeout); by default it may stay silent. Separate the
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

    /// Number of shards: threads with their own connections, each pinned to a CPU.
    ///
    /// Default: one for each CPU of --cpus. More shards than CPUs share the CPUs in turn; fewer use the first CPUs.
    #[arg(long, env = "CORECAST_SHARDS", value_name = "COUNT", value_parser = count(1..=MAX_SHARDS as u64), help_heading = "Shards")]
    shards: Option<usize>,

    /// CPUs to pin shards to, in this order, such as 0,2-3.
    ///
    /// Default: all CPUs that the process may use. A CPU that it may not use is an error.
    #[arg(long, env = "CORECAST_CPUS", value_name = "LIST", value_delimiter = ',', help_heading = "Shards")]
    cpus: Vec<CpuRange>,

    #[command(flatten)]
    policy: PolicySettings,

    /// Maximum number of open connections, all shards together; at least one per shard.
    ///
    /// Each shard takes an equal part. It answers one connection more with code 210 (full) and closes it. The kernel
    /// chooses the shard of a connection, so one shard may be full while another has room.
    #[arg(
        long,
        env = "CORECAST_MAX_CONNECTIONS",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().max_connections,
        help_heading = "Limits"
    )]
    max_connections: usize,

    /// Maximum number of frames a second from one connection; 0 for no limit.
    ///
    /// The frames of one second may arrive at once. After that, each frame waits for its turn, in the kernel's
    /// buffer.
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_RATE",
        value_name = "COUNT",
        value_parser = whole(0..=u64::MAX),
        default_value_t = Limits::default().rate.frames,
        help_heading = "Limits"
    )]
    max_frame_rate: u64,

    /// Maximum number of bytes a second from one connection; 0B for no limit.
    ///
    /// The bytes of one second may arrive at once. After that, each frame waits until the rate allows all of it. A
    /// frame larger than one second's bytes is admitted after one idle second; later frames wait until its excess is
    /// paid off.
    #[arg(
        long,
        env = "CORECAST_MAX_BYTE_RATE",
        value_name = "SIZE",
        value_parser = size::within(0..=u64::MAX),
        default_value_t = Size(Limits::default().rate.bytes),
        help_heading = "Limits"
    )]
    max_byte_rate: Size,

    /// Effect on a connection that exceeds its rate.
    ///
    /// pause: the server does not receive its next frame until the rate allows it. close: the server closes the
    /// connection with code 209 (rate exceeded).
    #[arg(
        long,
        env = "CORECAST_OVER_RATE",
        value_name = "EFFECT",
        value_parser = one_of(OverRate::ALL),
        default_value_t = Limits::default().rate.over,
        help_heading = "Limits"
    )]
    over_rate: OverRate,

    /// Maximum number of shard batches waiting in a shard's mailbox.
    ///
    /// While a mailbox is full, the server stops reading from the publishers that would add to it.
    #[arg(
        long,
        env = "CORECAST_MAILBOX_CAPACITY",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().mailbox_capacity,
        help_heading = "Shards"
    )]
    mailbox_capacity: usize,

    /// Maximum size of a native frame, without its length field.
    ///
    /// A larger frame closes the connection with code 100 (frame too large).
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_NATIVE",
        value_name = "SIZE",
        value_parser = size::within(LEAST_FRAME..=GREATEST_FRAME),
        default_value_t = Size(Limits::default().native_max_frame.into()),
        help_heading = "Limits"
    )]
    max_frame_native: Size,

    /// Maximum size of a plain frame, without its length field.
    ///
    /// A larger frame closes the connection. Plain has no frame to give a reason, so the server only logs it.
    #[arg(
        long,
        env = "CORECAST_MAX_FRAME_PLAIN",
        value_name = "SIZE",
        value_parser = size::within(LEAST_FRAME..=GREATEST_FRAME),
        default_value_t = Size(Limits::default().plain_max_frame.into()),
        help_heading = "Limits"
    )]
    max_frame_plain: Size,

    /// Bytes of messages that a shard keeps per channel and protocol for slow subscribers.
    ///
    /// When a channel's log is full, the shard drops its oldest messages. --lag decides what happens to subscribers
    /// that had not received them.
    #[arg(
        long,
        env = "CORECAST_LOG_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().log_bytes as u64),
        help_heading = "Limits"
    )]
    log_bytes: Size,

    /// Bytes of messages that a shard keeps for slow subscribers, all channels together.
    ///
    /// When a shard exceeds it, the subscriber with the largest backlog loses messages first, as if its channel's log
    /// were full. The baseline policies have no logs and ignore this limit.
    #[arg(
        long,
        env = "CORECAST_SHARD_LOG_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().shard_log_bytes as u64),
        help_heading = "Limits"
    )]
    shard_log_bytes: Size,

    /// Effect on a native subscriber whose backlog exceeds --log-bytes, unless it chose for itself.
    ///
    /// skip: it receives a GAP that counts the messages it missed, and continues with the messages after them.
    /// disconnect: the server closes it with code 202 (lagged). Plain has no GAP: a lagging plain connection is
    /// closed unless its listener has ?lag=skip.
    #[arg(
        long,
        env = "CORECAST_LAG",
        value_name = "EFFECT",
        value_parser = one_of(LagRule::ALL),
        default_value_t = Limits::default().native_lag,
        help_heading = "Limits"
    )]
    lag: LagRule,

    /// Bytes of unread answers (SUBSCRIBED, PONG and so on) that a connection may accumulate.
    ///
    /// The server stops reading from a connection that exceeds this, until the client has read its answers.
    #[arg(
        long,
        env = "CORECAST_CONTROL_BYTES",
        value_name = "SIZE",
        value_parser = size::within(1024..=GREATEST_BUFFER),
        default_value_t = Size(Limits::default().control_bytes as u64),
        help_heading = "Limits"
    )]
    control_bytes: Size,

    /// Maximum number of channels that one connection may subscribe to.
    ///
    /// One more closes the connection with code 203 (too many subscriptions).
    #[arg(
        long,
        env = "CORECAST_MAX_SUBSCRIPTIONS",
        value_name = "COUNT",
        value_parser = count(1..=GREATEST_COUNT),
        default_value_t = Limits::default().max_subscriptions,
        help_heading = "Limits"
    )]
    max_subscriptions: usize,

    /// Time that a native connection has to send HELLO; 0s for no limit.
    ///
    /// After that, the server closes it with code 205 (hello timeout). All deadlines may be up to one second late. No
    /// deadline counts time during which the server itself stood still.
    #[arg(
        long,
        env = "CORECAST_HELLO_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().hello_timeout),
        help_heading = "Deadlines"
    )]
    hello_timeout: Period,

    /// Time that a frame has to arrive completely once it has begun; 0s for no limit.
    ///
    /// After that, the server closes the connection with code 206 (frame timeout).
    #[arg(
        long,
        env = "CORECAST_FRAME_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().frame_timeout),
        help_heading = "Deadlines"
    )]
    frame_timeout: Period,

    /// Time that a native connection may stay silent; 0s for no limit.
    ///
    /// After half of it, the server sends PING. Without an answer within the other half, it closes the connection
    /// with code 207 (idle timeout). Plain has no PING, and a plain client that only listens sends nothing: plain
    /// connections have no idle timeout unless --listen has ?idle=TIME.
    #[arg(
        long,
        env = "CORECAST_IDLE_TIMEOUT",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST_WAIT),
        default_value_t = Period(Limits::default().idle_timeout),
        help_heading = "Deadlines"
    )]
    idle_timeout: Period,

    /// Time that a connection with a full socket may accept no data; 0s for no limit.
    ///
    /// After that, the server resets the connection and counts it under code 208 (write timeout). A client that reads
    /// some of the data held by the kernel restarts the timeout, at most 16 times until the socket has room.
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

    /// Format of the log on standard error.
    #[arg(
        long,
        env = "CORECAST_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t = Format::Text,
        help_heading = "Logging"
    )]
    pub(crate) log_format: Format,

    /// Least severe level that is logged.
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
    /// Returns the configuration of the engine.
    ///
    /// # Errors
    /// The settings are each valid but do not go together, or do not fit this machine.
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
        let mut config =
            Config::new(listeners, cpus).with_limits(limits).with_tuning(tuning).with_stop_on_signals(true);
        self.policy.apply(&mut config)?;
        Ok(config)
    }

    /// Rejects an address that is listed twice. The kernel would let one process listen on it twice, and divide its
    /// clients between both.
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
        let rate = RateLimit::default()
            .with_frames(self.max_frame_rate)
            .with_bytes(self.max_byte_rate.0)
            .with_over(self.over_rate);
        let mut limits = Limits::default()
            .with_native_max_frame(frame(self.max_frame_native))
            .with_plain_max_frame(frame(self.max_frame_plain))
            .with_log_bytes(buffer(self.log_bytes))
            .with_shard_log_bytes(buffer(self.shard_log_bytes))
            .with_native_lag(self.lag)
            .with_control_bytes(buffer(self.control_bytes))
            .with_max_subscriptions(self.max_subscriptions)
            .with_max_connections(self.max_connections)
            .with_rate(rate)
            .with_mailbox_capacity(self.mailbox_capacity)
            .with_hello_timeout(self.hello_timeout.0)
            .with_frame_timeout(self.frame_timeout.0)
            .with_idle_timeout(self.idle_timeout.0)
            .with_write_timeout(self.write_timeout.0);
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
        let expected = Limits::default()
            .with_native_max_frame(3 << 10)
            .with_plain_max_frame(2 << 10)
            .with_log_bytes(1 << 20)
            .with_shard_log_bytes(16 << 20)
            .with_native_lag(LagRule::Disconnect)
            .with_control_bytes(5 << 10)
            .with_max_subscriptions(7)
            .with_mailbox_capacity(1)
            .with_max_connections(11)
            .with_rate(RateLimit::default().with_frames(12).with_bytes(13 << 10).with_over(OverRate::Close))
            .with_hello_timeout(Duration::from_secs(1))
            .with_frame_timeout(Duration::from_secs(2))
            .with_idle_timeout(Duration::from_secs(3))
            .with_write_timeout(Duration::from_secs(4))
            .with_linger(Duration::from_millis(8))
            .with_drain_timeout(Duration::from_secs(9))
            .with_disconnect_lines(14)
            .with_reconnect_spread(Duration::from_secs(15));
        assert_eq!(format!("{:?}", limits.limits().unwrap()), format!("{expected:?}"));
    }
}
