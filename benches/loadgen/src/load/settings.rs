//! All settings of a run. A report contains them, and they suffice to repeat it.

use crate::verify::payload::{self, PROBE};
use crate::{Disturbance, Error, Load, Popularity, Protocol};
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One run of load against one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The address on which the server listens.
    pub address: SocketAddr,
    /// The protocol of that listener.
    pub protocol: Protocol,
    /// The number of connections that receive.
    pub subscribers: usize,
    /// The number of channels that each subscriber subscribes to.
    pub subscriptions: usize,
    /// The number of connections that send.
    pub publishers: usize,
    /// The number of channels. Subscriptions are spread over them round robin. `plain` has one channel.
    pub channels: usize,
    /// The spread of a publisher's messages over the channels.
    pub popularity: Popularity,
    /// The prefix of the channel names. The index follows it, padded to a fixed width. Without a prefix,
    /// [`measure`](crate::measure) generates an unguessable one and reports it. It keeps the messages of other
    /// publishers off these channels.
    pub channel_prefix: Option<String>,
    /// The number of bytes of each payload, at least [`Settings::MIN_PAYLOAD`].
    pub payload_bytes: usize,
    /// The schedule by which messages are sent.
    pub load: Load,
    /// The disturbance of subscribers during the measured window.
    pub disturbance: Disturbance,
    /// The time of load before the measured window.
    #[serde(rename = "warmup_seconds", with = "seconds")]
    pub warmup: Duration,
    /// The length of the measured window.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
    /// The length of one step of the measured window's timeline.
    #[serde(rename = "interval_seconds", with = "seconds")]
    pub interval: Duration,
    /// The maximum wait after the window for deliveries that are still in flight.
    #[serde(rename = "drain_timeout_seconds", with = "seconds")]
    pub drain_timeout: Duration,
    /// The maximum time for all connections together to open and subscribe.
    #[serde(rename = "connect_timeout_seconds", with = "seconds")]
    pub connect_timeout: Duration,
    /// The server's process on this machine, to report its CPU time and memory.
    pub server_pid: Option<u32>,
    /// The server's `--admin-socket`, to report the parts of its shards.
    #[serde(skip)]
    pub admin_socket: Option<PathBuf>,
    /// True if that process was started for this run. Another process may have memory from earlier connections, so new
    /// ones would show no growth. This is not a property of the load, and so is not in a report's settings.
    #[serde(skip)]
    pub fresh_server: bool,
    /// The CPUs that the generator's thread may use; an empty list leaves it where it is.
    pub cpus: Vec<usize>,
}

impl Settings {
    /// The least payload in bytes: the header that makes it verifiable.
    pub const MIN_PAYLOAD: usize = payload::HEADER_LEN;
    /// The greatest payload in bytes, so that frames are below the default limit of every measured server.
    pub const MAX_PAYLOAD: usize = 60 * 1024;
    /// The most publishers and the most channels. Their indices are transmitted in 16 bits, and one value is reserved.
    pub const MAX_INDEX: usize = PROBE as usize;
    /// The most subscribers.
    pub const MAX_SUBSCRIBERS: usize = 1 << 20;
    /// The most pairs of a publisher and a subscription, each of which is tracked (384 MiB).
    pub const MAX_PAIRS: usize = 1 << 24;
    /// The most pairs of a publisher and a channel, each of which is tracked (80 MiB).
    pub const MAX_STREAMS: usize = 1 << 20;
    /// The longest warm-up, window, step or wait: one day.
    pub const MAX_TIME: Duration = Duration::from_hours(24);
    /// The most steps of a timeline.
    pub const MAX_INTERVALS: u128 = 100_000;

    /// Creates settings with the defaults of the command line: 100 subscribers, 8 publishers, 64 bytes, one channel, 1
    /// s of warm-up, 5 s measured.
    pub fn new(address: SocketAddr, protocol: Protocol, load: Load) -> Self {
        Self {
            address,
            protocol,
            subscribers: 100,
            subscriptions: 1,
            publishers: 8,
            channels: 1,
            popularity: Popularity::Even,
            channel_prefix: None,
            payload_bytes: 64,
            load,
            disturbance: Disturbance::None,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(30),
            server_pid: None,
            admin_socket: None,
            fresh_server: false,
            cpus: Vec::new(),
        }
    }

    /// Returns the number of all connections.
    pub fn connections(&self) -> usize {
        self.subscribers + self.publishers
    }

    /// Returns the number of all subscriptions. They are numbered subscriber by subscriber, and each subscriber's in
    /// order.
    pub(crate) fn all_subscriptions(&self) -> usize {
        self.subscribers * self.subscriptions
    }

    /// Returns the number of a channel's subscriptions, by the round robin.
    pub(crate) fn audience(&self, channel: usize) -> usize {
        let all = self.all_subscriptions();
        all / self.channels + usize::from(channel < all % self.channels)
    }

