//! The configuration of a server.

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

/// The complete configuration of a server. [`Server::builder`](crate::Server::builder) builds one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The addresses to listen on; at least one.
    pub listeners: Vec<Listener>,
    /// The CPU of each shard, one entry per shard. Several shards may share a CPU.
    pub cpus: Vec<usize>,
    /// The policy, which finds the subscribers of a message.
    pub policy: PolicyKind,
    /// The thread that writes, where the registry is shared; `None` is `Direct`. With `Sharded`, anything but `None` is an
    /// error.
    #[cfg(feature = "baselines")]
    pub handoff: Option<Handoff>,
    /// The bounds.
    pub limits: Limits,
    /// Settings whose defaults were measured.
    pub tuning: Tuning,
    /// True if SIGTERM and SIGINT stop the server. The calling thread then blocks both signals. The second signal has its
    /// default effect: it ends the process at once.
    pub stop_on_signals: bool,
}

impl Config {
    /// Creates a configuration with the defaults, for these listeners and CPUs.
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

/// One address to listen on, and the protocol spoken there.
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
    /// The protocol.
    pub protocol: Protocol,
    /// The address; port 0 lets the kernel pick a port.
    pub address: SocketAddr,
    /// The channel of a `plain` listener. By default the listener has a channel of its own, `plain:<address>`. `None` for
    /// other protocols.
    pub channel: Option<String>,
    /// The effect of lagging on the connections of a `plain` listener; by default they are closed. `None` for other
    /// protocols.
    pub lag: Option<LagRule>,
    /// The time for which a connection of a `plain` listener may send nothing; after it the connection ends with code 207.
    /// Zero, the default, sets no limit. `None` for other protocols, for which [`Limits::idle_timeout`] applies.
    pub idle_timeout: Option<Duration>,
}

impl Listener {
    /// Creates a listener with the defaults of its protocol.
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
    /// The protocol of a listener.
    Protocol, "protocol" {
        /// Length-prefixed payloads, each sent to every connection of the listener.
        Plain = "plain",
        /// Channels, acknowledgements, gaps and close codes.
        Native = "native",
    }
}

named! {
    /// The way in which a published message finds its subscribers: the engine's own, or a baseline. A build without the
    /// feature `baselines` has no baselines.
    PolicyKind, "policy" {
        /// One registry per shard, no lock; the owning shard writes, once per tick.
        Sharded = "sharded",
        /// One registry behind a lock held for the whole fan-out; the publisher's thread writes.
        Mutex = "mutex",
        /// One copy-on-write registry; the publisher's thread writes.
        Snapshot = "snapshot",
        /// One registry behind a spin lock that yields; the publisher's thread writes.
        SubjectorSpin = "subjector-spin",
        /// One registry behind a fair asynchronous lock, which serves callers in order of arrival; the publisher's thread
        /// writes.
        SubjectorMutex = "subjector-mutex",
        /// One registry on a thread of its own, to which each fan-out goes as a task; that thread writes.
        SubjectorPortal = "subjector-portal",
        /// One registry. The thread that is in it also does the fan-outs of the threads that arrive meanwhile; that thread
        /// writes.
        SubjectorAlone = "subjector-alone",
        /// One registry on a thread of its own, to which each fan-out is a message; that thread writes.
        SubjectorChannel = "subjector-channel",
    }
}

impl PolicyKind {
    /// The policies in this build.
    pub const AVAILABLE: &'static [Self] = if cfg!(feature = "baselines") { Self::ALL } else { &[Self::Sharded] };
}

named! {
    /// The strength of the binding between a shard's thread and its CPU.
    Affinity, "affinity" {
        /// The thread is pinned, but may run on the CPUs of all shards while it has to wait for its own.
        Soft = "soft",
        /// The thread is pinned.
        Hard = "hard",
    }
}

named! {
    /// The kernel's scheduling of a shard's thread next to other threads on its CPU.
    Scheduling, "scheduling class" {
        /// `SCHED_BATCH`: the thread does not preempt the running thread when it wakes.
        Batch = "batch",
        /// The class of the thread that started the server, commonly `SCHED_OTHER`.
        Other = "other",
    }
}

named! {
    /// The effect on a connection that exceeds its rate.
    OverRate, "effect" {
        /// The connection is not read until it is within its rate again.
        Pause = "pause",
        /// The connection is closed with code 209.
        Close = "close",
    }
}

/// The rate at which one connection may send: a token bucket for frames and one for bytes. Each holds a second's worth. A
/// frame larger than that needs a full bucket, and the next frame waits until the debt is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Frames per second, of any kind; 0 for no limit. Default 0.
    pub frames: u64,
    /// Bytes per second; 0 for no limit. Default 0.
    pub bytes: u64,
    /// The effect of exceeding the rate. Default: pause.
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

