//! One connection may send so fast and no faster; the others do not notice.

use corecast_engine::{OverRate, PolicyKind, Protocol, RateLimit};
use corecast_testkit::{LocalServer, Peer};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::time::{Duration, Instant};

fn server(rate: RateLimit) -> LocalServer {
    let mut config = LocalServer::config(PolicyKind::Sharded, 2);
    config.limits.rate = rate;
    LocalServer::start(config)
}

/// So many messages at once, to everybody in `news`.
fn burst(peer: &mut Peer, count: usize) {
    let channel = ChannelName::new("news").expect("a valid name");
    let mut bytes = Vec::new();
    for _ in 0..count {
        native::encode(&Frame::Publish(Publish { channel, payload: b"fast", ack: None, no_echo: false }), &mut bytes);
    }
    peer.send(&bytes);
}

fn expect_burst(peer: &mut Peer, count: usize) {
    let channel = ChannelName::new("news").expect("a valid name");
    for _ in 0..count {
        peer.expect_native(&Frame::Message { channel, payload: b"fast" });
    }
}

/// Asks for an answer, which comes when the connection is read again; how long after `since` it did.
fn read_again(peer: &mut Peer, since: Instant) -> Duration {
    peer.send_native(&Frame::Ping(b"?"));
    peer.expect_native(&Frame::Pong(b"?"));
    since.elapsed()
}

#[test]
fn a_connection_that_sends_too_many_frames_is_read_when_they_are_paid_for() {
    let server = server(RateLimit { frames: 1000, ..RateLimit::default() });
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    let since = Instant::now();
    // HELLO was one too. What a read brought is charged behind it, so the last of these are read in time.
    burst(&mut fast, 1_500);
    expect_burst(&mut listener, 1_500);
    // Others are served meanwhile.
    read_again(&mut listener, since);
    let waited = read_again(&mut fast, since);
    assert!(waited >= Duration::from_millis(490), "{waited:?}");
    assert!(server.stop().closed.keys().all(|code| *code != Code::RateExceeded));
}

#[test]
fn bytes_have_a_rate_of_their_own() {
    let server = server(RateLimit { bytes: 64 * 1024, ..RateLimit::default() });
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    fast.subscribe("news");
    let since = Instant::now();
    let channel = ChannelName::new("news").expect("a valid name");
    let payload = vec![0; 90 * 1024];
    fast.send_native(&Frame::Publish(Publish { channel, payload: &payload, ack: None, no_echo: false }));
    // Behind what it has paid for, the next read is late.
    fast.expect_native(&Frame::Message { channel, payload: &payload });
    let waited = read_again(&mut fast, since);
    assert!(waited >= Duration::from_millis(390), "{waited:?}");
}

#[test]
fn within_its_rate_a_connection_is_not_held_up() {
    let server = server(RateLimit { frames: 10_000, bytes: 1 << 20, ..RateLimit::default() });
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("news");
    for _ in 0..20 {
        burst(&mut peer, 100);
        expect_burst(&mut peer, 100);
    }
}

#[test]
fn a_connection_that_sends_too_fast_is_closed_if_so_set() {
    let server = server(RateLimit { frames: 10, bytes: 0, over: OverRate::Close });
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    burst(&mut fast, 20);
    fast.expect_refusal(Code::RateExceeded);
    // What it sent before it was noticed counts.
    expect_burst(&mut listener, 20);
    assert_eq!(server.stop().closed.get(&Code::RateExceeded), Some(&1));
}
