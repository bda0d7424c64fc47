//! The evaluation of a run's observations for its report.

use crate::connections::pool::Traffic;
use crate::measure::usage::{CpuTime, MachineTime};
use crate::report::figures::float;
use crate::report::validity::judge;
use crate::report::{Deliveries, GeneratorCost, Messages, ServerCost};
use crate::verify::receiver::Counts;
use crate::{
    Checks, Disturbance, Environment, Fairness, Host, Interval, Percentiles, Phase, Reconnections, Report, Settings,
    ShardLoad, Stalled,
};
use std::ops::Range;
use std::time::Duration;

/// The counts and accounts at one end of the measured window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at_ns: u64,
    /// The number of messages that the sockets took.
    pub(crate) written: u64,
    pub(crate) traffic: Traffic,
    /// The CPU time of the generator's thread.
    pub(crate) generator: CpuTime,
    /// The CPU time of the generator's whole process.
    pub(crate) process: CpuTime,
    pub(crate) server: Option<CpuTime>,
    pub(crate) machine: Option<MachineTime>,
}

/// The counts, accounts and circumstances that a run recorded.
#[derive(Debug)]
pub(crate) struct Observed<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) host: Host,
    pub(crate) environment: Environment,
    pub(crate) from: Sample,
    pub(crate) to: Sample,
    /// The measured window as it was planned, or up to an interruption, on the run's clock.
    pub(crate) measured: Range<u64>,
    /// The longest time within it for which the generator did not run.
    pub(crate) scheduling_stall: Duration,
    /// The number of messages due in the window; none in a closed loop.
    pub(crate) offered: Option<u64>,
    /// True if the run was asked to end early.
    pub(crate) interrupted: bool,
    /// The server's memory before connecting and when connected, and under load.
    pub(crate) memory: Option<((u64, u64), u64)>,
    pub(crate) shards: Vec<ShardLoad>,
}

/// Everything that a run observed.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) observed: Observed<'a>,
    pub(crate) total_messages: u64,
    pub(crate) expected: u64,
    pub(crate) checks: Checks,
    pub(crate) disconnected: usize,
    pub(crate) last_arrival_ns: u64,
    pub(crate) counts: Counts,
    pub(crate) latency: Percentiles,
    pub(crate) latency_curve: Vec<(f64, f64)>,
    pub(crate) fairness: Option<Fairness>,
    pub(crate) completion: Percentiles,
    pub(crate) skew: Percentiles,
    /// True if there were too many messages in flight to follow.
    pub(crate) completion_overflowed: bool,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) phases: Vec<Phase>,
    pub(crate) reconnections: Option<Reconnections>,
    pub(crate) stalled: Option<Stalled>,
    pub(crate) lateness: Percentiles,
    pub(crate) traffic: Traffic,
}

pub(crate) fn evaluate(evidence: Evidence<'_>) -> Report {
    let counts = evidence.counts;
    let messages = messages(&evidence);
    let server = server(&evidence);
    let generator = generator(&evidence);
    let environment = environment(&evidence);
    let checks = Checks { disconnected: evidence.disconnected as u64, ..evidence.checks.clone() };
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: evidence.observed.settings.clone(),
        validity: judge(&evidence, &messages, server.as_ref(), &generator, &environment),
        environment,
        messages,
        deliveries: Deliveries {
            expected: expected(&evidence),
            arrived: counts.arrived(),
            measured: counts.measured_to_subscribers,
            measured_per_second: evidence.a_second(counts.measured_to_subscribers),
            measured_to_publishers: counts.measured_to_publishers,
            payload_bytes_per_second: evidence.payload_a_second(counts.measured_to_subscribers),
            received_bytes_per_second: evidence
                .a_second(evidence.observed.to.traffic.received_bytes - evidence.observed.from.traffic.received_bytes),
        },
        latency_us: evidence.latency,
        latency_curve: evidence.latency_curve,
        fairness: evidence.fairness,
        completion_us: evidence.completion,
        skew_us: evidence.skew,
        timeline: evidence.intervals,
        phases: evidence.phases,
        reconnections: evidence.reconnections,
        stalled: evidence.stalled,
        server,
        checks,
        shards: evidence.observed.shards,
        generator,
        host: evidence.observed.host,
    }
}

