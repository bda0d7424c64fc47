//! A connection may send at its rate and no faster; other connections are not affected.

use corecast_engine::{OverRate, PolicyKind, Protocol, RateLimit};
use corecast_testkit::{LocalServer, Peer};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code, plain};
use std::time::{Duration, Instant};

fn server(rate: RateLimit) -> LocalServer {
    let mut config = LocalServer::config(PolicyKind::Sharded, 2);
    config.limits.rate = rate;
    LocalServer::start(config)
}

/// Sends this many messages at once, to all subscribers of `news`.
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

/// Asks for an answer, and waits for it.
fn ask(peer: &mut Peer) {
    peer.send_native(&Frame::Ping(b"?"));
    peer.expect_native(&Frame::Pong(b"?"));
}

/// Returns the number of messages that the server has accepted.
fn published(server: &LocalServer) -> u64 {
    let shards = server.control().shards().expect("the server runs");
    shards.iter().map(|shard| shard.counters.published).sum()
}

#[test]
fn of_one_write_only_as_many_frames_pass_at_once_as_the_bucket_holds() {
    const RATE: u64 = 50;
    let server = server(RateLimit::default().with_frames(RATE));
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let since = Instant::now();
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    burst(&mut fast, 4_000);
    // HELLO was one of the bucket's frames.
    expect_burst(&mut listener, 49);
    for half_seconds in 1..=3 {
        expect_burst(&mut listener, 25);
        let passed = since.elapsed();
        assert!(passed >= Duration::from_millis(500) * half_seconds, "{half_seconds}: {passed:?}");
        // Other connections are served meanwhile.
        ask(&mut listener);
    }
    let (published, passed) = (published(&server), since.elapsed());
    let most = u128::from(RATE) * (1_000 + passed.as_millis() + 1) / 1_000;
    assert!((124..=most).contains(&published.into()), "{published} in {passed:?}");
    assert!(server.stop().closed.keys().all(|code| *code != Code::RateExceeded));
}

#[test]
fn a_frame_larger_than_the_bucket_passes_whole_and_the_next_waits_for_it() {
    let server = server(RateLimit::default().with_bytes(64 * 1024));
    let since = Instant::now();
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    fast.subscribe("news");
    let channel = ChannelName::new("news").expect("a valid name");
    let payload = vec![0; 90 * 1024];
    fast.send_native(&Frame::Publish(Publish { channel, payload: &payload, ack: None, no_echo: false }));
    fast.expect_native(&Frame::Message { channel, payload: &payload });
    ask(&mut fast);
    let waited = since.elapsed();
    // 90 KiB and the small frames with it, less the 64 KiB that the bucket held.
    assert!(waited >= Duration::from_millis(406), "{waited:?}");
}

#[test]
fn a_rate_holds_in_plain_as_in_native_and_for_frames_cut_anywhere() {
    let server = server(RateLimit::default().with_frames(20));
    let since = Instant::now();
    let mut fast = Peer::connect(server.address(Protocol::Plain));
    let mut bytes = Vec::new();
    for number in 0..30_u32 {
        plain::encode(&number.to_be_bytes(), &mut bytes);
    }
    for part in bytes.chunks(7) {
        fast.send(part);
    }
    for number in 0..30_u32 {
        fast.expect_plain(&number.to_be_bytes());
    }
    assert!(since.elapsed() >= Duration::from_millis(500), "{:?}", since.elapsed());
}

#[test]
fn what_was_sent_before_the_stream_ended_passes_at_the_rate() {
    let server = server(RateLimit::default().with_frames(20));
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    burst(&mut fast, 30);
    fast.shutdown();
    expect_burst(&mut listener, 30);
    assert_eq!(server.stop().closed.get(&Code::Normal), Some(&1));
}

#[test]
fn within_its_rate_a_connection_is_not_held_up() {
    let server = server(RateLimit::default().with_frames(10_000).with_bytes(1 << 20));
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("news");
    for _ in 0..20 {
        burst(&mut peer, 100);
        expect_burst(&mut peer, 100);
    }
}

#[test]
fn a_connection_that_sends_too_fast_is_closed_if_so_set() {
    let server = server(RateLimit::default().with_frames(10).with_over(OverRate::Close));
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let mut fast = Peer::connect_native(server.address(Protocol::Native));
    burst(&mut fast, 20);
    fast.expect_refusal(Code::RateExceeded);
    // The frames within the rate count: HELLO and nine more.
    expect_burst(&mut listener, 9);
    ask(&mut listener);
    assert_eq!(server.stop().closed.get(&Code::RateExceeded), Some(&1));
}
