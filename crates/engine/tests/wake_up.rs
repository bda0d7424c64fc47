//! A shard looks into its mailbox soon, busy or idle.

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{LocalServer, Peer};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Far more than a shard needs, and far less than the 100 ms of the sweep, which would hide a missing wake-up.
const SOON: Duration = Duration::from_millis(25);

fn channel(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("a valid name")
}

/// Returns enough clients that each of two shards has some.
fn peers(server: &LocalServer, count: usize) -> Vec<Peer> {
    (0..count).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect()
}

/// Returns the median time in which a message reaches all subscribers, over successive rounds.
fn median_round(subscribers: &mut [Peer], publisher: &mut Peer) -> Duration {
    let mut rounds: Vec<_> = (0..51_u8)
        .map(|round| {
            let begin = Instant::now();
            let publish = Publish { channel: channel("rounds"), payload: &[round], ack: None, no_echo: false };
            publisher.send_native(&Frame::Publish(publish));
            for subscriber in &mut *subscribers {
                subscriber.expect_native(&Frame::Message { channel: channel("rounds"), payload: &[round] });
            }
            begin.elapsed()
        })
        .collect();
    rounds.sort();
    rounds[rounds.len() / 2]
}

#[test]
fn an_idle_shard_is_woken_for_its_mailbox() {
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 2));
    let mut subscribers = peers(&server, 16);
    for subscriber in &mut subscribers {
        subscriber.subscribe("rounds");
    }
    let mut publisher = peers(&server, 1).remove(0);
    let median = median_round(&mut subscribers, &mut publisher);
    assert!(median < SOON, "a round took {median:?}");
}

#[test]
fn a_busy_shard_looks_into_its_mailbox() {
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 2));
    let mut subscribers = peers(&server, 16);
    for subscriber in &mut subscribers {
        subscriber.subscribe("rounds");
    }
    let mut publisher = peers(&server, 1).remove(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Noise that keeps both shards reading and answering without a pause.
        for mut noisy in peers(&server, 4) {
            let done = &done;
            scope.spawn(move || {
                let mut pings = Vec::new();
                (0..50).for_each(|_| native::encode(&Frame::Ping(b"noise"), &mut pings));
                while !done.load(Ordering::Relaxed) {
                    noisy.send(&pings);
                    (0..50).for_each(|_| noisy.expect_native(&Frame::Pong(b"noise")));
                }
            });
        }
        let median = median_round(&mut subscribers, &mut publisher);
        done.store(true, Ordering::Relaxed);
        assert!(median < SOON, "a round took {median:?}");
    });
}

#[cfg(feature = "baselines")]
#[test]
fn an_idle_shard_is_woken_for_what_its_registry_has_done() {
    for policy in [PolicyKind::SubjectorPortal, PolicyKind::SubjectorChannel] {
        let mut config = LocalServer::config(policy, 2);
        // Nothing else may wake the shard.
        config.tuning.sweep_interval = Duration::from_hours(1);
        let server = LocalServer::start(config);
        let mut subscribers = peers(&server, 8);
        for subscriber in &mut subscribers {
            subscriber.subscribe("rounds");
        }
        let mut publisher = peers(&server, 1).remove(0);
        median_round(&mut subscribers, &mut publisher);
    }
}
