//! Promise 5, on the whole process: what connections took comes back when they have gone.

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, ServerProcess, wait_until};
use std::net::SocketAddr;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");
const CLIENTS: usize = 4;
const CONNECTIONS: usize = 100_000;

/// What may be left of one: nothing. What this many bytes each come to is what the allocator may keep.
const LEFT_BYTES: u64 = 20;

/// So many connections from several threads. Each ends with a reset, which leaves no port behind that waits.
fn come_and_go(address: SocketAddr, connections: usize) {
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for number in 0..connections / CLIENTS {
                    // An answer now and then keeps the clients from getting further ahead than the queue of those that
                    // wait to be accepted is long.
                    if number % 32 == 0 {
                        let mut peer = Peer::connect_native(address);
                        peer.subscribe(&format!("channel {number}"));
                        peer.reset();
                    } else {
                        Peer::connect(address).reset();
                    }
                }
            });
        }
    });
}

#[test]
fn memory_and_descriptors_return_when_a_hundred_thousand_connections_have_come_and_gone() {
    let server = ServerProcess::start(BINARY, &["--shards", "2"]);
    let address = server.address(Protocol::Native);
    let descriptors = server.process.descriptors();
    let rest = || wait_until(Deadline::start(), "all to be reaped", || server.process.descriptors() == descriptors);
    // The tables have their size, and the allocator what it keeps, when some have been there.
    come_and_go(address, CONNECTIONS / 5);
    rest();
    let before = server.process.memory().resident;
    come_and_go(address, CONNECTIONS);
    rest();
    let left = server.process.memory().resident.saturating_sub(before);
    println!("{} KiB are left", left / 1024);
    assert!(left < LEFT_BYTES * CONNECTIONS as u64, "{left} bytes are left");
    let finished = server.stop();
    let accepted = format!("{} connections accepted", CONNECTIONS + CONNECTIONS / 5);
    assert!(finished.stderr.contains(&accepted), "{finished:?}");
}
