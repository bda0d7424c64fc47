//! Promise 3: a message meant for a connection that has gone never reaches the connection that took its descriptor.
//!
//! Connections follow one another: each subscribes to a channel of its own number, takes a few of its messages and resets
//! in the middle of the others, and the next one connects at once. A publisher sends to the present one and to the two
//! before it without a pause, so that messages for those are under way wherever they can be: in the publisher's read, in
//! a mailbox, in a log behind a full socket, in a batch of sends. All messages name their addressee.
//!
//! That the kernel gives out the same descriptor again is looked up: the process has low numbers for the server's sockets
//! only, and the kernel gives out the lowest.
//!
//! Seen to fail, under each policy, with a connection that closes its descriptor as soon as it reads the reset
//! (`close(2)` in `connection::turn` where the socket is found broken, while the policy still holds it): some connection gets
//! a message to the one before it, mostly among the first ten.

use corecast_engine::Protocol;
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};
use rustix::net::{AddressFamily, SocketType};
use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// Chains of connections side by side, which take over each other's descriptors too.
const CHAINS: usize = 3;
const CONNECTIONS: usize = 60;
const PAYLOAD: usize = 8 * 1024;

/// Numbers from here on are the clients'.
const CLIENTS_FROM: i32 = 512;

/// Connects with a descriptor that leaves the low numbers to the server.
fn connect(address: SocketAddr) -> Peer {
    let low = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let high = rustix::io::fcntl_dupfd_cloexec(&low, CLIENTS_FROM).expect("a high descriptor");
    drop(low);
    rustix::net::connect(&high, &address).expect("the server listens");
    Peer::over(TcpStream::from(high))
}

/// The descriptor of the server's end of a connection.
fn descriptor_of(peer: &Peer) -> i32 {
    let in_hex = |address: SocketAddr| match address {
        SocketAddr::V4(address) => {
            format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
        }
        SocketAddr::V6(address) => panic!("{address} is not IPv4"),
    };
    let stream = peer.stream();
    let ends = [stream.peer_addr(), stream.local_addr()].map(|address| in_hex(address.expect("connected")));
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("procfs");
    let inode = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find_map(|words| (words[1..3] == ends).then(|| words[9].to_owned()))
        .expect("an open connection is listed");
    let link = format!("socket:[{inode}]");
    let entries = std::fs::read_dir("/proc/self/fd").expect("procfs").flatten();
    let mut names = entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == &*link));
    let name = names.next().expect("the server has accepted it").file_name();
    name.to_str().and_then(|name| name.parse().ok()).expect("a number")
}

fn name(chain: usize, number: usize) -> String {
    format!("{chain}/{number}")
}

/// A message that says in its first bytes, and in all that follow, whom it is for.
fn message_to(addressee: &str) -> Vec<u8> {
    addressee.bytes().cycle().take(PAYLOAD).collect()
}

/// Publishes to the present connection of a chain and the two before it.
fn publish(mut peer: Peer, chain: usize, present: &AtomicUsize, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let mut bytes = Vec::new();
        let present = present.load(Ordering::Relaxed);
        for number in present.saturating_sub(2)..=present {
            let name = name(chain, number);
            let channel = ChannelName::new(&name).expect("a valid name");
            for _ in 0..4 {
                let publish = Publish { channel, payload: &message_to(&name), ack: None, no_echo: false };
                native::encode(&Frame::Publish(publish), &mut bytes);
            }
        }
        native::encode(&Frame::Ping(b"paced"), &mut bytes);
        peer.send(&bytes);
        peer.expect_native(&Frame::Pong(b"paced"));
    }
}

/// One connection of a chain: nothing but what is meant for it comes. The descriptor of the server's end.
fn live(mut peer: Peer, own: &str) -> i32 {
    let channel = ChannelName::new(own).expect("a valid name");
    peer.greet();
    let descriptor = descriptor_of(&peer);
    peer.subscribe(own);
    for _ in 0..5 {
        peer.read_native(|frame| match frame {
            Frame::Message { channel: to, payload } => {
                assert!(*to == channel && *payload == message_to(own), "{own} got a message to {to:?}");
            }
            other => panic!("{own} got {other:?}"),
        });
    }
    peer.reset();
    descriptor
}

/// How often a connection had the descriptor of one before it, in all chains.
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
                    for number in 0..CONNECTIONS {
                        present.store(number, Ordering::Relaxed);
                        descriptors.insert(live(connect(address), &name(chain, number)));
                    }
                    CONNECTIONS - descriptors.len()
                })
            })
            .collect();
        // All of them have ended before the publishers are told to, whether they held or not.
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
        println!("{again} of {} had the descriptor of another before them", CHAINS * CONNECTIONS);
        assert!(again > CHAINS * CONNECTIONS / 2, "only {again} descriptors were used again");
        server.stop();
    });
}
