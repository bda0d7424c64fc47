//! Both variants of the floor pass on every byte, and drop only a connection that takes none.

use corecast_engine::Protocol;
use corecast_testkit::{DEADLINE, Peer, Process, ServerProcess};
use corecast_wire::plain;
use std::io::{ErrorKind, Read as _};

/// More connections than one submission holds, but less than two.
const CONNECTIONS: usize = 100;

fn start(arguments: &[&str]) -> ServerProcess {
    let mut command = Process::command(env!("CARGO_BIN_EXE_floor"));
    command.args(arguments).arg("127.0.0.1:0");
    ServerProcess::spawn(command, 1)
}

/// Connects a peer that receives its own message; from then on it receives everything.
fn join(floor: &ServerProcess) -> Peer {
    let mut peer = Peer::connect(floor.address(Protocol::Plain));
    peer.send_plain(b"here");
    peer.expect_plain(b"here");
    peer
}

/// Encodes a frame in which every byte depends on its number.
fn frame(number: usize, payload: usize) -> Vec<u8> {
    let byte = |index: usize| u8::try_from((index * 31 + number) % 251).expect("below 251");
    let mut frame = Vec::new();
    plain::encode(&(0..payload).map(byte).collect::<Vec<_>>(), &mut frame);
    frame
}

/// Checks that every byte of every connection reaches every connection, in order.
fn passes_on_every_byte(arguments: &[&str]) {
    let floor = start(arguments);
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..CONNECTIONS {
        let newcomer = join(&floor);
        for peer in &mut peers {
            peer.expect_plain(b"here");
        }
        peers.push(newcomer);
    }
    for (number, payload) in [0, 1, 64, 4_000, 60_000].into_iter().enumerate() {
        let frame = frame(number, payload);
        peers[number * 7].send(&frame);
        for peer in &mut peers {
            peer.expect(&frame);
        }
    }
}

/// Checks that a connection that reads nothing is ended after a part of the stream, and that one that reads misses
/// nothing.
fn drops_who_takes_nothing(arguments: &[&str]) {
    const PAYLOAD: usize = 16_000;
    let floor = start(arguments);
    let stalled = join(&floor);
    let mut reader = join(&floor);
    let mut sent = frame_of_here();
    let enough = 2 * largest_send_buffer();
    while sent.len() < enough {
        let frame = frame(sent.len(), PAYLOAD);
        reader.send(&frame);
        reader.expect(&frame);
        sent.extend_from_slice(&frame);
    }
    let got = read_to_end(&stalled);
    assert!(got.len() < sent.len() && sent.starts_with(&got), "{} of {} bytes", got.len(), sent.len());
}

/// Returns the bytes to which the kernel lets the send buffer of a socket grow. The receive buffer grows only if it is
/// read from.
fn largest_send_buffer() -> usize {
    let bounds = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").expect("the kernel's bounds");
    bounds.split_whitespace().nth(2).and_then(|largest| largest.parse().ok()).expect("three numbers")
}

/// Returns the frame that the stalled connection gets when the reader arrives.
fn frame_of_here() -> Vec<u8> {
    let mut frame = Vec::new();
    plain::encode(b"here", &mut frame);
    frame
}

fn read_to_end(peer: &Peer) -> Vec<u8> {
    let mut got = Vec::new();
    let mut stream = peer.stream();
    stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
    match stream.read_to_end(&mut got) {
        Ok(_) => got,
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("still connected behind {} bytes", got.len()),
        Err(error) => panic!("cannot read: {error}"),
    }
}

#[test]
fn a_call_for_each_send_passes_on_every_byte() {
    passes_on_every_byte(&[]);
    passes_on_every_byte(&["--sends", "call"]);
}

#[test]
fn a_ring_passes_on_every_byte() {
    passes_on_every_byte(&["--sends", "ring"]);
}

#[test]
fn a_ring_is_made_where_it_is_asked_for() {
    for (arguments, expected) in [(&[][..], false), (&["--sends", "ring"], true)] {
        let floor = start(arguments);
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", floor.process.id())).expect("its descriptors");
        let is_ring = |link: std::path::PathBuf| link.to_string_lossy().contains("io_uring");
        let mut links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        assert_eq!(links.any(is_ring), expected, "{arguments:?}");
    }
}

#[test]
fn a_call_for_each_send_drops_who_takes_nothing() {
    drops_who_takes_nothing(&["--sends", "call"]);
}

#[test]
fn a_ring_drops_who_takes_nothing() {
    drops_who_takes_nothing(&["--sends", "ring"]);
}

#[test]
fn the_cpu_may_follow_the_address() {
    let allowed = rustix::thread::sched_getaffinity(None).expect("the CPUs of this test");
    let cpu = (0..rustix::thread::CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu)).expect("one");
    let mut command = Process::command(env!("CARGO_BIN_EXE_floor"));
    command.args(["127.0.0.1:0", &cpu.to_string()]);
    let floor = ServerProcess::spawn(command, 1);
    join(&floor);
    let pid = i32::try_from(floor.process.id()).ok().and_then(rustix::process::Pid::from_raw);
    let pinned = rustix::thread::sched_getaffinity(pid).expect("the CPUs of the floor");
    assert!(pinned.count() == 1 && pinned.is_set(cpu), "only CPU {cpu}");
}
