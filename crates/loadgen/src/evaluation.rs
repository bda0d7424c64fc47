//! From what a run saw to what it reports, and whether its figures can be used.

use crate::clock::duration_ns;
use crate::figures::float;
use crate::fleet::Traffic;
use crate::intake::Counts;
use crate::report::{Deliveries, GeneratorCost, Messages, ServerCost, Validity};
use crate::usage::CpuTime;
use crate::{Checks, Host, Load, Percentiles, Report, Settings};

/// The greatest p99 of the generator's lateness at which an open-loop run is valid, in microseconds.
pub const LATENESS_BOUND_US: f64 = 1000.0;
/// The least part of the offered messages that must have been sent, in percent.
const ACHIEVED_PERCENT: u64 = 99;
/// The part of its CPU from which on the generator may have been the bottleneck.
const BUSY_GENERATOR: f64 = 0.95;
/// The part of the window in which the generator was kept waiting for a CPU, from which on something else
/// had a hand in the figures.
const BUSY_MACHINE: f64 = 0.02;
/// A closed loop in which nothing arrived for this part of the window has come to a halt.
const STALL_DIVISOR: u64 = 4;

/// The accounts at one end of the measured window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at_ns: u64,
    /// Messages that the sockets took.
    pub(crate) written: u64,
    pub(crate) traffic: Traffic,
    /// The generator's thread.
    pub(crate) generator: CpuTime,
    pub(crate) server: Option<CpuTime>,
}

/// All that a run saw.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) host: Host,
    pub(crate) from: Sample,
    pub(crate) to: Sample,
    /// Messages due in the window; none in a closed loop.
    pub(crate) offered: Option<u64>,
    pub(crate) total_messages: u64,
    pub(crate) expected: u64,
    /// Before connecting and attached, and under load.
    pub(crate) memory: Option<((u64, u64), u64)>,
    pub(crate) checks: Checks,
    pub(crate) disconnected: usize,
    pub(crate) last_arrival_ns: u64,
    pub(crate) counts: Counts,
    pub(crate) latency: Percentiles,
    pub(crate) latency_curve: Vec<(f64, f64)>,
    pub(crate) lateness: Percentiles,
    pub(crate) traffic: Traffic,
}

pub(crate) fn evaluate(evidence: Evidence<'_>) -> Report {
    let counts = evidence.counts;
    let messages = messages(&evidence);
    let server = server(&evidence);
    let generator = generator(&evidence);
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings: evidence.settings.clone(),
        validity: validity(&evidence, &messages, server.as_ref(), &generator),
        messages,
        deliveries: Deliveries {
            expected: evidence.expected,
            arrived: counts.to_subscribers + counts.to_publishers,
            measured: counts.measured_to_subscribers,
            measured_per_second: evidence.a_second(counts.measured_to_subscribers),
            measured_to_publishers: counts.measured_to_publishers,
            received_bytes_per_second: evidence
                .a_second(evidence.to.traffic.received_bytes - evidence.from.traffic.received_bytes),
        },
        latency_us: evidence.latency,
        latency_curve: evidence.latency_curve,
        server,
        checks: Checks { disconnected: evidence.disconnected as u64, ..evidence.checks },
        generator,
        host: evidence.host,
    }
}

impl Evidence<'_> {
    /// The window as set. Deliveries and messages are counted against it.
    fn window_seconds(&self) -> f64 {
        self.settings.duration.as_secs_f64()
    }

    fn a_second(&self, count: u64) -> f64 {
        float(count) / self.window_seconds()
    }

    /// The time between the two samples, which CPU times are held against.
    fn sampled_seconds(&self) -> f64 {
        seconds(self.to.at_ns - self.from.at_ns)
    }

    /// The server's work in the window.
    fn deliveries(&self) -> u64 {
        self.counts.measured_to_subscribers + self.counts.measured_to_publishers
    }
}

