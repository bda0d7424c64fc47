//! The report of a run. Rates are per second; times are in the unit that their name states.

pub(crate) mod assembly;
pub(crate) mod evaluation;
pub(crate) mod figures;
pub(crate) mod progress;
pub(crate) mod text;
pub(crate) mod validity;

use crate::{Environment, Fairness, Host, Interval, Percentiles, Phase, Reconnections, Settings, ShardLoad};
use serde::{Deserialize, Serialize};

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the generator.
    pub version: String,
    /// The host on which it ran.
    pub host: Host,
    /// The environment of the run.
    pub environment: Environment,
    /// The settings of the run.
    pub settings: Settings,
    /// The messages that were sent in the measured window.
    pub messages: Messages,
    /// The deliveries that arrived.
    pub deliveries: Deliveries,
    /// The time from when a message was due (open loop) or made (closed loop) until a subscriber had it, for messages
    /// due in the measured window. Deliveries to publishers are left out.
    pub latency_us: Percentiles,
    /// The same latency as a curve of percentile and microseconds. It has ten points for each further nine, from the
    /// least time to the last percentile with a whole time above it, at most 99.9999 %.
    #[serde(default)]
    pub latency_curve: Vec<(f64, f64)>,
    /// The comparison of the mean latencies of single subscribers, if any had enough deliveries.
    #[serde(default)]
    pub fairness: Option<Fairness>,
    /// The time from when a message was due until its last subscriber had it: whole broadcasts of the window. A message
    /// that some subscriber never received is left out.
    pub completion_us: Percentiles,
    /// The time from the first subscriber's to the last subscriber's delivery, for the same messages.
    pub skew_us: Percentiles,
    /// The window step by step.
    pub timeline: Vec<Interval>,
    /// The window before, during and after the event that divides it, if there is one.
    pub phases: Vec<Phase>,
    /// The subscribers that left and returned, if there were any.
    pub reconnections: Option<Reconnections>,
    /// The subscribers that did not read, if there were any.
    pub stalled: Option<Stalled>,
    /// The faults of the deliveries of the whole run, warm-up included.
    pub checks: Checks,
    /// The server's cost, if its process was given.
    pub server: Option<ServerCost>,
    /// The division of connections and deliveries among the server's shards, if it reports it.
    #[serde(default)]
    pub shards: Vec<ShardLoad>,
    /// The generator's own cost.
    pub generator: GeneratorCost,
    /// The validity of the figures.
    pub validity: Validity,
}

impl Report {
    /// Returns true if every check held. This says nothing about the speed, nor about whether the figures are
    /// [valid](Validity::valid).
    pub fn passed(&self) -> bool {
        self.checks.all_held()
            && self.stalled.as_ref().is_none_or(Stalled::was_told)
            && self.reconnections.is_none_or(|reconnections| reconnections.refused == 0)
    }
}

/// The messages of the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// The number of messages due by the schedule; in a closed loop the same as `achieved`.
    pub offered: u64,
    /// The number of messages that the publishers' sockets took.
    pub achieved: u64,
    /// `offered` over the window.
    pub offered_per_second: f64,
    /// `achieved` over the window.
    pub achieved_per_second: f64,
    /// The offered bytes of payload a second.
    pub offered_bytes_per_second: f64,
    /// The achieved bytes of payload a second.
    pub achieved_bytes_per_second: f64,
    /// The number of messages sent in the whole run, warm-up included.
    pub total: u64,
}

/// Deliveries: one message at one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deliveries {
    /// The number of deliveries that the messages of the whole run make, including those to publishers if they receive.
    /// If subscribers come and go, it is the number that was owed to them.
    pub expected: u64,
    /// The number of deliveries that arrived, each counted once.
    pub arrived: u64,
    /// The number of deliveries to subscribers within the measured window.
    pub measured: u64,
    /// `measured` over the window.
    pub measured_per_second: f64,
    /// The number of deliveries to publishers within the window, because `plain` sends them everything too. The
    /// server's work is this and `measured` together.
    pub measured_to_publishers: u64,
    /// The bytes of payload in `measured`, a second.
    pub payload_bytes_per_second: f64,
    /// The bytes received in the window, including frames, a second.
    pub received_bytes_per_second: f64,
}

