//! The validity of a run: whether its figures are those of the requested load.

use crate::measure::clock::duration_ns;
use crate::measure::scheduling_stall::LONGEST_SLEEP;
use crate::report::evaluation::Evidence;
use crate::report::{GeneratorCost, Messages, ServerCost, Validity};
use crate::{Environment, Load};
use std::time::Duration;

/// The greatest p99 of the generator's lateness at which an open-loop run is valid, in microseconds.
pub const LATENESS_BOUND_US: f64 = 1000.0;
/// The least percentage of the offered messages that must have been sent.
const ACHIEVED_PERCENT: u64 = 99;
/// The window divided by this is the most delay of the samples at its ends, and the most time for which the generator
/// may not have run.
const SCHEDULING_STALL_DIVISOR: u32 = 100;
/// The fraction of its CPU from which on the generator may have been the bottleneck.
const BUSY_GENERATOR: f64 = 0.95;
/// The fraction of the window in which the generator waited for a CPU, from which on something else affected the
/// figures.
const BUSY_MACHINE: f64 = 0.02;
/// The number of CPUs used by others from which on they affected the figures. The server's work in the kernel's own
/// threads is counted there too.
const BUSY_OTHERS: f64 = 0.1;
/// A closed loop in which nothing arrived for this fraction of the window has come to a halt.
const STALL_DIVISOR: u64 = 4;

/// Returns the longest time for which the generator may not run. In a window below a second this is more than a
/// hundredth of it, because the generator sleeps for that long at a time.
fn scheduling_stall_bound(window: Duration) -> Duration {
    (window / SCHEDULING_STALL_DIVISOR).max(LONGEST_SLEEP)
}

pub(crate) fn judge(
    evidence: &Evidence<'_>,
    messages: &Messages,
    server: Option<&ServerCost>,
    generator: &GeneratorCost,
    environment: &Environment,
) -> Validity {
    let reasons = reasons(evidence, messages);
    let notes = notes(evidence, server, generator, environment);
    Validity { valid: reasons.is_empty(), reasons, notes }
}

fn reasons(evidence: &Evidence<'_>, messages: &Messages) -> Vec<String> {
    let mut reasons = Vec::new();
    if evidence.observed.interrupted {
        let (done, all) = (evidence.window_seconds(), evidence.observed.settings.duration.as_secs_f64());
        reasons.push(format!("interrupted: {done:.1} of {all} s were measured"));
    }
    let lateness = evidence.lateness;
    if lateness.p99 > LATENESS_BOUND_US {
        reasons.push(format!("generator late: p99 {:.0} µs, bound {LATENESS_BOUND_US} µs", lateness.p99));
    }
    let bound = scheduling_stall_bound(evidence.observed.settings.duration);
    let sampled_late = evidence.sampled_late();
    if sampled_late > bound {
        let (late, bound) = (milliseconds(sampled_late), milliseconds(bound));
        reasons
            .push(format!("the window was not kept: its accounts were taken {late:.0} ms late, bound {bound:.0} ms"));
    }
    if evidence.observed.scheduling_stall > bound {
        let (scheduling_stall, bound) = (milliseconds(evidence.observed.scheduling_stall), milliseconds(bound));
        reasons
            .push(format!("the generator did not run for {scheduling_stall:.0} ms of the window, bound {bound:.0} ms"));
    }
    if messages.achieved * 100 < messages.offered * ACHIEVED_PERCENT {
        reasons.push(format!("{} of {} messages offered were sent", messages.achieved, messages.offered));
    }
    if evidence.deliveries() == 0 {
        reasons.push("nothing arrived in the measured window".to_owned());
    } else if matches!(evidence.observed.settings.load, Load::Saturate { .. }) && stalled(evidence) {
        reasons.push("stalled: the messages in flight were never completed".to_owned());
    }
    reasons
}

