//! What a server is told at its start.

#[cfg(feature = "baselines")]
use corecast_baselines::Handoff;
use corecast_fanout::{LagRule, named};
use corecast_shard::SWEEPS_FOR_ALL;
use std::net::SocketAddr;
use std::time::Duration;

/// Generates `with_FIELD` methods, which set a field of a configuration struct and return it.
macro_rules! setters {
    ($config:ident { $($(#[$attribute:meta])* $field:ident / $setter:ident: $type:ty,)* }) => {
        impl $config {
            $(
                $(#[$attribute])*
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

/// Everything that a server needs to know. [`Server::builder`](crate::Server::builder) makes one on the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen; at least one.
    pub listeners: Vec<Listener>,
    /// The CPU of each shard: as many shards as entries. One CPU may have several.
    pub cpus: Vec<usize>,
    /// How a message finds its subscribers.
    pub policy: PolicyKind,
    /// Who writes, where the registry is shared; `None` is `Direct`. With `Sharded`, anything but `None` is an error.
    #[cfg(feature = "baselines")]
    pub handoff: Option<Handoff>,
    /// The bounds.
    pub limits: Limits,
    /// Settings whose defaults were measured.
    pub tuning: Tuning,
    /// Whether SIGTERM and SIGINT stop the server. They are blocked in the calling thread then. The second of them
    /// has its default effect: it ends the process at once.
    pub stop_on_signals: bool,
}

impl Config {
    /// The defaults, for these listeners and CPUs.
    pub fn new(listeners: Vec<Listener>, cpus: Vec<usize>) -> Self {
        Self {
            listeners,
            cpus,
            policy: PolicyKind::Sharded,
            #[cfg(feature = "baselines")]
            handoff: None,
            limits: Limits::default(),
            tuning: Tuning::default(),
            stop_on_signals: false,
        }
    }
}

setters!(Config {
    policy / with_policy: PolicyKind,
    #[cfg(feature = "baselines")]
    handoff / with_handoff: Option<Handoff>,
    limits / with_limits: Limits,
    tuning / with_tuning: Tuning,
    stop_on_signals / with_stop_on_signals: bool,
});

/// One address and what is spoken there.
///
/// ```
/// use corecast_engine::{LagRule, Listener, Protocol};
///
/// let lobby = Listener::new(Protocol::Plain, ([127, 0, 0, 1], 7000)).with_channel(Some("lobby".into()));
/// assert_eq!(lobby.lag, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// What is spoken.
    pub protocol: Protocol,
    /// Where; port 0 lets the kernel pick one.
    pub address: SocketAddr,
    /// The channel of a `plain` listener; by default one of its own, `plain:<address>`. `None` for others.
    pub channel: Option<String>,
    /// What lagging means for the connections of a `plain` listener; by default they are closed. `None` for others.
    pub lag: Option<LagRule>,
    /// How long a connection of a `plain` listener may send nothing; then it ends with code 207. By default, and at zero, for
    /// ever. `None` for others: [`Limits::idle_timeout`] counts there.
    pub idle_timeout: Option<Duration>,
}

impl Listener {
    /// A listener with the defaults of its protocol.
    pub fn new(protocol: Protocol, address: impl Into<SocketAddr>) -> Self {
        Self { protocol, address: address.into(), channel: None, lag: None, idle_timeout: None }
    }
}

setters!(Listener {
    channel / with_channel: Option<String>,
    lag / with_lag: Option<LagRule>,
    idle_timeout / with_idle_timeout: Option<Duration>,
});

named! {
    /// What is spoken on a listener.
    Protocol, "protocol" {
        /// Length-prefixed payloads, each to every connection of the listener.
        Plain = "plain",
        /// Channels, acknowledgements, gaps, codes.
        Native = "native",
    }
}

named! {
    /// How a published message finds its subscribers: the engine's own way, and the baselines, which a build without the
    /// feature `baselines` does not have.
    PolicyKind, "policy" {
        /// One registry a shard, no lock; the owning shard writes, once per tick.
        Sharded = "sharded",
        /// One registry behind a lock held for the whole fan-out; the publisher's thread writes.
        Mutex = "mutex",
        /// One copy-on-write registry; the publisher's thread writes.
        Snapshot = "snapshot",
        /// One registry behind a spin lock that yields; the publisher's thread writes.
        SubjectorSpin = "subjector-spin",
        /// One registry behind an asynchronous lock, first come, first served; the publisher's thread writes.
        SubjectorMutex = "subjector-mutex",
        /// One registry on a thread of its own, to which each fan-out goes as a task; that thread writes.
        SubjectorPortal = "subjector-portal",
        /// One registry, and whoever is in does the fan-outs of those who come; that thread writes.
        SubjectorAlone = "subjector-alone",
        /// One registry on a thread of its own, to which each fan-out is a message; that thread writes.
        SubjectorChannel = "subjector-channel",
    }
}

impl PolicyKind {
    /// The policies that this build has.
    pub const AVAILABLE: &'static [Self] = if cfg!(feature = "baselines") { Self::ALL } else { &[Self::Sharded] };
}

named! {
    /// How firmly a shard's thread is bound to its CPU.
    Affinity, "affinity" {
        /// It is pinned, but may run on the CPUs of all shards while something else makes it wait for its own.
        Soft = "soft",
        /// It is pinned.
        Hard = "hard",
    }
}

named! {
    /// How the kernel schedules a shard's thread beside others on its CPU.
    Scheduling, "scheduling policy" {
        /// `SCHED_BATCH`: when it wakes, it does not preempt what runs.
        Batch = "batch",
        /// As the thread was that started the server, commonly `SCHED_OTHER`.
        Other = "other",
    }
}

named! {
    /// What happens to a connection that sends faster than it may.
    OverRate, "effect" {
        /// It is not read until it is within its rate again.
        Pause = "pause",
        /// It is closed with code 209.
        Close = "close",
    }
}

/// How fast one connection may send: a token bucket for frames and one for bytes. Each holds a second's worth; a frame
/// larger than that needs a full bucket, and the next waits until its debt is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Frames a second, of any kind; 0 for any number. Default 0.
    pub frames: u64,
    /// Bytes a second; 0 for any number. Default 0.
    pub bytes: u64,
    /// What sending faster does. Default: pause.
    pub over: OverRate,
}

setters!(RateLimit {
    frames / with_frames: u64,
    bytes / with_bytes: u64,
    over / with_over: OverRate,
});

impl Default for RateLimit {
    fn default() -> Self {
        Self { frames: 0, bytes: 0, over: OverRate::Pause }
    }
}

/// The bounds of a server, and what reaching them does. Deadlines may be late by a second, and do not count time in which
/// the server stood still.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Greatest length field of a `native` frame, in bytes; beyond it the connection ends with code 100.
    /// Default 1 MiB.
    pub native_max_frame: u32,
    /// Greatest payload of a `plain` frame, in bytes; beyond it the connection ends. Default 64 KiB.
    pub plain_max_frame: u32,
    /// Bytes of messages that each shard keeps of one channel for subscribers that are behind; those who
    /// are behind by more have lagged. Default 4 MiB.
    pub log_bytes: usize,
    /// Bytes of messages that each shard keeps of all channels together; beyond it whoever is behind by the most bytes
    /// has lagged, then the next. Default 256 MiB.
    pub shard_log_bytes: usize,
    /// What lagging means for a `native` subscription that does not say it (`plain`, which has no way to tell of a gap,
    /// disconnects unless its listener says otherwise). Default: skip.
    pub native_lag: LagRule,
    /// Bytes of answers kept for a connection that does not read them; beyond it the connection is not
    /// read until it does. Default 64 KiB.
    pub control_bytes: usize,
    /// Channels that one connection may subscribe to; one more ends it with code 203. Default 1,024.
    pub max_subscriptions: usize,
    /// Connections, shared out equally over the shards. The kernel chooses the shard of a connection: one that has its
    /// part refuses more, with code 210, whatever room the others have. At least one a shard. Default 65,536.
    pub max_connections: usize,
    /// How fast one connection may send.
    pub rate: RateLimit,
    /// Shard batches that a shard's mailbox holds; when it is full, the senders do not read their publishers.
    /// At least 1. Default 1,024.
    pub mailbox_capacity: usize,
    /// How long a `native` connection may take to say HELLO; then it ends with code 205. Zero: for ever.
    /// Default 10 s.
    pub hello_timeout: Duration,
    /// How long a frame that has begun may take to end; then the connection ends with code 206. Zero: for
    /// ever. Default 30 s.
    pub frame_timeout: Duration,
    /// How long a `native` connection may send nothing, not even the answer to the PING that it is sent after
    /// half of it; it ends with code 207 if it has not answered after the other half. Zero: for ever. Default 2 min.
    pub idle_timeout: Duration,
    /// How long the peer of a full socket may take nothing of what the kernel holds for it; then the connection is reset, and
    /// counted with code 208. A peer that takes some has the time again, up to 16 times before the socket is no longer full.
    /// Zero: for ever. Default 30 s.
    pub write_timeout: Duration,
    /// How long a connection that ends may take to read what it is told. Default 1 s.
    pub linger: Duration,
    /// Over how long a stopping server spreads its clients' return: each `native` client is told another delay, at
    /// random, of less than this. Zero: none is told one. Default 5 s.
    pub reconnect_spread: Duration,
    /// Disconnects that a shard logs in a second, each in a line; of those beyond it a line has the count. Default 100.
    pub disconnect_lines: u32,
    /// How long a stopping server waits for its subscribers to take what is queued. Default 5 s.
    pub drain_timeout: Duration,
}

impl Limits {
    /// The part of the connections that one of so many shards may have. The parts come to all of them together.
    pub(crate) fn connections_of(&self, shard: usize, shards: usize) -> usize {
        self.max_connections / shards + usize::from(shard < self.max_connections % shards)
    }
}

setters!(Limits {
    native_max_frame / with_native_max_frame: u32,
    plain_max_frame / with_plain_max_frame: u32,
    log_bytes / with_log_bytes: usize,
    shard_log_bytes / with_shard_log_bytes: usize,
    native_lag / with_native_lag: LagRule,
    control_bytes / with_control_bytes: usize,
    max_subscriptions / with_max_subscriptions: usize,
    max_connections / with_max_connections: usize,
    rate / with_rate: RateLimit,
    mailbox_capacity / with_mailbox_capacity: usize,
    hello_timeout / with_hello_timeout: Duration,
    frame_timeout / with_frame_timeout: Duration,
    idle_timeout / with_idle_timeout: Duration,
    write_timeout / with_write_timeout: Duration,
    linger / with_linger: Duration,
    reconnect_spread / with_reconnect_spread: Duration,
    disconnect_lines / with_disconnect_lines: u32,
    drain_timeout / with_drain_timeout: Duration,
});

impl Default for Limits {
    fn default() -> Self {
        Self {
            native_max_frame: corecast_wire::FrameLimits::NATIVE.max_frame,
            plain_max_frame: corecast_wire::FrameLimits::PLAIN.max_frame,
            log_bytes: 4 * 1024 * 1024,
            shard_log_bytes: 256 * 1024 * 1024,
            native_lag: LagRule::Skip,
            control_bytes: 64 * 1024,
            max_subscriptions: 1024,
            max_connections: 65_536,
            rate: RateLimit::default(),
            mailbox_capacity: 1024,
            hello_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(2),
            write_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(1),
            reconnect_spread: Duration::from_secs(5),
            disconnect_lines: 100,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// Settings whose defaults were measured (`docs/decisions/` says how).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tuning {
    /// Sends of one flush before reads have a turn again. Default 64.
    pub flush_budget: usize,
    /// The pause behind a flush, in percent of the flush's duration, so that the next flush merges more messages. A shard
    /// pauses only while its CPU is contended, or when it is saturated. Reading, posting and answering go on. Default 50; 0
    /// disables it.
    pub flush_pause_percent: u32,
    /// The longest such pause. Default 1 ms.
    pub max_flush_pause: Duration,
    /// Bytes of the buffer into which a shard receives. Default 64 KiB.
    pub scratch_bytes: usize,
    /// The period of the coarse timer, which also bounds how long a shard can oversleep. Default 100 ms.
    pub sweep_interval: Duration,
    /// How long a shard polls before it sleeps; costs that much CPU at every pause. Default 0.
    pub spin_before_park: Duration,
    /// How firmly a shard is bound to its CPU. Default: soft.
    pub affinity: Affinity,
    /// How a shard is scheduled. Default: batch.
    pub scheduling: Scheduling,
}

impl Tuning {
    /// How late a deadline of a connection may be: each is looked at once in this time.
    pub fn deadline_resolution(&self) -> Duration {
        self.sweep_interval * SWEEPS_FOR_ALL
    }
}

setters!(Tuning {
    flush_budget / with_flush_budget: usize,
    flush_pause_percent / with_flush_pause_percent: u32,
    max_flush_pause / with_max_flush_pause: Duration,
    scratch_bytes / with_scratch_bytes: usize,
    sweep_interval / with_sweep_interval: Duration,
    spin_before_park / with_spin_before_park: Duration,
    affinity / with_affinity: Affinity,
    scheduling / with_scheduling: Scheduling,
});

impl Default for Tuning {
    fn default() -> Self {
        Self {
            flush_budget: 64,
            flush_pause_percent: 50,
            max_flush_pause: Duration::from_millis(1),
            scratch_bytes: 64 * 1024,
            sweep_interval: Duration::from_millis(100),
            spin_before_park: Duration::ZERO,
            affinity: Affinity::Soft,
            scheduling: Scheduling::Batch,
        }
    }
}
