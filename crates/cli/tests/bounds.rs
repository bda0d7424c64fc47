//! Promise 5, on the whole process: the resources that connections used are returned when they have gone.

use std::net::SocketAddr;
use std::ops::Range;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, ServerProcess, wait_until};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");
const CLIENTS: usize = 4;

/// The number of connections in each of the two parts. In the first, the tables reach their size and the allocator what
/// it keeps.
const CONNECTIONS: usize = 50_000;

/// One connection in this number sends HELLO and subscribes. It waits for the answers, so the clients do not get
/// further ahead than the accept queue is long.
const SUBSCRIBES: usize = 6;

/// The bytes that each connection may leave behind; it should leave nothing. This allows for pages that the allocator
/// may keep. A subscription would leave at least an entry of a table, which is larger.
const LEFT_BYTES: u64 = 4;

/// Opens and closes the connections with these numbers, from several threads. Each ends with a reset, which leaves no
/// port in `TIME_WAIT`.
fn come_and_go(address: SocketAddr, numbers: &Range<usize>) {
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let own = numbers.clone().skip(client).step_by(CLIENTS);
                for (count, number) in own.enumerate() {
                    let mut peer = Peer::connect(address);
                    if count % SUBSCRIBES == 0 {
                        subscribe(&mut peer, client, number);
                    }
                    peer.reset();
                }
            });
        }
    });
}

/// Sends HELLO and subscribes, half of the time to a channel that nobody else ever names.
fn subscribe(peer: &mut Peer, client: usize, number: usize) {
    let is_new = (number / (CLIENTS * SUBSCRIBES)).is_multiple_of(2);
    let name = if is_new { format!("channel {number}") } else { format!("channel of client {client}") };
    let channel = ChannelName::new(&name).expect("a valid name");
    let mut bytes = Vec::new();
    native::encode(&Frame::Hello { version: native::VERSION }, &mut bytes);
    native::encode(&Frame::Subscribe(channel.into()), &mut bytes);
    peer.send(&bytes);
    peer.read_native(|frame| assert!(matches!(frame, Frame::Welcome { .. }), "{frame:?}"));
    peer.expect_native(&Frame::Subscribed(channel));
}

#[test]
fn memory_and_descriptors_return_when_a_hundred_thousand_connections_have_come_and_gone() {
    let server = ServerProcess::start(BINARY, &["--shards", "2"]);
    let address = server.address(Protocol::Native);
    let descriptors = server.process.descriptors();
    let resident = [0, CONNECTIONS].map(|first| {
        come_and_go(address, &(first..first + CONNECTIONS));
        wait_until(Deadline::start(), "all to be reaped", || server.process.descriptors() == descriptors);
        server.process.memory().resident
    });
    let left = resident[1].saturating_sub(resident[0]);
    println!("{} KiB are left", left / 1024);
    assert!(left < LEFT_BYTES * CONNECTIONS as u64, "{left} bytes are left");
    let finished = server.stop();
    let accepted = format!("{} connections accepted", 2 * CONNECTIONS);
    assert!(finished.stderr.contains(&accepted), "{finished:?}");
}
