//! Settings of a server that are each valid but contradict each other: one makes another pointless, or admits messages
//! that clients refuse.

use std::fmt::Display;
use std::time::Duration;

use corecast_engine::{Config, Limits, OverRate, PolicyKind, Protocol};

use crate::listen::ListenAddress;
use corecast_command::period::Period;
use corecast_command::size::Size;

/// Returns each contradiction as a sentence that names the flags.
pub(crate) fn contradictions(config: &Config) -> Vec<String> {
    let limits = &config.limits;
    let mut found = Vec::new();
    let speaks = |protocol| config.listeners.iter().any(|listener| listener.protocol == protocol);
    for (protocol, flag, max_frame) in [
        (Protocol::Native, "--max-frame-native", limits.native_max_frame),
        (Protocol::Plain, "--max-frame-plain", limits.plain_max_frame),
    ] {
        if speaks(protocol) {
            found.extend(over_the_clients_limit(flag, max_frame));
            found.extend(over_the_byte_rate(flag, max_frame, limits));
        }
    }
    // The baselines have no such logs.
    if config.policy == PolicyKind::Sharded && limits.log_bytes > limits.shard_log_bytes {
        let (one, all) = (size(limits.log_bytes), size(limits.shard_log_bytes));
        found.push(format!(
            "--log-bytes {one} is never reached: --shard-log-bytes {all} bounds all channels of a shard together"
        ));
    }
    if limits.rate.over == OverRate::Close && limits.rate.frames == 0 && limits.rate.bytes == 0 {
        found.push("--over-rate close has no effect without --max-frame-rate or --max-byte-rate".to_owned());
    }
    found.extend(below_the_resolution(config));
    found
}

fn over_the_clients_limit(flag: &str, max_frame: u32) -> Option<String> {
    let accepted = corecast_client::Options::default().max_frame;
    (max_frame > accepted).then(|| {
        format!(
            "{flag} {} lets in messages that 'corecast sub' refuses: raise its --max-frame, which is {} by default",
            size(max_frame),
            size(accepted)
        )
    })
}

fn over_the_byte_rate(flag: &str, max_frame: u32, limits: &Limits) -> Option<String> {
    let rate = limits.rate.bytes;
    (rate > 0 && rate < u64::from(max_frame)).then(|| {
        format!(
            "--max-byte-rate {} is below {flag} {}: after a frame of that size, its connection waits for {}",
            Size(rate),
            size(max_frame),
            Period(Duration::from_secs(u64::from(max_frame) / rate))
        )
    })
}

/// Returns the deadlines that end connections later than they say.
fn below_the_resolution(config: &Config) -> Vec<String> {
    let limits = &config.limits;
    let resolution = config.tuning.deadline_resolution();
    let flags = [
        ("--hello-timeout", limits.hello_timeout),
        ("--frame-timeout", limits.frame_timeout),
        ("--idle-timeout", limits.idle_timeout),
        ("--write-timeout", limits.write_timeout),
    ];
    let listeners = config.listeners.iter().filter_map(|listener| {
        Some((format!("--listen {} with idle", ListenAddress(listener.clone())), listener.idle_timeout?))
    });
    let all = flags.into_iter().map(|(flag, time)| (flag.to_owned(), time)).chain(listeners);
    all.filter(|(_, time)| !time.is_zero() && *time < resolution)
        .map(|(flag, time)| {
            format!("{flag} {} is shorter than the {} deadline resolution", Period(time), Period(resolution))
        })
        .collect()
}

fn size(bytes: impl TryInto<u64>) -> impl Display {
    Size(bytes.try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use corecast_engine::RateLimit;

    /// Returns the contradictions found in these limits, with a listener of each protocol.
    fn found(limits: Limits) -> Vec<String> {
        let listeners = ["native://127.0.0.1:0", "plain://127.0.0.1:0"];
        found_on(&listeners, limits)
    }

    fn found_on(listeners: &[&str], limits: Limits) -> Vec<String> {
        let listeners = listeners.iter().map(|text| text.parse::<ListenAddress>().unwrap().0).collect();
        contradictions(&Config::new(listeners, vec![0]).with_limits(limits))
    }

    #[test]
    fn the_defaults_meet() {
        assert_eq!(found(Limits::default()), [""; 0]);
    }

    #[test]
    fn each_contradiction_names_both_sides() {
        let cases: [(Limits, &[&str]); 5] = [
            (
                Limits::default().with_native_max_frame(32 << 20).with_log_bytes(64 << 20),
                &["--max-frame-native 32MiB", "--max-frame", "16MiB"],
            ),
            (
                Limits::default().with_plain_max_frame(17 << 20).with_log_bytes(64 << 20),
                &["--max-frame-plain 17MiB", "--max-frame", "16MiB"],
            ),
            (
                Limits::default().with_log_bytes(4 << 20).with_shard_log_bytes(2 << 20),
                &["--log-bytes 4MiB", "--shard-log-bytes 2MiB"],
            ),
            (
                Limits::default().with_rate(RateLimit::default().with_over(OverRate::Close)),
                &["--over-rate close", "--max-frame-rate", "--max-byte-rate"],
            ),
            (Limits::default().with_idle_timeout(Duration::from_millis(300)), &["--idle-timeout 300ms", "1s"]),
        ];
        for (limits, parts) in cases {
            let found = found(limits);
            let [line] = &found[..] else { panic!("{found:?}") };
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        }
    }

    #[test]
    fn a_rate_below_each_protocols_frames_is_told_of_both() {
        let rate = RateLimit::default().with_bytes(1024);
        let found = found(Limits::default().with_rate(rate));
        let [native, plain] = &found[..] else { panic!("{found:?}") };
        assert!(native.contains("--max-byte-rate 1KiB") && native.contains("--max-frame-native 1MiB"), "{native}");
        assert!(native.ends_with("waits for 1024s"), "{native}");
        assert!(plain.contains("--max-frame-plain 64KiB"), "{plain}");
    }

    #[test]
    fn what_is_not_spoken_contradicts_nothing_and_a_listeners_option_may() {
        let limits = || Limits::default().with_native_max_frame(32 << 20).with_log_bytes(64 << 20);
        assert_eq!(found_on(&["plain://127.0.0.1:0"], limits()), [""; 0]);
        let found = found_on(&["plain://127.0.0.1:0/lobby?idle=500ms"], limits());
        let [line] = &found[..] else { panic!("{found:?}") };
        assert!(line.contains("plain://127.0.0.1:0/lobby?idle=500ms"), "{line}");
    }
}
