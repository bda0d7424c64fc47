//! Promise 4, on the whole process: a peer that does not complete its frames or does not read costs bounded memory, and
//! costs other peers nothing. `crates/engine/tests/isolation.rs` covers peers that lag.

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{Peer, ServerProcess, allow_descriptors};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn publish(payload: &[u8]) -> Frame<'_> {
    Frame::Publish(Publish { channel: news(), payload, ack: None, no_echo: false })
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn subscriber(server: &ServerProcess) -> Peer {
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("news");
    peer
}

/// Checks that the peers receive each other's messages.
fn exchange(peers: &mut [Peer], payload: &[u8]) {
    peers[0].send_native(&publish(payload));
    for peer in peers {
        peer.expect_native(&Frame::Message { channel: news(), payload });
    }
}

/// Each announces the largest possible frame: 2 GiB in all.
#[test]
fn two_thousand_half_frames_end_by_their_deadline_cost_what_was_sent_and_hold_nobody_up() {
    const HALF: usize = 2_000;
    if !allow_descriptors(HALF as u64 + 100) {
        return;
    }
    let server = ServerProcess::start(BINARY, &["--shards", "2", "--frame-timeout", "5s"]);
    let mut healthy: Vec<_> = (0..4).map(|_| subscriber(&server)).collect();
    let before = server.process.memory().resident;
    let mut half_frame = u32::to_be_bytes(1 << 20).to_vec();
    half_frame.resize(64, b'x');
    let halves: Vec<_> = (0..HALF)
        .map(|_| {
            let mut peer = Peer::connect_native(server.address(Protocol::Native));
            peer.send(&half_frame);
            peer
        })
        .collect();
    for (number, mut peer) in halves.into_iter().enumerate() {
        if number % 100 == 0 {
            exchange(&mut healthy, format!("beside {number}").as_bytes());
        }
        peer.expect_refusal(Code::FrameTimeout);
    }
    exchange(&mut healthy, b"behind them");
    let grown = server.process.memory().peak - before;
    println!("{} KiB for {HALF} half frames", grown / KIB);
    assert!(grown < HALF as u64 * 16 * KIB, "{} KiB for each", grown / KIB / HALF as u64);
    let finished = server.stop();
    assert!(finished.stderr.contains(&format!("frame_timeout {HALF}")), "{finished:?}");
}

#[test]
fn a_gibibyte_past_subscribers_that_do_not_read_takes_no_more_memory_than_the_logs_may() {
    const LOG_MIB: u64 = 2;
    const STALLED: u64 = 8;
    // There is a log in each of two shards, and the contents of the mailboxes between them. In the baselines, each
    // subscriber has its own.
    for (policy, mebibytes, at_most) in
        [(PolicyKind::Sharded, 1024, 16), (PolicyKind::Mutex, 256, 32), (PolicyKind::Snapshot, 256, 32)]
    {
        let log_bytes = format!("{LOG_MIB}MiB");
        let limits = ["--log-bytes", &log_bytes, "--mailbox-capacity", "32", "--write-timeout", "600s"];
        let server =
            ServerProcess::start(BINARY, &[&["--shards", "2", "--policy", policy.name()], &limits[..]].concat());
        let stalled: Vec<_> = (0..STALLED).map(|_| subscriber(&server)).collect();
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        let before = server.process.memory().resident;
        let (payload, mut mebibyte) = (vec![b'x'; 64 * 1024], Vec::new());
        for _ in 0..16 {
            native::encode(&publish(&payload), &mut mebibyte);
        }
        for _ in 0..mebibytes {
            publisher.send(&mebibyte);
        }
        publisher.send_native(&Frame::Ping(b"all read"));
        publisher.expect_native(&Frame::Pong(b"all read"));
        let grown = server.process.memory().peak - before;
        println!("{policy}: {} KiB for {mebibytes} MiB", grown / KIB);
        assert!(grown < at_most * MIB, "{policy}: {} KiB", grown / KIB);
        // The other connections are still served.
        exchange(&mut [subscriber(&server)], b"still here");
        drop(stalled);
        let finished = server.stop();
        let accounted = format!("{} messages published", mebibytes * 16 + 1);
        assert!(finished.stderr.contains(&accounted), "{finished:?}");
    }
}