fn notes(
    evidence: &Evidence<'_>,
    server: Option<&ServerCost>,
    generator: &GeneratorCost,
    environment: &Environment,
) -> Vec<String> {
    let mut notes = Vec::new();
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
    if let Some(others) = environment.others_cpus.filter(|cpus| *cpus > BUSY_OTHERS) {
        notes.push(format!("other programs used {others:.2} CPUs in the window"));
    }
    if evidence.completion_overflowed {
        notes.push("completion was followed in part only: too many messages were in flight".to_owned());
    }
    if evidence.checks.foreign > 0 {
        let foreign = evidence.checks.foreign;
        notes.push(format!("others published on the same channels; deliveries of theirs, left out here: {foreign}"));
    }
    notes
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn stalled(evidence: &Evidence<'_>) -> bool {
    let silence_ns = evidence.observed.to.at_ns.saturating_sub(evidence.last_arrival_ns);
    silence_ns > duration_ns(evidence.observed.settings.duration) / STALL_DIVISOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::pool::Traffic;
    use crate::measure::usage::{CpuTime, MachineTime};
    use crate::report::evaluation::{Observed, Sample, evaluate};
    use crate::verify::receiver::Counts;
    use crate::{Checks, Host, Percentiles, Protocol, Settings};

    const SECOND_NS: u64 = 1_000_000_000;

    fn settings(load: Load) -> Settings {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        Settings { duration: Duration::from_secs(5), ..Settings::new(address, Protocol::Native, load) }
    }

    /// Returns the window from 1 s to 6 s of a run without faults: 500 messages offered and sent, all delivered.
    fn sound(settings: &Settings) -> Evidence<'_> {
        let sample = |at_ns, written| Sample {
            at_ns,
            written,
            traffic: Traffic::default(),
            generator: CpuTime::default(),
            process: CpuTime::default(),
            server: None,
            machine: Some(MachineTime::default()),
        };
        Evidence {
            observed: Observed {
                settings,
                host: Host::here(),
                environment: Environment::default(),
                from: sample(SECOND_NS, 100),
                to: sample(6 * SECOND_NS, 600),
                measured: SECOND_NS..6 * SECOND_NS,
                scheduling_stall: Duration::from_millis(2),
                offered: matches!(settings.load, Load::Paced { .. }).then_some(500),
                interrupted: false,
                memory: None,
                shards: Vec::new(),
            },
            total_messages: 600,
            expected: 60_000,
            checks: Checks::default(),
            disconnected: 0,
            last_arrival_ns: 6 * SECOND_NS,
            counts: Counts { to_subscribers: 60_000, measured_to_subscribers: 50_000, ..Counts::default() },
            latency: Percentiles::default(),
            latency_curve: Vec::new(),
            fairness: None,
            completion: Percentiles::default(),
            skew: Percentiles::default(),
            completion_overflowed: false,
            intervals: Vec::new(),
            phases: Vec::new(),
            reconnections: None,
            stalled: None,
            lateness: Percentiles { p99: 999.0, ..Percentiles::default() },
            traffic: Traffic::default(),
        }
    }

    type Change = fn(&mut Evidence<'_>, Duration);

    const PACED: Load = Load::Paced { rate: 100 };
    const CLOSED: Load = Load::Saturate { in_flight: 256 };

    /// Returns the verdict on a sound run in which one thing is changed.
    fn changed(load: Load, change: impl FnOnce(&mut Evidence<'_>)) -> Validity {
        let settings = settings(load);
        let mut evidence = sound(&settings);
        change(&mut evidence);
        evaluate(evidence).validity
    }

    #[track_caller]
    fn assert_invalid(validity: &Validity, reason: &str) {
        assert_eq!((validity.valid, validity.reasons.len()), (false, 1), "{validity:?}");
        assert!(validity.reasons[0].contains(reason), "{validity:?}");
    }

    #[test]
    fn a_sound_run_is_valid_without_a_note() {
        for load in [PACED, CLOSED] {
            assert_eq!(changed(load, |_| ()), Validity { valid: true, ..Validity::default() });
        }
    }

    #[test]
    fn lateness_over_the_bound_invalidates() {
        assert_invalid(&changed(PACED, |run| run.lateness.p99 = 1001.0), "generator late: p99 1001 µs");
    }

    #[test]
    fn an_account_taken_late_at_either_end_invalidates() {
        for load in [PACED, CLOSED] {
            assert!(changed(load, |run| run.observed.from.at_ns += 50_000_000).valid, "a hundredth is allowed");
            assert_invalid(
                &changed(load, |run| run.observed.from.at_ns += 51_000_000),
                "taken 51 ms late, bound 50 ms",
            );
            assert_invalid(&changed(load, |run| run.observed.to.at_ns += 60_000_000), "taken 60 ms late");
        }
    }

    #[test]
    fn a_generator_that_did_not_run_invalidates() {
        for load in [PACED, CLOSED] {
            assert!(
                changed(load, |run| run.observed.scheduling_stall = Duration::from_millis(50)).valid,
                "a hundredth is allowed"
            );
            let absent = changed(load, |run| run.observed.scheduling_stall = Duration::from_millis(400));
            assert_invalid(&absent, "the generator did not run for 400 ms of the window, bound 50 ms");
        }
        assert_eq!(scheduling_stall_bound(Duration::from_millis(100)), LONGEST_SLEEP);
    }

    #[test]
    fn a_schedule_that_was_not_kept_invalidates() {
        assert!(changed(PACED, |run| run.observed.to.written -= 5).valid, "99 % are enough");
        assert_invalid(&changed(PACED, |run| run.observed.to.written -= 6), "494 of 500 messages offered were sent");
    }

    #[test]
    fn a_window_in_which_nothing_arrived_invalidates() {
        for load in [PACED, CLOSED] {
            let silent = changed(load, |run| run.counts.measured_to_subscribers = 0);
            assert_invalid(&silent, "nothing arrived in the measured window");
        }
    }

    #[test]
    fn a_closed_loop_that_came_to_a_halt_invalidates() {
        let halt = |run: &mut Evidence<'_>| run.last_arrival_ns -= 1_300_000_000;
        assert_invalid(&changed(CLOSED, halt), "stalled: the messages in flight were never completed");
        assert!(changed(PACED, halt).valid, "between two messages of an open loop there may be silence");
    }

    #[test]
    fn what_only_belongs_to_a_run_is_a_note() {
        let seconds = Duration::from_secs_f64;
        let notes: [(&str, Change, Duration); 5] = [
            ("the generator used 96 % of its CPU", |run, time| run.observed.to.generator.total = time, seconds(4.8)),
            ("for 4 % of the time", |run, time| run.observed.to.generator.waited = time, seconds(0.2)),
            (
                "used 0.20 CPUs",
                |run, time| run.observed.to.machine = Some(MachineTime { busy: time, ..MachineTime::default() }),
                seconds(1.0),
            ),
            ("too many messages were in flight", |run, _| run.completion_overflowed = true, Duration::ZERO),
            ("others published", |run, _| run.checks.foreign = 1, Duration::ZERO),
        ];
        for (words, change, time) in notes {
            let validity = changed(CLOSED, |run| change(run, time));
            assert_eq!((validity.valid, validity.notes.len()), (true, 1), "{words}: {validity:?}");
            assert!(validity.notes[0].contains(words), "{validity:?}");
        }
    }
}
