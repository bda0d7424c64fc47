//! A test of the end of a server after one shard has panicked, with a policy that panics.

use super::Server;
use crate::config::{Config, Listener, Protocol};
use crate::error::RunError;
use crate::net::Socket;
use corecast_fanout::{
    Backlog, ConnectionId, Counters, Effect, Encoding, Hooks, Item, LagRule, Policy, Publication, ShardBatch, ShardId,
    TooManySubscriptions,
};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Panics at the first connection.
#[derive(Default)]
struct Panicking(ShardBatch);

impl Hooks for Panicking {}

impl Policy<Socket> for Panicking {
    type Item = Item;

    fn open(&mut self, _: Socket, _: Encoding) -> ConnectionId {
        panic!("an invariant is broken")
    }

    fn shard_batch(&mut self, _: ShardId) -> &mut ShardBatch {
        &mut self.0
    }

    fn flush(&mut self, _: usize) -> bool {
        false
    }

    fn is_between_rounds(&self) -> bool {
        true
    }

    fn is_saturated(&self) -> bool {
        false
    }

    fn take_effect(&mut self) -> Option<Effect> {
        None
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn pending_bytes(&self, _: ConnectionId) -> usize {
        0
    }

    fn backlog(&self, _: ConnectionId) -> Backlog {
        Backlog::default()
    }

    fn subscribe_with(
        &mut self,
        _: ConnectionId,
        _: &str,
        _: Option<LagRule>,
        _: &[u8],
    ) -> Result<(), TooManySubscriptions> {
        Ok(())
    }

    fn awaits_subscription(&self, _: ConnectionId) -> bool {
        false
    }

    fn end(&mut self, _: ConnectionId, _: &[u8]) {}
    fn awaits_others(&self, _: ConnectionId) -> bool {
        false
    }

    fn finished(&mut self, _: ShardId) {}

    fn close(&mut self, _: ConnectionId) {}
    fn answer(&mut self, _: ConnectionId, _: &[u8]) {}
    fn unsubscribe(&mut self, _: ConnectionId, _: &str, _: &[u8]) {}
    fn publish(&mut self, _: ConnectionId, _: &Publication<'_>) {}
    fn writable(&mut self, _: ConnectionId) {}
    fn post(&mut self) {}
    fn receive(&mut self, _: ShardId, _: ShardBatch) {}
}

#[test]
fn whoever_waits_for_the_server_is_told_which_shard_panicked_and_why() {
    let cpu = rustix::thread::sched_getcpu();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = Listener { protocol: Protocol::Plain, address, channel: None, lag: None, idle_timeout: None };
    let config = Config::new(vec![listener], vec![cpu, cpu]);
    let server = Server::start_with(&config, |start| start.all(|_| Panicking::default)).expect("it starts");
    let control = server.control();
    let _client = TcpStream::connect(server.listeners()[0].address).expect("it listens");
    let (report, outcome) = flume::bounded(1);
    std::thread::spawn(move || drop(report.send(server.wait())));
    let outcome = outcome.recv_timeout(Duration::from_secs(10)).expect("it does not go on half alive");
    let Err(RunError::Panicked { shard, message }) = outcome else { panic!("{outcome:?}") };
    assert!(shard < 2 && message == "an invariant is broken", "shard {shard}: {message}");
    control.stop();
}
