//! The report of a run. Rates are per second, times in the unit of their name.

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
    /// Where it ran.
    pub host: Host,
    /// The environment of the run.
    pub environment: Environment,
    /// The settings of the run.
    pub settings: Settings,
    /// The messages that were sent in the measured window.
    pub messages: Messages,
    /// The deliveries that arrived.
    pub deliveries: Deliveries,
    /// From when a message was due (open loop) or made (closed loop) to when a subscriber had it, for
    /// messages due in the measured window. Deliveries to publishers are left out.
    pub latency_us: Percentiles,
    /// The same latency as a curve: percentile and microseconds. Ten points to each further nine, from the
    /// least time to the last percentile with a whole time above it, at most 99.9999 %.
    #[serde(default)]
    pub latency_curve: Vec<(f64, f64)>,
    /// How the mean latencies of single subscribers compare, if any had enough deliveries.
    #[serde(default)]
    pub fairness: Option<Fairness>,
    /// From when a message was due to when its last subscriber had it: whole broadcasts of the window. A message that
    /// somebody never got is left out.
    pub completion_us: Percentiles,
    /// From when the first subscriber had a message to when the last one did, for the same messages.
    pub skew_us: Percentiles,
    /// The window step by step.
    pub timeline: Vec<Interval>,
    /// The window before, during and after what splits it, if anything does.
    pub phases: Vec<Phase>,
    /// The subscribers that left and came again, if there were any.
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
    /// True if the figures are what they claim to be.
    pub validity: Validity,
}

impl Report {
    /// Returns true if every check held. Says nothing about how fast it was, nor whether the figures are
    /// [valid](Validity::valid).
    pub fn passed(&self) -> bool {
        self.checks.all_held()
            && self.stalled.as_ref().is_none_or(Stalled::was_told)
            && self.reconnections.is_none_or(|reconnections| reconnections.refused == 0)
    }
}

/// Messages of the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Due by the schedule; in a closed loop the same as `achieved`.
    pub offered: u64,
    /// Taken by the publishers' sockets.
    pub achieved: u64,
    /// `offered` over the window.
    pub offered_per_second: f64,
    /// `achieved` over the window.
    pub achieved_per_second: f64,
    /// Bytes of payload offered, a second.
    pub offered_bytes_per_second: f64,
    /// Bytes of payload achieved, a second.
    pub achieved_bytes_per_second: f64,
    /// Sent in the whole run, warm-up included.
    pub total: u64,
}

/// Deliveries: one message at one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deliveries {
    /// What the messages of the whole run make, to publishers included where they receive. Where subscribers come
    /// and go, what was owed to them.
    pub expected: u64,
    /// The number of those that came, each once.
    pub arrived: u64,
    /// To subscribers, within the measured window.
    pub measured: u64,
    /// `measured` over the window.
    pub measured_per_second: f64,
    /// To publishers, within the window: `plain` sends them everything too. The server's work is
    /// this and `measured` together.
    pub measured_to_publishers: u64,
    /// Bytes of payload in `measured`, a second.
    pub payload_bytes_per_second: f64,
    /// Bytes received over the window, frames and all.
    pub received_bytes_per_second: f64,
}

/// The counts of faults. Each is of single deliveries: one message lost for 100 subscribers is 100.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Never came, and the server did not say so.
    pub lost: u64,
    /// Never came, and the server said so in GAP frames.
    pub reported_lost: u64,
    /// GAP frames.
    pub gaps: u64,
    /// Came again.
    pub duplicated: u64,
    /// Came behind a later one of the same publisher and channel.
    pub reordered: u64,
    /// Came with other bytes than were sent. If nothing says which message it was, it is not
    /// counted as lost as well.
    pub altered: u64,
    /// Came to a connection that did not subscribe to its channel, or under another channel's name.
    pub misrouted: u64,
    /// Came from another run, or from no load generator. Others published on the same channels; the server did nothing wrong.
    pub foreign: u64,
    /// Errors and closing frames that the server sent.
    pub refusals: u64,
    /// Subscribers that the server disconnected.
    pub disconnected: u64,
}

impl Checks {
    /// Returns true if every message came exactly once, in order, as sent, to those and only those who asked.
    pub fn all_held(&self) -> bool {
        *self == Self { foreign: self.foreign, ..Self::default() }
    }
}

/// What became of subscribers that did not read during the window and read again behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stalled {
    /// The number.
    pub subscribers: u64,
    /// The messages that they received, each once.
    pub delivered: u64,
    /// The number of them that the server disconnected.
    pub disconnected: u64,
    /// The messages that those did not receive.
    pub cut_off: u64,
    /// What was wrong with the deliveries to them. `gaps` and `reported_lost` are how a server tells them what they missed,
    /// and `refusals` how it tells them that it disconnects them; `lost` is what it was silent about.
    pub checks: Checks,
}

impl Stalled {
    /// Returns true if they got everything, or were told that they did not.
    pub fn was_told(&self) -> bool {
        let Checks { reported_lost, gaps, refusals, foreign, .. } = self.checks;
        self.checks == Checks { reported_lost, gaps, foreign, refusals, ..Checks::default() }
    }
}

/// The cost of the server's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// CPU seconds in the measured window, all threads, from the scheduler's account.
    pub cpu_seconds: f64,
    /// Of these in user space; the kernel counts in 10 ms here, so the two need not sum up.
    pub user_seconds: f64,
    /// In the kernel, likewise.
    pub system_seconds: f64,
    /// `cpu_seconds` over the window: 1 is one CPU fully used.
    pub cpus_used: f64,
    /// The number of its threads that were ready and had no CPU, on average over the window. They may have been
    /// in each other's way.
    pub waited_cpus: f64,
    /// CPU time for one delivery within the window, deliveries to publishers included.
    pub cpu_us_per_delivery: f64,
    /// Of this in user space, by the proportion of the two above.
    pub user_us_per_delivery: f64,
    /// In the kernel, likewise.
    pub system_us_per_delivery: f64,
    /// Resident memory before the first connection.
    pub memory_before_bytes: u64,
    /// Resident memory when all connections were connected.
    pub memory_connected_bytes: u64,
    /// Resident memory at the end of the window.
    pub memory_loaded_bytes: u64,
    /// The resident memory that connecting added, for each connection; none if the server was not started for this run.
    pub memory_per_connection_bytes: Option<f64>,
}

/// The generator's own cost, which tells whether it was the bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorCost {
    /// The part of the window in which its thread ran: near 1, it may have been the bottleneck.
    pub cpu_share: f64,
    /// The part of the window in which it was ready and something else had its CPU.
    pub waited_share: f64,
    /// CPU time of its thread for one delivery.
    pub cpu_ns_per_delivery: f64,
    /// Receives in the window.
    pub receives: u64,
    /// Deliveries in one receive, on average.
    pub deliveries_per_receive: f64,
    /// The longest time in the window for which its thread neither ran nor slept as it had asked to.
    #[serde(default)]
    pub longest_scheduling_stall_us: f64,
    /// From when a message was due to behind the sends of all that was due with it (open loop only). What a full socket
    /// did not take is here as if it had: `blocked_sends` and `achieved` have it.
    pub lateness_us: Percentiles,
    /// Sends in the whole run that a socket did not take in full; what is left waits in the generator.
    pub blocked_sends: u64,
    /// The most bytes that waited for one socket.
    pub max_queued_bytes: u64,
}

/// True if the figures are what they claim to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// False if `reasons` has any.
    pub valid: bool,
    /// Why the figures must not be used.
    pub reasons: Vec<String>,
    /// Notes on the figures.
    pub notes: Vec<String>,
}
