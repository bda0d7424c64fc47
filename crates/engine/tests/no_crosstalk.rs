//! Promise 3: a message meant for a connection that is gone never reaches the connection that took its descriptor.
//!
//! Connections come in waves. Each connection subscribes to a channel of its own number and takes a few of its messages.
//! Then all of them reset amid the other messages, and the next wave connects at once. A publisher sends to the current
//! wave and to the one before it without a pause. So messages for connections that are gone are in flight everywhere they
//! can be: in the publisher's read, in a mailbox, in a log behind a full socket, in a batch of sends, in another shard's
//! fan-out. Each message names its addressee.
//!
//! The test verifies that the kernel reuses descriptors: the process keeps low numbers free for the server's sockets only,
//! and the kernel gives out the lowest free number.
//!
//! Seen to fail, in every run under each policy on one shard and on two, with a connection that closes its descriptor as
//! soon as it is found broken (`close(2)` in the task of the connection, while the policy still has the outlet): some connection
//! receives a message to one that is gone.

use corecast_engine::Protocol;
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};
use rustix::net::{AddressFamily, SocketType};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// Chains of waves that run at the same time, and also take over each other's descriptors.
const CHAINS: usize = 2;
const WAVES: usize = 24;
const WIDTH: usize = 16;
const CONNECTIONS: usize = CHAINS * WAVES * WIDTH;
const PAYLOAD: usize = 2 * 1024;
/// Batches that a publisher has sent and the server has not answered yet.
const UNDER_WAY: usize = 4;

/// The lowest descriptor of a client.
const CLIENTS_FROM: i32 = 512;

/// Connects with a high descriptor, which leaves the low numbers to the server.
fn connect(address: SocketAddr) -> Peer {
    let low = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let high = rustix::io::fcntl_dupfd_cloexec(&low, CLIENTS_FROM).expect("a high descriptor");
    drop(low);
    rustix::net::connect(&high, &address).expect("the server listens");
    Peer::over(TcpStream::from(high))
}

/// Returns the descriptors of the server's ends of these connections.
fn descriptors_of(peers: &[(String, Peer)]) -> Vec<i32> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("procfs");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let inodes: HashMap<_, _> =
        table.lines().map(words).map(|words| (words[1..3].to_vec(), words[9].clone())).collect();
    let of_inode = |entry: DirEntry| {
        let number = entry.file_name().to_str()?.parse::<i32>().ok()?;
        Some((std::fs::read_link(entry.path()).ok()?.into_os_string(), number))
    };
    let open = std::fs::read_dir("/proc/self/fd").expect("procfs").flatten();
    let open: HashMap<_, _> = open.filter_map(of_inode).collect();
    let descriptor = |(_, peer): &(String, Peer)| {
        let stream = peer.stream();
        let ends = [stream.peer_addr(), stream.local_addr()].map(|address| in_hex(address.expect("connected")));
        open[OsStr::new(&format!("socket:[{}]", inodes[&ends[..]]))]
    };
    peers.iter().map(descriptor).collect()
}

/// Returns an address in the kernel's notation.
fn in_hex(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("{address} is not IPv4") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

fn name(chain: usize, wave: usize, number: usize) -> String {
    format!("{chain}/{wave}/{number}")
}

/// Returns a message that consists of its addressee's name, repeated.
fn message_to(addressee: &str) -> Vec<u8> {
    addressee.bytes().cycle().take(PAYLOAD).collect()
}

/// Publishes to the current wave of a chain and to the one before it.
fn publish(mut peer: Peer, chain: usize, present: &AtomicUsize, done: &AtomicBool) {
    let mut under_way = 0;
    while !done.load(Ordering::Relaxed) {
        let mut bytes = Vec::new();
        let present = present.load(Ordering::Relaxed);
        for wave in present.saturating_sub(1)..=present {
            for number in 0..WIDTH {
                let name = name(chain, wave, number);
                let channel = ChannelName::new(&name).expect("a valid name");
                let publish = Publish { channel, payload: &message_to(&name), ack: None, no_echo: false };
                native::encode(&Frame::Publish(publish), &mut bytes);
            }
        }
        native::encode(&Frame::Ping(b"paced"), &mut bytes);
        peer.send(&bytes);
        // While the publisher waits for an answer, the server has the next messages.
        if under_way < UNDER_WAY {
            under_way += 1;
        } else {
            peer.expect_native(&Frame::Pong(b"paced"));
        }
    }
}

/// Takes messages, and checks that each is meant for this connection.
fn take_messages(peer: &mut Peer, own: &str) {
    let channel = ChannelName::new(own).expect("a valid name");
    for _ in 0..3 {
        peer.read_native(|frame| match frame {
            Frame::Message { channel: to, payload } => {
                assert!(*to == channel && *payload == message_to(own), "{own} got a message to {to:?}");
            }
            other => panic!("{own} got {other:?}"),
        });
    }
}

/// Runs one wave from beginning to end. Returns the descriptors of the server's ends.
fn wave(address: SocketAddr, names: impl Iterator<Item = String>) -> Vec<i32> {
    let mut peers: Vec<_> = names.map(|name| (name, connect(address))).collect();
    for (name, peer) in &mut peers {
        peer.greet();
        peer.subscribe(name);
    }
    let descriptors = descriptors_of(&peers);
    for (name, peer) in &mut peers {
        take_messages(peer, name);
    }
    for (_, peer) in peers {
        peer.reset();
    }
    descriptors
}

/// Runs all chains. Returns the number of connections that had a descriptor of an earlier one.
fn run_chains(address: SocketAddr) -> usize {
    let present: Vec<_> = (0..CHAINS).map(|_| AtomicUsize::new(0)).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let chains: Vec<_> = (0..CHAINS)
            .map(|chain| {
                let (present, done) = (&present[chain], &done);
                let mut publisher = connect(address);
                publisher.greet();
                scope.spawn(move || publish(publisher, chain, present, done));
                scope.spawn(move || {
                    let mut descriptors = HashSet::new();
                    for number in 0..WAVES {
                        present.store(number, Ordering::Relaxed);
                        descriptors.extend(wave(address, (0..WIDTH).map(|index| name(chain, number, index))));
                    }
                    WAVES * WIDTH - descriptors.len()
                })
            })
            .collect();
        // Joins every chain, even if one has failed, before the publishers are told to end.
        let chains: Vec<_> = chains.into_iter().map(ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        chains.into_iter().map(|chain| chain.unwrap_or_else(|panic| resume_unwind(panic))).sum()
    })
}

#[test]
fn nothing_meant_for_a_connection_that_has_gone_reaches_the_one_that_has_its_descriptor() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let again = run_chains(server.address(Protocol::Native));
        println!("{again} of {CONNECTIONS} had the descriptor of another before them");
        assert!(again > CONNECTIONS / 2, "only {again} descriptors were used again");
        server.stop();
    });
}