fn messages(evidence: &Evidence<'_>) -> Messages {
    let achieved = evidence.to.written - evidence.from.written;
    let offered = evidence.offered.unwrap_or(achieved);
    Messages {
        offered,
        achieved,
        offered_per_second: evidence.a_second(offered),
        achieved_per_second: evidence.a_second(achieved),
        total: evidence.total_messages,
    }
}

fn server(evidence: &Evidence<'_>) -> Option<ServerCost> {
    let used = evidence.to.server?.since(evidence.from.server?);
    let ((before, attached), loaded) = evidence.memory?;
    let cpu_seconds = used.total.as_secs_f64();
    Some(ServerCost {
        cpu_seconds,
        user_seconds: used.user.as_secs_f64(),
        system_seconds: used.system.as_secs_f64(),
        cpus_used: cpu_seconds / evidence.sampled_seconds(),
        waited_cpus: used.waited.as_secs_f64() / evidence.sampled_seconds(),
        cpu_us_per_delivery: ratio(cpu_seconds * 1e6, evidence.deliveries()),
        memory_before_bytes: before,
        memory_attached_bytes: attached,
        memory_loaded_bytes: loaded,
        memory_per_connection_bytes: (float(attached) - float(before)) / float(evidence.settings.connections() as u64),
    })
}

fn generator(evidence: &Evidence<'_>) -> GeneratorCost {
    let used = evidence.to.generator.since(evidence.from.generator);
    let receives = evidence.to.traffic.receives - evidence.from.traffic.receives;
    GeneratorCost {
        cpu_share: used.total.as_secs_f64() / evidence.sampled_seconds(),
        waited_share: used.waited.as_secs_f64() / evidence.sampled_seconds(),
        cpu_ns_per_delivery: ratio(used.total.as_secs_f64() * 1e9, evidence.deliveries()),
        receives,
        deliveries_per_receive: ratio(float(evidence.deliveries()), receives),
        lateness_us: evidence.lateness,
        blocked_sends: evidence.traffic.blocked_sends,
        max_queued_bytes: evidence.traffic.max_queued_bytes as u64,
    }
}

fn validity(
    evidence: &Evidence<'_>,
    messages: &Messages,
    server: Option<&ServerCost>,
    generator: &GeneratorCost,
) -> Validity {
    let mut reasons = Vec::new();
    let mut notes = Vec::new();
    let lateness = evidence.lateness;
    if lateness.p99 > LATENESS_BOUND_US {
        reasons.push(format!("generator late: p99 {:.0} µs, bound {LATENESS_BOUND_US} µs", lateness.p99));
    }
    if messages.achieved * 100 < messages.offered * ACHIEVED_PERCENT {
        reasons.push(format!("{} of {} messages offered were sent", messages.achieved, messages.offered));
    }
    if evidence.deliveries() == 0 {
        reasons.push("nothing arrived in the measured window".to_owned());
    } else if matches!(evidence.settings.load, Load::Saturate { .. }) && stalled(evidence) {
        reasons.push("stalled: the messages in flight were never completed".to_owned());
    }
    if generator.cpu_share > BUSY_GENERATOR {
        let server = server.map_or(String::new(), |server| format!(", the server {:.2} CPUs", server.cpus_used));
        let percent = generator.cpu_share * 100.0;
        notes.push(format!("the generator used {percent:.0} % of its CPU{server}: it may be the limit"));
    }
    if generator.waited_share > BUSY_MACHINE {
        let percent = generator.waited_share * 100.0;
        notes.push(format!(
            "the machine was not quiet: something else had the generator's CPU for {percent:.0} % of the time"
        ));
    }
    if evidence.checks.foreign > 0 {
        notes.push("other load ran on the same channels".to_owned());
    }
    Validity { valid: reasons.is_empty(), reasons, notes }
}

fn stalled(evidence: &Evidence<'_>) -> bool {
    let silence_ns = evidence.to.at_ns.saturating_sub(evidence.last_arrival_ns);
    silence_ns > duration_ns(evidence.settings.duration) / STALL_DIVISOR
}

fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}

fn ratio(value: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { value / float(count) }
}