    /// Returns the channel of a subscription, by the round robin.
    pub(crate) fn channel_of(&self, subscription: usize) -> usize {
        subscription % self.channels
    }

    /// Returns the channels of a subscriber.
    pub(crate) fn channels_of(&self, subscriber: usize) -> impl Iterator<Item = usize> {
        let first = subscriber * self.subscriptions;
        (first..first + self.subscriptions).map(|subscription| self.channel_of(subscription))
    }

    /// Returns the names of the channels. All have the same length, so that all frames of a run have the same length.
    pub(crate) fn channel_names(&self) -> Vec<String> {
        if self.protocol == Protocol::Plain {
            return vec![String::new()];
        }
        let width = (self.channels - 1).max(1).to_string().len();
        let prefix = self.channel_prefix.as_deref().unwrap_or("bench");
        (0..self.channels).map(|index| format!("{prefix}{index:0width$}")).collect()
    }

    /// Returns the settings with channels of this run alone, unless their names are given.
    pub(crate) fn with_own_channels(&self) -> Self {
        let mut settings = self.clone();
        if self.protocol != Protocol::Plain {
            // The prefix has 48 bits of the kernel's randomness in 12 digits, and is part of every frame.
            settings.channel_prefix.get_or_insert_with(|| format!("bench-{:012x}-", random() >> 16));
        }
        settings
    }

    /// Checks that the settings can be run.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let counts = [
            ("--subscribers", self.subscribers, Self::MAX_SUBSCRIBERS),
            ("--subscriptions", self.subscriptions, Self::MAX_INDEX),
            ("--publishers", self.publishers, Self::MAX_INDEX),
            ("--channels", self.channels, Self::MAX_INDEX),
        ];
        for (setting, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(Error::setting(setting, format!("1 to {most} are possible, not {value}")));
            }
        }
        self.check_products()?;
        if self.protocol == Protocol::Plain && self.channels > 1 {
            return Err(Error::setting("--channels", "plain has one channel"));
        }
        if self.subscriptions > self.channels {
            return Err(Error::setting("--subscriptions", "there are fewer channels to subscribe to"));
        }
        if self.channels > self.all_subscriptions() {
            return Err(Error::setting("--channels", "a channel without a subscriber cannot be measured"));
        }
        if !(Self::MIN_PAYLOAD..=Self::MAX_PAYLOAD).contains(&self.payload_bytes) {
            let range = format!("{} to {} bytes are possible", Self::MIN_PAYLOAD, Self::MAX_PAYLOAD);
            return Err(Error::setting("--payload", range));
        }
        self.check_times()?;
        if self.duration.as_nanos() / self.interval.as_nanos() > Self::MAX_INTERVALS {
            let range = format!("at most {} fit the window", Self::MAX_INTERVALS);
            return Err(Error::setting("--interval", range));
        }
        self.check_channel_names()?;
        self.popularity.check(self.channels)?;
        self.disturbance.check(self)?;
        self.load.check(self.publishers)
    }

    /// Checks the products of settings that take memory for each combination. Each factor must be within its range.
    fn check_products(&self) -> Result<(), Error> {
        let echoes = if self.protocol == Protocol::Plain { self.publishers } else { 0 };
        if self.publishers * (self.all_subscriptions() + echoes) > Self::MAX_PAIRS {
            let range = format!("times --subscriptions and --publishers, at most {} are possible", Self::MAX_PAIRS);
            return Err(Error::setting("--subscribers", range));
        }
        if self.publishers * self.channels > Self::MAX_STREAMS {
            let range = format!("times --publishers, at most {} are possible", Self::MAX_STREAMS);
            return Err(Error::setting("--channels", range));
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), Error> {
        let least = Duration::from_micros(1);
        let times = [
            ("--warmup", self.warmup, Duration::ZERO),
            ("--duration", self.duration, least),
            ("--interval", self.interval, least),
            ("--drain-timeout", self.drain_timeout, Duration::ZERO),
            ("--connect-timeout", self.connect_timeout, Duration::from_millis(1)),
        ];
        for (setting, time, least) in times {
            if !(least..=Self::MAX_TIME).contains(&time) {
                let most = Self::MAX_TIME.as_secs();
                return Err(Error::setting(setting, format!("{least:?} to {most} s are possible")));
            }
        }
        Ok(())
    }

    fn check_channel_names(&self) -> Result<(), Error> {
        for name in self.channel_names().iter().filter(|_| self.protocol != Protocol::Plain) {
            let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
            if corecast_wire::ChannelName::new(name).is_err() || !visible {
                return Err(Error::setting("--channel-prefix", "it must be short, visible ASCII"));
            }
        }
        Ok(())
    }
}

/// Returns an unguessable number: a hash under a random key of the kernel.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}

/// Serializes durations as seconds with a fraction, for readers of the JSON.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
