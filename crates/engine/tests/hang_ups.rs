//! Promise 5: a connection whose peer is gone frees its slot, even while nothing is read from it.

use corecast_engine::{PolicyKind, Protocol, RateLimit};
use corecast_testkit::{Deadline, LocalServer, Peer, wait_until};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

const SLOTS: usize = 4;

/// Starts a server with few slots, on one shard, that reads this many frames per second from each connection.
fn server(frames: u64) -> LocalServer {
    let mut config = LocalServer::config(PolicyKind::Sharded, 1);
    config.limits.max_connections = SLOTS;
    config.limits.rate = RateLimit::default().with_frames(frames);
    LocalServer::start(config)
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

/// Returns this many of these frames.
fn frames(frame: &Frame<'_>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    (0..count).for_each(|_| native::encode(frame, &mut bytes));
    bytes
}

/// Returns messages that the server does not answer.
fn messages(count: usize) -> Vec<u8> {
    frames(&Frame::Publish(Publish { channel: news(), payload: b"fast", ack: None, no_echo: false }), count)
}

/// Waits until new connections have all the slots.
fn wait_for_slots(address: SocketAddr) {
    let mut inside = Vec::new();
    wait_until(Deadline::start(), "all slots to be free again", || {
        let mut peer = Peer::connect(address);
        peer.send_native(&Frame::Hello { version: 1 });
        if peer.read_native(|frame| matches!(frame, Frame::Welcome { .. })) {
            inside.push(peer);
        }
        inside.len() == SLOTS
    });
}

#[test]
fn a_connection_lost_while_its_rate_pauses_it_frees_its_slot() {
    type Way = (&'static str, fn(Peer));
    let ways: [Way; 3] = [
        ("a reset", |mut peer| {
            peer.send(&messages(6000));
            peer.reset();
        }),
        ("an end, with something unread", |mut peer| {
            peer.send(&frames(&Frame::Ping(b"?"), 6000));
        }),
        // At its rate, the server would find nothing to answer for an hour and a half.
        ("an end, with all read", |mut peer| {
            peer.send(&messages(6000));
        }),
    ];
    for (name, go) in ways {
        println!("{name}");
        let server = server(1);
        let address = server.address(Protocol::Native);
        let peers: Vec<_> = (0..SLOTS).map(|_| Peer::connect_native(address)).collect();
        Peer::connect(address).expect_refusal(Code::Full);
        peers.into_iter().for_each(go);
        wait_for_slots(address);
        assert_eq!(server.stop().closed.get(&Code::Reset), Some(&4));
    }
}

#[test]
fn a_half_closed_connection_is_pinged_and_stays_until_its_messages_have_passed() {
    let server = server(10);
    let mut listener = Peer::connect_native(server.address(Protocol::Native));
    listener.subscribe("news");
    let mut patient = Peer::connect_native(server.address(Protocol::Native));
    patient.send(&messages(40));
    patient.shutdown();
    patient.expect_native(&Frame::Ping(&[]));
    for _ in 0..40 {
        listener.expect_native(&Frame::Message { channel: news(), payload: b"fast" });
    }
    patient.expect_refusal(Code::Normal);
}

#[test]
fn a_connection_lost_with_unread_answers_and_a_full_socket_frees_its_slot() {
    let server = server(0);
    let address = server.address(Protocol::Native);
    let peers: Vec<_> = (0..SLOTS).map(|_| Peer::connect_native(address)).collect();
    let pings = frames(&Frame::Ping(&[7; 125]), 200_000);
    std::thread::scope(|scope| {
        for peer in peers {
            let pings = &pings;
            scope.spawn(move || {
                let mut stream = peer.stream();
                stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a write timeout");
                let error = stream.write_all(pings).expect_err("the server stops reading before all is sent");
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                peer.reset();
            });
        }
    });
    wait_for_slots(address);
}

/// Nothing else shows that a host has vanished, and a test cannot make one vanish.
#[test]
fn the_kernel_asks_the_hosts_of_silent_peers_whether_they_are_there() {
    let server = server(0);
    for protocol in [Protocol::Native, Protocol::Plain] {
        let peer = Peer::connect(server.address(protocol));
        server.connection(&peer);
        let ports = [server.address(protocol), peer.stream().local_addr().expect("it is connected")];
        let [local, remote] = ports.map(|address| format!(":{:04X}", address.port()));
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = |fields: &Vec<&str>| fields[1].ends_with(&local) && fields[2].ends_with(&remote);
        let socket = fields.clone().find(ours).expect("a connected socket");
        assert!(socket[5].starts_with("02:"), "the timer of {protocol} is none of keepalive: {socket:?}");
    }
}