impl Evidence<'_> {
    /// Returns the length of the window, to which deliveries and messages are relative.
    pub(crate) fn window_seconds(&self) -> f64 {
        seconds(self.observed.measured.end - self.observed.measured.start)
    }

    fn a_second(&self, count: u64) -> f64 {
        float(count) / self.window_seconds()
    }

    fn payload_a_second(&self, count: u64) -> f64 {
        self.a_second(count) * float(self.observed.settings.payload_bytes as u64)
    }

    /// Returns the time between the two samples, to which CPU times are relative.
    fn sampled_seconds(&self) -> f64 {
        seconds(self.observed.to.at_ns - self.observed.from.at_ns)
    }

    /// Returns the delay of the samples after the ends of the window: the greater of the two.
    pub(crate) fn sampled_late(&self) -> Duration {
        let late = |sample: Sample, planned_ns| Duration::from_nanos(sample.at_ns.saturating_sub(planned_ns));
        late(self.observed.from, self.observed.measured.start).max(late(self.observed.to, self.observed.measured.end))
    }

    /// Returns the server's work in the window.
    pub(crate) fn deliveries(&self) -> u64 {
        self.counts.measured()
    }
}

/// Returns the number of deliveries that were owed. If all subscribers stay, it follows from the messages.
fn expected(evidence: &Evidence<'_>) -> u64 {
    if matches!(
        evidence.observed.settings.disturbance,
        Disturbance::None | Disturbance::Stall { .. } | Disturbance::Hostile { .. }
    ) {
        return evidence.expected;
    }
    evidence.counts.arrived() + evidence.checks.lost + evidence.counts.accounted
}

/// Returns the environment, with the other use of the machine during the window.
fn environment(evidence: &Evidence<'_>) -> Environment {
    let (from, to) = (&evidence.observed.from, &evidence.observed.to);
    let machine = to.machine.zip(from.machine).map(|(to, from)| to.since(from));
    let ours = to.process.since(from.process).total;
    let servers = to.server.zip(from.server).map_or(Duration::ZERO, |(to, from)| to.since(from).total);
    let cpus = |time: Duration| time.as_secs_f64() / evidence.sampled_seconds();
    Environment {
        others_cpus: machine.map(|machine| cpus(machine.busy.saturating_sub(ours + servers))),
        stolen_cpus: machine.map(|machine| cpus(machine.stolen)),
        ..evidence.observed.environment.clone()
    }
}

fn messages(evidence: &Evidence<'_>) -> Messages {
    let achieved = evidence.observed.to.written - evidence.observed.from.written;
    let offered = evidence.observed.offered.unwrap_or(achieved);
    Messages {
        offered,
        achieved,
        offered_per_second: evidence.a_second(offered),
        achieved_per_second: evidence.a_second(achieved),
        offered_bytes_per_second: evidence.payload_a_second(offered),
        achieved_bytes_per_second: evidence.payload_a_second(achieved),
        total: evidence.total_messages,
    }
}

fn server(evidence: &Evidence<'_>) -> Option<ServerCost> {
    let used = evidence.observed.to.server?.since(evidence.observed.from.server?);
    let ((before, connected), loaded) = evidence.observed.memory?;
    let cpu_seconds = used.total.as_secs_f64();
    let per_delivery = ratio(cpu_seconds * 1e6, evidence.deliveries());
    // User and system time are sampled in ticks; the total is exact.
    let ticks = (used.user + used.system).as_secs_f64();
    let part = |time: Duration| if ticks > 0.0 { time.as_secs_f64() / ticks } else { 0.0 };
    Some(ServerCost {
        cpu_seconds,
        user_seconds: used.user.as_secs_f64(),
        system_seconds: used.system.as_secs_f64(),
        cpus_used: cpu_seconds / evidence.sampled_seconds(),
        waited_cpus: used.waited.as_secs_f64() / evidence.sampled_seconds(),
        cpu_us_per_delivery: per_delivery,
        user_us_per_delivery: per_delivery * part(used.user),
        system_us_per_delivery: per_delivery * part(used.system),
        memory_before_bytes: before,
        memory_connected_bytes: connected,
        memory_loaded_bytes: loaded,
        memory_per_connection_bytes: evidence
            .observed
            .settings
            .fresh_server
            .then(|| (float(connected) - float(before)) / float(evidence.observed.settings.connections() as u64)),
    })
}

fn generator(evidence: &Evidence<'_>) -> GeneratorCost {
    let used = evidence.observed.to.generator.since(evidence.observed.from.generator);
    let receives = evidence.observed.to.traffic.receives - evidence.observed.from.traffic.receives;
    GeneratorCost {
        cpu_share: used.total.as_secs_f64() / evidence.sampled_seconds(),
        waited_share: used.waited.as_secs_f64() / evidence.sampled_seconds(),
        cpu_ns_per_delivery: ratio(used.total.as_secs_f64() * 1e9, evidence.deliveries()),
        receives,
        deliveries_per_receive: ratio(float(evidence.deliveries()), receives),
        longest_scheduling_stall_us: evidence.observed.scheduling_stall.as_secs_f64() * 1e6,
        lateness_us: evidence.lateness,
        blocked_sends: evidence.traffic.blocked_sends,
        max_queued_bytes: evidence.traffic.max_queued_bytes as u64,
    }
}

fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}

fn ratio(value: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { value / float(count) }
}
