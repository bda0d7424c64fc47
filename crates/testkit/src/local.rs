//! The engine in the test's own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;

use corecast_engine::{Config, ConnectionId, Control, Listener, PolicyKind, Protocol, Server, Summary};
use rustix::thread::CpuSet;

use crate::{DEADLINE, Deadline, Peer, wait_until};

/// A server of the test's own; stopped when dropped.
#[derive(Debug)]
pub struct LocalServer {
    server: Option<Server>,
    listeners: Vec<Listener>,
}

impl LocalServer {
    /// A configuration with this many shards, round the CPUs that the test may run on, a listener of each
    /// protocol on a free port of loopback, and the default limits.
    ///
    /// # Panics
    /// If the CPUs cannot be told.
    pub fn config(policy: PolicyKind, shards: usize) -> Config {
        let allowed = rustix::thread::sched_getaffinity(None).expect("the affinity of this thread");
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let listeners = Protocol::ALL.iter().map(|protocol| on_loopback(*protocol)).collect();
        Config { policy, ..Config::new(listeners, cpus.into_iter().cycle().take(shards).collect()) }
    }

    /// Starts a server; it accepts when this returns.
    ///
    /// # Panics
    /// If it does not start.
    #[expect(clippy::needless_pass_by_value, reason = "a test makes the configuration for this one call")]
    pub fn start(config: Config) -> Self {
        let server = Server::start(&config).unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let listeners = server.listeners().to_vec();
        Self { server: Some(server), listeners }
    }

    /// The address of its first listener of this protocol.
    ///
    /// # Panics
    /// If it has none.
    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        let mut listeners = self.listeners.iter();
        listeners.find(|listener| listener.protocol == protocol).expect("a listener of this protocol").address
    }

    /// What asks things of it.
    ///
    /// # Panics
    /// Never.
    pub fn control(&self) -> Control {
        self.server.as_ref().expect("only taken on stop and drop").control()
    }

    /// The server's name for a connection, once it has accepted it.
    ///
    /// # Panics
    /// If it has not by [`DEADLINE`].
    pub fn connection(&self, peer: &Peer) -> ConnectionId {
        let address = peer.stream().local_addr().expect("a connected socket has an address");
        let mut found = None;
        wait_until(Deadline::start(), "the connection to be accepted", || {
            let connections = self.control().connections().expect("the server runs");
            found = connections.iter().find(|connection| connection.peer == address).map(|connection| connection.id);
            found.is_some()
        });
        found.expect("waited for")
    }

    /// Stops it and waits for its end.
    ///
    /// # Panics
    /// If it does not end by [`DEADLINE`], or not cleanly.
    pub fn stop(mut self) -> Summary {
        let server = self.server.take().expect("only taken here and on drop");
        match stop(server) {
            Some(outcome) => outcome.unwrap_or_else(|error| panic!("the server did not end cleanly: {error}")),
            None => panic!("the deadline passed waiting for the server to end"),
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // The test has its result, or is failing already; a second panic would abort it.
            let _ = stop(server);
        }
    }
}

/// Runs a test with every policy that the build has, on one shard and on two, one after the other.
pub fn everywhere(test: impl Fn(PolicyKind, usize)) {
    for policy in PolicyKind::AVAILABLE {
        for shards in [1, 2] {
            // Shown when the test fails: which one it was.
            println!("policy {policy}, {shards} shards");
            test(*policy, shards);
        }
    }
}

/// Waits in a thread of its own, which outlives the deadline if it must.
fn stop(server: Server) -> Option<Result<Summary, corecast_engine::RunError>> {
    server.stop();
    let (sender, outcome) = mpsc::channel();
    std::thread::spawn(move || drop(sender.send(server.wait())));
    outcome.recv_timeout(DEADLINE).ok()
}

fn on_loopback(protocol: Protocol) -> Listener {
    Listener {
        protocol,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        channel: None,
        lag: None,
        idle_timeout: None,
    }
}
