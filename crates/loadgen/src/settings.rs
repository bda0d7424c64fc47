//! What a run does, all of it: a report carries its settings, and they are enough to repeat it.

use crate::{Error, payload};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// One run of load against one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the server listens.
    pub address: SocketAddr,
    /// What it speaks there.
    pub protocol: Protocol,
    /// Connections that receive; each subscribes to one channel.
    pub subscribers: usize,
    /// Connections that send.
    pub publishers: usize,
    /// Channels: subscribers are spread over them round robin, and so are each publisher's messages.
    /// In `plain` there is one.
    pub channels: usize,
    /// What the names of the channels begin with; the index follows, padded to one width.
    pub channel_prefix: String,
    /// Bytes of each payload, at least [`Settings::MIN_PAYLOAD`].
    pub payload_bytes: usize,
    /// When messages are sent.
    pub load: Load,
    /// Load before the measured window.
    #[serde(rename = "warmup_seconds", with = "seconds")]
    pub warmup: Duration,
    /// The measured window.
    #[serde(rename = "duration_seconds", with = "seconds")]
    pub duration: Duration,
    /// How long to wait behind the window for deliveries that are still under way.
    #[serde(rename = "drain_timeout_seconds", with = "seconds")]
    pub drain_timeout: Duration,
    /// How long all connections together may take to be attached.
    #[serde(rename = "attach_timeout_seconds", with = "seconds")]
    pub attach_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// The CPUs that the generator's thread may use; empty leaves it where it is.
    pub cpus: Vec<usize>,
}

impl Settings {
    /// The least payload, in bytes: the header that makes it verifiable.
    pub const MIN_PAYLOAD: usize = payload::HEADER_LEN;
    /// The greatest payload, in bytes: frames below the default limit of every server measured.
    pub const MAX_PAYLOAD: usize = 60 * 1024;
    /// The most publishers and the most channels: their indices travel in 16 bits, one value is reserved.
    pub const MAX_INDEX: usize = 65_535;

    /// A run with the defaults of the command line: 100 subscribers, 8 publishers, 64 bytes, one
    /// channel, 1 s of warm-up, 5 s measured.
    pub fn new(address: SocketAddr, protocol: Protocol, load: Load) -> Self {
        Self {
            address,
            protocol,
            subscribers: 100,
            publishers: 8,
            channels: 1,
            channel_prefix: "bench".to_owned(),
            payload_bytes: 64,
            load,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(5),
            attach_timeout: Duration::from_secs(30),
            server_pid: None,
            cpus: Vec::new(),
        }
    }

    /// All connections.
    pub fn connections(&self) -> usize {
        self.subscribers + self.publishers
    }

    /// How many subscribers a channel has, by the round robin.
    pub(crate) fn audience(&self, channel: usize) -> usize {
        self.subscribers / self.channels + usize::from(channel < self.subscribers % self.channels)
    }

    /// The channel of a subscriber, by the round robin.
    pub(crate) fn channel_of(&self, subscriber: usize) -> usize {
        subscriber % self.channels
    }

    /// The names of the channels, all of one length, so that all frames of a run are of one length.
    pub(crate) fn channel_names(&self) -> Vec<String> {
        if self.protocol == Protocol::Plain {
            return vec![String::new()];
        }
        let width = (self.channels - 1).max(1).to_string().len();
        (0..self.channels).map(|index| format!("{}{index:0width$}", self.channel_prefix)).collect()
    }

    /// Whether the settings can be run.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let at_least_one =
            [("--subscribers", self.subscribers), ("--publishers", self.publishers), ("--channels", self.channels)];
        for (setting, value) in at_least_one {
            if value == 0 {
                return Err(Error::setting(setting, "at least 1 is needed"));
            }
        }
        for (setting, value) in &at_least_one[1..] {
            if *value > Self::MAX_INDEX {
                return Err(Error::setting(setting, format!("at most {} are possible", Self::MAX_INDEX)));
            }
        }
        if self.channels > self.subscribers {
            return Err(Error::setting("--channels", "a channel without a subscriber cannot be measured"));
        }
        if self.protocol == Protocol::Plain && self.channels > 1 {
            return Err(Error::setting("--channels", "plain has one channel"));
        }
        if !(Self::MIN_PAYLOAD..=Self::MAX_PAYLOAD).contains(&self.payload_bytes) {
            let range = format!("{} to {} bytes are possible", Self::MIN_PAYLOAD, Self::MAX_PAYLOAD);
            return Err(Error::setting("--payload", range));
        }
        if self.duration.is_zero() {
            return Err(Error::setting("--duration", "it must be above zero"));
        }
        self.check_channel_names()?;
        self.load.check(self.publishers)
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

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Open loop: on a fixed schedule, whatever the server does.
    Paced {
        /// Messages a second, all publishers together.
        rate: u64,
    },
    /// Closed loop: a fixed number of messages is always under way.
    Saturate {
        /// Messages under way, all publishers together; rounded down to a multiple of the publishers.
        in_flight: usize,
    },
}

impl Load {
    /// The greatest rate, in messages a second: one a microsecond.
    pub const MAX_RATE: u64 = 1_000_000;
    /// The most messages under way.
    pub const MAX_IN_FLIGHT: usize = 1_000_000;

    fn check(self, publishers: usize) -> Result<(), Error> {
        match self {
            Self::Paced { rate } if !(1..=Self::MAX_RATE).contains(&rate) => {
                Err(Error::setting("--rate", format!("1 to {} messages a second are possible", Self::MAX_RATE)))
            }
            Self::Saturate { in_flight } if !(publishers..=Self::MAX_IN_FLIGHT).contains(&in_flight) => {
                let range = format!("{publishers} (one a publisher) to {} are possible", Self::MAX_IN_FLIGHT);
                Err(Error::setting("--closed-loop", range))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paced { rate } => write!(formatter, "paced, {rate} messages a second"),
            Self::Saturate { in_flight } => write!(formatter, "saturate, {in_flight} messages in flight"),
        }
    }
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Length and payload; every frame goes to every connection, publishers included.
    Plain,
    /// Corecast's own.
    Native,
    /// Publish and subscribe of Redis, in RESP2.
    Redis,
    /// Core NATS.
    Nats,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Native, Self::Redis, Self::Nats];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Native => "native",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown = || Error::setting("--protocol", format!("{name}: plain, native, redis or nats is possible"));
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(unknown)
    }
}

/// Durations as seconds with a fraction, for people who read the JSON.
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