/// The counts of faults. Each counts single deliveries: one message lost for 100 subscribers counts 100.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Deliveries that never arrived, and that the server did not report.
    pub lost: u64,
    /// Deliveries that never arrived, and that the server reported in GAP frames.
    pub reported_lost: u64,
    /// The number of GAP frames.
    pub gaps: u64,
    /// Deliveries that arrived again.
    pub duplicated: u64,
    /// Deliveries that arrived after a later one of the same publisher and channel.
    pub reordered: u64,
    /// Deliveries with other bytes than were sent. If the message cannot be identified, it is not counted as lost as
    /// well.
    pub altered: u64,
    /// Deliveries to a connection that did not subscribe to the channel, or under another channel's name.
    pub misrouted: u64,
    /// Deliveries from another run, or from no load generator. Others published on the same channels; this is not a
    /// fault of the server.
    pub foreign: u64,
    /// The errors and closing frames that the server sent.
    pub refusals: u64,
    /// The subscribers that the server disconnected.
    pub disconnected: u64,
}

impl Checks {
    /// Returns true if every message arrived exactly once, in order, as sent, and only at its subscribers.
    pub fn all_held(&self) -> bool {
        *self == Self { foreign: self.foreign, ..Self::default() }
    }
}

/// The deliveries to subscribers that did not read during the window and read again after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// The number of these subscribers.
    pub subscribers: u64,
    /// The number of messages that they received, each counted once.
    pub delivered: u64,
    /// The number of them that the server disconnected.
    pub disconnected: u64,
    /// The number of messages that the disconnected ones did not receive.
    pub cut_off: u64,
    /// The faults of the deliveries to them. With `gaps` and `reported_lost` a server reports missed messages, and with
    /// `refusals` that it disconnects them; `lost` counts what it did not report.
    pub checks: Checks,
}

impl Stalled {
    /// Returns true if they received everything, or were told that they did not.
    pub fn was_told(&self) -> bool {
        let Checks { reported_lost, gaps, refusals, foreign, .. } = self.checks;
        self.checks == Checks { reported_lost, gaps, foreign, refusals, ..Checks::default() }
    }
}

/// The cost of the server's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// The CPU seconds of all threads in the measured window, from the scheduler's account.
    pub cpu_seconds: f64,
    /// The part of these in user space. The kernel counts it in ticks of 10 ms, so the two parts need not sum up.
    pub user_seconds: f64,
    /// The part in the kernel, likewise.
    pub system_seconds: f64,
    /// `cpu_seconds` over the window: 1 is one CPU fully used.
    pub cpus_used: f64,
    /// The number of its threads that were ready and had no CPU, on average over the window. They may have competed
    /// with each other.
    pub waited_cpus: f64,
    /// The CPU time of one delivery within the window, including deliveries to publishers.
    pub cpu_us_per_delivery: f64,
    /// The part of this in user space, by the proportion of the two above.
    pub user_us_per_delivery: f64,
    /// The part in the kernel, likewise.
    pub system_us_per_delivery: f64,
    /// The resident memory before the first connection.
    pub memory_before_bytes: u64,
    /// The resident memory when all connections were connected.
    pub memory_connected_bytes: u64,
    /// The resident memory at the end of the window.
    pub memory_loaded_bytes: u64,
    /// The resident memory that connecting added, for each connection; none if the server was not started for this run.
    pub memory_per_connection_bytes: Option<f64>,
}

/// The generator's own cost, which shows whether it was the bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorCost {
    /// The fraction of the window in which its thread ran. Near 1, it may have been the bottleneck.
    pub cpu_share: f64,
    /// The fraction of the window in which it was ready while something else had its CPU.
    pub waited_share: f64,
    /// The CPU time of its thread for one delivery.
    pub cpu_ns_per_delivery: f64,
    /// The number of receives in the window.
    pub receives: u64,
    /// The number of deliveries in one receive, on average.
    pub deliveries_per_receive: f64,
    /// The longest time in the window for which its thread neither ran nor slept as it had asked to.
    #[serde(default)]
    pub longest_scheduling_stall_us: f64,
    /// The time from when a message was due until after the sends of everything that was due with it (open loop only).
    /// Bytes that a full socket did not take count as sent here; `blocked_sends` and `achieved` account for them.
    pub lateness_us: Percentiles,
    /// The number of sends in the whole run that a socket did not take in full; the rest waits in the generator.
    pub blocked_sends: u64,
    /// The most bytes that waited for one socket.
    pub max_queued_bytes: u64,
}

/// The validity of the figures: whether they are what they claim to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// True if there are no `reasons`.
    pub valid: bool,
    /// The reasons why the figures must not be used.
    pub reasons: Vec<String>,
    /// Notes on the figures.
    pub notes: Vec<String>,
}
