//! Promise 7: a stopping server delivers what it accepted, tells every client why, and ends.

use corecast_engine::{Counters, PolicyKind, Protocol};
use corecast_testkit::{DEADLINE, Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::collections::HashSet;
use std::time::Duration;

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

#[test]
fn acknowledged_messages_are_delivered_before_the_close_reason() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut subscribers: Vec<_> = (0..16)
            .map(|_| {
                let mut peer = Peer::connect_native(server.address(Protocol::Native));
                peer.subscribe("news");
                peer
            })
            .collect();
        let mut plain = Peer::connect(server.address(Protocol::Plain));
        plain.send_plain(b"here");
        plain.expect_plain(b"here");
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        let payload = vec![1; 100_000];
        for token in 0..20 {
            let publish = Publish { channel: news(), payload: &payload, ack: Some(token), no_echo: false };
            publisher.send_native(&Frame::Publish(publish));
        }
        for token in 0..20 {
            publisher.expect_native(&Frame::Published { token });
        }
        let reading = std::thread::spawn(move || {
            for subscriber in &mut subscribers {
                for _ in 0..20 {
                    subscriber.expect_native(&Frame::Message { channel: news(), payload: &payload });
                }
                subscriber.expect_refusal(Code::GoingAway);
            }
            plain.expect_end();
        });
        let summary = server.stop();
        reading.join().expect("every subscriber was served");
        assert_eq!((summary.cut_off, summary.closed.get(&Code::GoingAway)), (0, Some(&18)));
    });
}

/// Returns a subscriber that does not read, after enough messages were published to fill its socket.
fn stall(server: &LocalServer, messages: u32) -> Peer {
    let mut stalled = Peer::connect_native(server.address(Protocol::Native));
    stalled.subscribe("news");
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    let payload = vec![1; 1_000_000];
    for token in 0..messages {
        let publish = Publish { channel: news(), payload: &payload, ack: Some(token), no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        publisher.expect_native(&Frame::Published { token });
    }
    stalled
}

#[test]
fn a_subscriber_that_does_not_read_delays_the_end_only_so_long() {
    const MESSAGES: u32 = 30;
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.drain_timeout = Duration::from_millis(200);
        config.limits.linger = Duration::from_millis(200);
        config.limits.log_bytes = 64 * 1024 * 1024;
        let server = LocalServer::start(config);
        let stalled = stall(&server, MESSAGES);
        let begin = std::time::Instant::now();
        let summary = server.stop();
        assert_eq!((summary.cut_off, summary.undelivered_before), (1, 0));
        let Counters { deliveries, undelivered, .. } = summary.counters;
        assert!(undelivered > 0 && deliveries + undelivered == MESSAGES.into(), "{:?}", summary.counters);
        assert!(begin.elapsed() < DEADLINE / 2, "the end took {:?}", begin.elapsed());
        drop(stalled);
    });
}

#[test]
fn what_was_undelivered_before_the_drain_is_not_counted_as_of_the_drain() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.log_bytes = 64 * 1024 * 1024;
        let server = LocalServer::start(config);
        stall(&server, 30).reset();
        let nobody = || server.control().connections().expect("the server runs").is_empty();
        wait_until(Deadline::start(), "everybody to leave", nobody);
        let summary = server.stop();
        let undelivered = summary.counters.undelivered;
        assert!(undelivered > 0 && summary.undelivered_before == undelivered, "{summary:?}");
        let line = summary.to_string();
        assert!(line.contains(", 0 cut off, 0 messages undelivered by the drain;"), "{line}");
        assert!(line.contains(&format!(", {undelivered} undelivered before the drain;")), "{line}");
    });
}

/// Closing a socket while its peer still writes resets the connection, and loses what the peer has not read. So the server
/// goes on reading, and drops the bytes, until the peer ends too.
#[test]
fn who_still_writes_when_the_server_stops_is_not_reset() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.linger = DEADLINE / 2;
        let server = LocalServer::start(config);
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        peer.subscribe("news");
        let writing = std::thread::spawn(move || {
            peer.expect_refusal(Code::GoingAway);
            // More than the buffers of both sockets hold.
            peer.send(&vec![0; 16 * 1024 * 1024]);
        });
        let summary = server.stop();
        writing.join().expect("the server takes what still comes");
        assert_eq!(summary.closed.get(&Code::GoingAway), Some(&1));
    });
}

#[test]
fn clients_are_told_to_return_at_different_times_within_the_spread() {
    const SPREAD: Duration = Duration::from_secs(1000);
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.reconnect_spread = SPREAD;
        let server = LocalServer::start(config);
        let mut peers: Vec<_> = (0..8).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect();
        let reading = std::thread::spawn(move || {
            let delay = |peer: &mut Peer| {
                peer.read_native(|frame| {
                    let Frame::Close(reason) = frame else { panic!("{frame:?}") };
                    let (words, delay) = reason.words_and_reconnect_delay();
                    assert_eq!((reason.code, words), (Code::GoingAway.number(), "the server is stopping"));
                    delay.expect("a delay")
                })
            };
            peers.iter_mut().map(delay).collect::<HashSet<_>>()
        });
        let summary = server.stop();
        let delays = reading.join().expect("everybody was told");
        assert!(delays.iter().all(|delay| *delay < SPREAD), "{delays:?}");
        // Two of eight clients may get the same delay to the millisecond, but not all eight.
        assert!(delays.len() > 1, "{delays:?}");
        assert_eq!((summary.drained, summary.cut_off), (8, 0));
    });
}

#[test]
fn without_a_spread_no_delay_is_told() {
    let mut config = LocalServer::config(PolicyKind::Sharded, 1);
    config.limits.reconnect_spread = Duration::ZERO;
    let server = LocalServer::start(config);
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    let reading = std::thread::spawn(move || {
        peer.read_native(|frame| {
            let Frame::Close(reason) = frame else { panic!("{frame:?}") };
            assert_eq!(reason.words_and_reconnect_delay(), ("the server is stopping", None));
        });
    });
    server.stop();
    reading.join().expect("it was told");
}