/// The bounds of a server, each with the effect of reaching it. Deadlines may be up to one second late, and do not count
/// time in which the server stood still.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum length field of a `native` frame, in bytes; above it the connection ends with code 100. Default 1 MiB.
    pub native_max_frame: u32,
    /// The maximum payload of a `plain` frame, in bytes; above it the connection ends. Default 64 KiB.
    pub plain_max_frame: u32,
    /// Bytes of messages that each shard keeps of one channel for subscribers that are behind. A subscriber that is behind
    /// by more has lagged. Default 4 MiB.
    pub log_bytes: usize,
    /// Bytes of messages that each shard keeps of all channels together. Above it, the subscriber that is behind by the
    /// most bytes has lagged, then the next. Default 256 MiB.
    pub shard_log_bytes: usize,
    /// The effect of lagging on a `native` subscription that does not choose its own. (`plain` has no frame for a gap; it
    /// disconnects unless its listener is set otherwise.) Default: skip.
    pub native_lag: LagRule,
    /// Bytes of answers kept for a connection that does not read them. Above it, the connection is not read until it has
    /// read its answers. Default 64 KiB.
    pub control_bytes: usize,
    /// Channels to which one connection may subscribe; one more ends it with code 203. Default 1,024.
    pub max_subscriptions: usize,
    /// Open connections, divided equally among the shards; at least one per shard. The kernel chooses the shard of a
    /// connection. A shard that has its part refuses more, with code 210, even if other shards have room. Default 65,536.
    pub max_connections: usize,
    /// The rate at which one connection may send.
    pub rate: RateLimit,
    /// Shard batches that a shard's mailbox holds; at least 1. While a mailbox is full, the senders do not read their
    /// publishers. Default 1,024.
    pub mailbox_capacity: usize,
    /// The time in which a `native` connection must send HELLO; after it the connection ends with code 205. Zero for no
    /// limit. Default 10 s.
    pub hello_timeout: Duration,
    /// The time in which a frame that has begun must be complete; after it the connection ends with code 206. Zero for no
    /// limit. Default 30 s.
    pub frame_timeout: Duration,
    /// The time for which a `native` connection may send nothing. After half of it the connection is sent a PING. If it has
    /// not answered after the other half, it ends with code 207. Zero for no limit. Default 2 min.
    pub idle_timeout: Duration,
    /// The time for which the peer of a full socket may take none of the bytes that the kernel holds for it. After it, the
    /// connection is reset and counted with code 208. A peer that takes some of them has the same time again, up to 16
    /// times before the socket is no longer full. Zero for no limit. Default 30 s.
    pub write_timeout: Duration,
    /// The time in which a connection that ends must read its close frame. Default 1 s.
    pub linger: Duration,
    /// The window over which a stopping server spreads the reconnects of its clients. Each `native` client is told a random
    /// delay below it. Zero for no delays. Default 5 s.
    pub reconnect_spread: Duration,
    /// Disconnects that a shard logs per second, one line each; one more line counts those beyond it. Default 100.
    pub disconnect_lines: u32,
    /// The time in which the subscribers of a stopping server must take the messages queued for them. Default 5 s.
    pub drain_timeout: Duration,
}

impl Limits {
    /// Returns the part of the connections that this shard may have, out of `shards` shards. The parts add up to all
    /// connections.
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

/// Settings whose defaults were measured; `docs/decisions/` has the measurements.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tuning {
    /// Sends of one flush before reads have another turn. Default 64.
    pub flush_budget: usize,
    /// The pause after a flush, in percent of the flush's duration, so that the next flush merges more messages. A shard
    /// pauses only while its CPU is contended, or when it is saturated. During the pause, reading, posting and answering
    /// continue. Default 50; 0 disables it.
    pub flush_pause_percent: u32,
    /// The longest pause after a flush. Default 1 ms.
    pub max_flush_pause: Duration,
    /// Bytes of the buffer into which a shard receives. Default 64 KiB.
    pub scratch_bytes: usize,
    /// The period of the coarse timer, which also bounds the time for which a shard can oversleep. Default 100 ms.
    pub sweep_interval: Duration,
    /// The time for which a shard polls before it sleeps. Each time that the shard runs out of work, polling uses that much
    /// CPU time. Default 0.
    pub spin_before_park: Duration,
    /// The strength of the binding between a shard and its CPU. Default: soft.
    pub affinity: Affinity,
    /// The kernel's scheduling of a shard's thread. Default: batch.
    pub scheduling: Scheduling,
}

impl Tuning {
    /// Returns the greatest delay of a connection's deadline: every connection is checked once in this time.
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
