//! A server that stood still, as in a frozen container, holds that against no peer: a deadline counts only time in
//! which the server could have heard from the peer.

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, ServerProcess};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};
use rustix::process::Signal;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// Longer than every deadline of these servers.
const STANDSTILL: Duration = Duration::from_secs(4);

fn start(arguments: &[&str]) -> ServerProcess {
    ServerProcess::start(BINARY, &[&["--shards", "1"], arguments].concat())
}

/// Stops the server for [`STANDSTILL`], after which `meanwhile` runs first. The bystander hears nothing in that time.
fn stand_still(server: &mut ServerProcess, bystander: &mut Peer, meanwhile: impl FnOnce()) {
    server.process.signal(Signal::STOP);
    meanwhile();
    bystander.expect_silence(STANDSTILL);
    server.process.signal(Signal::CONT);
    server.process.error_line_with("the shard stood still", Deadline::start());
}

#[test]
fn a_client_that_answers_every_ping_is_not_closed_after_a_standstill() {
    let mut server = start(&["--idle-timeout", "2s"]);
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    for _ in 0..2 {
        stand_still(&mut server, &mut bystander, || {});
        for _ in 0..2 {
            peer.expect_native(&Frame::Ping(&[]));
            peer.send_native(&Frame::Pong(&[]));
        }
    }
    peer.send_native(&Frame::Ping(b"still"));
    peer.expect_native(&Frame::Pong(b"still"));
}

#[test]
fn a_ping_that_was_answered_while_the_server_stood_still_counts() {
    let mut server = start(&["--idle-timeout", "2s"]);
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    peer.expect_native(&Frame::Ping(&[]));
    stand_still(&mut server, &mut bystander, || peer.send_native(&Frame::Pong(&[])));
    peer.expect_native(&Frame::Ping(&[]));
}

#[test]
fn a_hello_and_a_frame_that_a_standstill_cut_may_still_end() {
    let mut server = start(&["--hello-timeout", "2s", "--frame-timeout", "2s"]);
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    let mut late = Peer::connect(server.address(Protocol::Native));
    let mut cut = Peer::connect_native(server.address(Protocol::Native));
    let mut ping = Vec::new();
    native::encode(&Frame::Ping(b"cut"), &mut ping);
    let (begin, end) = ping.split_at(5);
    cut.send(begin);
    // This connection is later in the server's queue. When it has been accepted, the others have been served.
    Peer::connect_native(server.address(Protocol::Native));
    stand_still(&mut server, &mut bystander, || {});
    late.send_native(&Frame::Hello { version: 1 });
    late.read_native(|frame| assert!(matches!(frame, Frame::Welcome { .. }), "{frame:?}"));
    cut.send(end);
    cut.expect_native(&Frame::Pong(b"cut"));
}

/// Returns a subscriber that has read none of its messages, which exceed the socket buffers, with the publisher and
/// their number.
fn behind(server: &ServerProcess) -> (Peer, Peer, u32) {
    const MESSAGES: u32 = 400;
    let mut subscriber = Peer::connect_native(server.address(Protocol::Native));
    subscriber.subscribe("news");
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    for number in 0..MESSAGES {
        let payload = payload(number);
        let publish = Publish { channel: news(), payload: &payload, ack: Some(number), no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        publisher.expect_native(&Frame::Published { token: number });
    }
    (subscriber, publisher, MESSAGES)
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn payload(number: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vec![7; 64 * 1024]].concat()
}

fn expect_all(subscriber: &mut Peer, messages: u32) {
    for number in 0..messages {
        subscriber.expect_native(&Frame::Message { channel: news(), payload: &payload(number) });
    }
}

#[test]
fn a_full_socket_has_its_time_behind_a_standstill() {
    let mut server = start(&["--write-timeout", "3s", "--log-bytes", "64MiB"]);
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    let (mut subscriber, _publisher, messages) = behind(&server);
    stand_still(&mut server, &mut bystander, || {});
    expect_all(&mut subscriber, messages);
}

#[test]
fn a_drain_has_its_time_behind_a_standstill() {
    let mut server = start(&["--drain-timeout", "3s", "--linger", "3s", "--log-bytes", "64MiB"]);
    let mut bystander = Peer::connect(server.address(Protocol::Plain));
    let (mut subscriber, _publisher, messages) = behind(&server);
    server.process.signal(Signal::TERM);
    server.process.error_line_with("stopping: received SIG", Deadline::start());
    stand_still(&mut server, &mut bystander, || {});
    expect_all(&mut subscriber, messages);
    subscriber.read_native(|frame| {
        let Frame::Close(reason) = frame else { panic!("{frame:?}") };
        assert_eq!(reason.code, 201);
    });
}
