//! The engine in the test's own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;

use corecast_engine::{Config, ConnectionId, Control, Listener, PolicyKind, Protocol, Server, Summary, allowed_cpus};

use crate::{DEADLINE, Deadline, Peer, wait_until};

/// A server in the test's process, stopped when dropped.
#[derive(Debug)]
pub struct LocalServer {
    server: Option<Server>,
    listeners: Vec<Listener>,
}

impl LocalServer {
    /// Returns a configuration with this number of shards, which share the CPUs that the test may run on, a listener of
    /// each protocol on a free port of loopback, and the default limits.
    ///
    /// # Panics
    /// If the CPUs cannot be determined.
    pub fn config(policy: PolicyKind, shards: usize) -> Config {
        let cpus = allowed_cpus().expect("the affinity of this thread");
        let on_loopback = |protocol: &Protocol| Listener::new(*protocol, (Ipv4Addr::LOCALHOST, 0));
        let listeners = Protocol::ALL.iter().map(on_loopback).collect();
        Config::new(listeners, cpus.into_iter().cycle().take(shards).collect()).with_policy(policy)
    }

    /// Starts a server, which accepts connections when this returns.
    ///
    /// # Panics
    /// If the server does not start.
    #[expect(clippy::needless_pass_by_value, reason = "a test makes the configuration for this one call")]
    pub fn start(config: Config) -> Self {
        let server = Server::start(&config).unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let listeners = server.listeners().to_vec();
        Self { server: Some(server), listeners }
    }

    /// Returns the address of the first listener of this protocol.
    ///
    /// # Panics
    /// If there is none.
    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        let mut listeners = self.listeners.iter();
        listeners.find(|listener| listener.protocol == protocol).expect("a listener of this protocol").address
    }

    /// Returns the handle that sends requests to the server.
    ///
    /// # Panics
    /// Never.
    pub fn control(&self) -> Control {
        self.server.as_ref().expect("only taken on stop and drop").control()
    }

    /// Returns the server's name for a connection, once it has accepted it.
    ///
    /// # Panics
    /// If the server has not accepted it by [`DEADLINE`].
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

    /// Stops the server and waits for its end.
    ///
    /// # Panics
    /// If the server does not end by [`DEADLINE`], or does not end cleanly.
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
            // The test has its result or is failing already, and a second panic would abort it.
            let _ = stop(server);
        }
    }
}

/// Runs a test with every policy that the build has, on one shard and on two, one after the other.
pub fn everywhere(test: impl Fn(PolicyKind, usize)) {
    for policy in PolicyKind::AVAILABLE {
        for shards in [1, 2] {
            // This is shown when the test fails, and identifies the case.
            println!("policy {policy}, {shards} shards");
            test(*policy, shards);
        }
    }
}

/// Waits in a separate thread, which may outlive the deadline.
fn stop(server: Server) -> Option<Result<Summary, corecast_engine::RunError>> {
    server.stop();
    let (sender, outcome) = mpsc::channel();
    std::thread::spawn(move || drop(sender.send(server.wait())));
    outcome.recv_timeout(DEADLINE).ok()
}
