//! The dialects of other servers, tested against those servers.
//!
//! Each test runs where its server is installed, and reports where it is not.

use corecast_loadgen::{Load, Protocol, Settings, run};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that is killed when it is dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn check(protocol: Protocol, command: impl FnOnce(u16) -> Command) {
    let free: SocketAddr = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut command = command(free.port());
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if spawned.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        eprintln!("not tested: {} is not installed", command.get_program().display());
        return;
    }
    let _peer = Peer(spawned.expect("an installed server runs"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(free).is_err() {
        assert!(Instant::now() < deadline, "{protocol} does not listen");
        std::thread::yield_now();
    }
    for load in [Load::Paced { rate: 500 }, Load::Saturate { in_flight: 64 }] {
        let settings = Settings {
            channels: 3,
            warmup: Duration::from_millis(100),
            duration: Duration::from_millis(500),
            ..Settings::new(free, protocol, load)
        };
        let report = run(&settings).expect("a report");
        assert!(report.passed(), "{protocol}, {load}: {}", report.checks);
        assert_eq!(report.deliveries.arrived, report.deliveries.expected);
    }
}

#[test]
fn redis_passes() {
    check(Protocol::Redis, |port| {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
        command
    });
}

#[test]
fn nats_passes() {
    check(Protocol::Nats, |port| {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command
    });
}
