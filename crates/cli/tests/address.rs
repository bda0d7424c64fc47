//! An address has exactly one server, whatever the timing, even if addresses overlap.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Process, ServerProcess};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// The number of servers started together.
const STARTS: usize = 40;

/// The first port to try; it is below the ephemeral range, from which other tests get their ports.
const FIRST_PORT: u16 = 20_000;

/// The number of ports over which runs of these tests spread, so that two runs do not try the same ones.
const SPREAD: u32 = 10_000;

static TRIED: AtomicU16 = AtomicU16::new(0);

/// Returns a port on which nobody listens.
fn free_port() -> u16 {
    let offset = u16::try_from(std::process::id() % SPREAD).expect("below the spread");
    loop {
        let port = FIRST_PORT + offset + TRIED.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

fn serve(listeners: &[String]) -> Process {
    let listen = listeners.iter().flat_map(|listener| ["--listen", listener]);
    Process::start(BINARY, ["serve", "--shards", "1"].into_iter().chain(listen))
}

/// Starts servers with these sets of listeners in turn, and asserts that exactly one of them runs.
fn exactly_one_runs(listeners: &[Vec<String>]) {
    let deadline = Deadline::after(corecast_testkit::DEADLINE * 3);
    let starts: Vec<_> = listeners.iter().cycle().take(STARTS).map(|set| serve(set)).collect();
    let mut running = Vec::new();
    for mut server in starts {
        if server.text_line(deadline).is_some() {
            running.push(server);
        } else {
            let finished = server.finish(deadline);
            let complaint = finished.complaint(2);
            assert!(complaint.contains("is in use"), "{complaint}");
        }
    }
    assert_eq!(running.len(), 1, "{listeners:?}");
    running[0].signal(Signal::TERM);
    assert!(running[0].wait(deadline).success());
}

fn native(address: &str, port: u16) -> String {
    format!("native://{address}:{port}")
}

#[test]
fn exactly_one_of_many_servers_started_together_runs() {
    exactly_one_runs(&[vec![native("127.0.0.1", free_port())]]);
}

#[test]
fn exactly_one_of_many_servers_on_overlapping_addresses_runs() {
    let port = free_port();
    exactly_one_runs(&[vec![native("0.0.0.0", port)], vec![native("127.0.0.1", port)]]);
    if TcpListener::bind(("::", 0)).is_err() {
        eprintln!("needs IPv6: overlaps with it were not tested");
        return;
    }
    let port = free_port();
    exactly_one_runs(&[vec![native("[::]", port)], vec![native("127.0.0.1", port)]]);
}

/// Neither server may hold an address that the other one waits for.
#[test]
fn exactly_one_of_many_servers_with_listeners_in_different_order_runs() {
    let (one, other) = (native("127.0.0.1", free_port()), native("127.0.0.1", free_port()));
    exactly_one_runs(&[vec![one.clone(), other.clone()], vec![other, one]]);
}

#[test]
fn a_server_starts_immediately_after_its_predecessor_was_killed() {
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let listen = ["--listen", &format!("native://{address}")];
    let mut server = ServerProcess::start(BINARY, &listen);
    for _ in 0..5 {
        let clients: Vec<_> = (0..8).map(|_| TcpStream::connect(address).expect("it listens")).collect();
        server.process.signal(Signal::KILL);
        let next = ServerProcess::start(BINARY, &listen);
        drop(std::mem::replace(&mut server, next));
        drop(clients);
    }
    assert_eq!(server.stop().code, 0);
}

#[test]
fn every_shard_of_a_server_gets_connections() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("admin.sock");
    let socket = socket.to_str().expect("UTF-8");
    let server = ServerProcess::start(BINARY, &["--shards", "3", "--admin-socket", socket]);
    // There are so many clients that the chance of a shard without a connection is negligible.
    let clients: Vec<_> =
        (0..60).map(|_| TcpStream::connect(server.address(Protocol::Native)).expect("it listens")).collect();
    let accepted = || {
        let status = Process::start(BINARY, ["admin", "--socket", socket, "status", "--json"]);
        let lines = String::from_utf8(status.finish(Deadline::start()).stdout).expect("UTF-8");
        let count = |line| serde_json::from_str::<serde_json::Value>(line).ok()?["accepted"].as_u64();
        lines.lines().map(|line| count(line).expect("a count")).collect::<Vec<_>>()
    };
    corecast_testkit::wait_until(Deadline::start(), "all to be accepted", || accepted().iter().sum::<u64>() == 60);
    assert!(accepted().iter().all(|count| *count > 0), "{:?}", accepted());
    drop(clients);
}

#[test]
fn overlapping_listeners_of_one_server_are_an_error() {
    let port = free_port();
    let finished = serve(&[native("0.0.0.0", port), native("127.0.0.1", port)]).finish(Deadline::start());
    let complaint = finished.complaint(2);
    let expected = format!("127.0.0.1:{port} overlaps with 0.0.0.0:{port}, another listener of this server");
    assert!(complaint.starts_with(&expected), "{complaint}");
}
