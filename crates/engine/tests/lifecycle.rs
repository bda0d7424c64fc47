//! A connection may be closed from anywhere and at any moment. It is told the reason once, if that is possible, and no
//! other connection is disturbed.

use corecast_engine::{Config, ConnectionId, DisconnectRecord, PolicyKind, Protocol};
use corecast_testkit::{Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// More than the socket buffers of both ends hold (at most 4 and 6 MiB by default).
const FLOOD: usize = 30;
const FLOOD_PAYLOAD: usize = 1_000_000;

fn server(policy: PolicyKind, shards: usize, set: impl Fn(&mut Config)) -> LocalServer {
    let mut config = LocalServer::config(policy, shards);
    config.limits.linger = Duration::from_millis(200);
    set(&mut config);
    LocalServer::start(config)
}

fn subscriber(server: &LocalServer) -> Peer {
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("news");
    peer
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn publish(payload: &[u8]) -> Frame<'_> {
    Frame::Publish(Publish { channel: news(), payload, ack: None, no_echo: false })
}

fn message(payload: &[u8]) -> Frame<'_> {
    Frame::Message { channel: news(), payload }
}

fn flood(server: &LocalServer) {
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    let payload = vec![7; FLOOD_PAYLOAD];
    for token in 0..u32::try_from(FLOOD).expect("a small number") {
        let publish = Publish { channel: news(), payload: &payload, ack: Some(token), no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        publisher.expect_native(&Frame::Published { token });
    }
}

/// Returns the only journal record of a connection, once it has left.
fn record(server: &LocalServer, id: ConnectionId) -> DisconnectRecord {
    let mut found = Vec::new();
    wait_until(Deadline::start(), "the connection to leave", || {
        found = server.control().journal().expect("the server runs");
        found.retain(|record| record.connection == id);
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn an_administrator_closes_a_connection_of_any_shard_once_and_no_other() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |_| {});
        let mut peers: Vec<_> = (0..8).map(|_| subscriber(&server)).collect();
        let control = server.control();
        for mut peer in peers.drain(..4) {
            let id = server.connection(&peer);
            assert_eq!(control.close(id, Code::Administrator, "for maintenance"), Ok(true));
            assert_eq!(control.close(id, Code::Lagged, "the second time"), Ok(false));
            peer.read_native(|frame| {
                let Frame::Close(reason) = frame else { panic!("{frame:?}") };
                assert_eq!((reason.code, reason.text), (Code::Administrator.number(), "for maintenance"));
            });
            peer.expect_end();
            drop(peer);
            let record = record(&server, id);
            assert_eq!((record.code, record.backlog.channels), (Code::Administrator, 1));
            // By now another connection may have its slot.
            assert_eq!(control.close(id, Code::Administrator, "too late"), Ok(false));
        }
        peers[0].send_native(&publish(b"still here"));
        for peer in &mut peers {
            peer.expect_native(&message(b"still here"));
        }
        assert_eq!(server.stop().closed[&Code::Administrator], 4);
    });
}

#[test]
fn a_shard_or_slot_that_is_not_there_has_nothing_to_close() {
    let server = server(PolicyKind::Sharded, 2, |_| {});
    for (shard, slot) in [(0, 0), (1, 4_000_000_000), (2, 0), (u16::MAX, 7)] {
        let id = ConnectionId { shard, slot, generation: 0 };
        assert_eq!(server.control().close(id, Code::Administrator, ""), Ok(false), "{id}");
    }
}

#[test]
fn a_connection_that_is_closed_while_its_socket_is_full_does_not_outlive_its_linger_time() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| config.limits.log_bytes = 64 << 20);
        let stalled = subscriber(&server);
        let id = server.connection(&stalled);
        flood(&server);
        assert_eq!(server.control().close(id, Code::Administrator, "blocked"), Ok(true));
        let record = record(&server, id);
        assert_eq!((record.code, &*record.reason), (Code::Administrator, "blocked"));
        assert!(record.backlog.bytes_behind > FLOOD_PAYLOAD, "{record:?}");
        // Its shard continues.
        let mut other = subscriber(&server);
        other.send_native(&publish(b"next"));
        other.expect_native(&message(b"next"));
    });
}

#[test]
fn a_reset_by_an_administrator_says_nothing() {
    let server = server(PolicyKind::Sharded, 2, |_| {});
    let mut peer = subscriber(&server);
    let id = server.connection(&peer);
    assert_eq!(server.control().close(id, Code::Reset, "at once"), Ok(true));
    peer.expect_end();
    assert_eq!(record(&server, id).code, Code::Reset);
}

/// Reads numbered messages until the subscriber is closed, or has all of them. Returns the number read.
fn read_until(peer: &mut Peer, last: &AtomicU32, is_closed: bool) -> u32 {
    let mut next = 0;
    while is_closed || next < last.load(Ordering::SeqCst) {
        let goes_on = peer.read_native(|frame| match frame {
            Frame::Message { payload, .. } => {
                assert_eq!(*payload, next.to_be_bytes());
                true
            }
            Frame::Close(reason) if is_closed => {
                assert_eq!(reason.code, Code::Administrator.number());
                false
            }
            other => panic!("{other:?}"),
        });
        if !goes_on {
            break;
        }
        next += 1;
    }
    next
}

/// The flush sends once per turn, and more is published before the earlier messages have left. So the closes fall between
/// the turns of a flush, and a closed connection has received some of the messages but not all.
#[test]
fn connections_that_are_closed_during_a_flush_leave_the_others_complete() {
    const BATCH: u32 = 50;
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| {
            config.tuning.flush_budget = 1;
            config.limits.linger = Duration::from_secs(2);
        });
        let peers: Vec<_> = (0..32).map(|_| subscriber(&server)).collect();
        let ids: Vec<_> = peers.iter().map(|peer| server.connection(peer)).collect();
        let (control, last) = (server.control(), AtomicU32::new(u32::MAX));
        let mut publisher = subscriber(&server);
        let mut publish_from = |begin: u32| {
            let mut bytes = Vec::new();
            (begin..begin + BATCH).for_each(|number| native::encode(&publish(&number.to_be_bytes()), &mut bytes));
            publisher.send(&bytes);
            // Waiting for the batch before keeps the publisher from getting far ahead.
            for number in begin.saturating_sub(BATCH)..begin {
                publisher.expect_native(&message(&number.to_be_bytes()));
            }
            begin + BATCH
        };
        let read = std::thread::scope(|scope| {
            let mut next = (0..10).fold(0, |next, _| publish_from(next));
            let last = &last;
            let read =
                |(index, mut peer): (usize, Peer)| scope.spawn(move || read_until(&mut peer, last, index % 2 == 1));
            let reading: Vec<_> = peers.into_iter().enumerate().map(read).collect();
            let closing = scope.spawn(|| {
                let close = |id: &ConnectionId| control.close(*id, Code::Administrator, "amid a flush");
                ids.iter().skip(1).step_by(2).map(close).collect::<Vec<_>>()
            });
            // Messages published before the reason is sent may still arrive.
            while !reading.iter().skip(1).step_by(2).all(ScopedJoinHandle::is_finished) {
                next = publish_from(next);
            }
            // Stored before the batch is sent, so that a subscriber that has read the batch knows that it was the last.
            last.store(next + BATCH, Ordering::SeqCst);
            publish_from(next);
            let closed = closing.join().expect("the shards answer");
            assert!(closed.iter().all(|closed| *closed == Ok(true)), "{closed:?}");
            reading.into_iter().map(|reader| reader.join().expect("it read what it should")).collect::<Vec<_>>()
        });
        let all = last.load(Ordering::SeqCst);
        assert!(read.iter().step_by(2).all(|count| *count == all), "of {all}: {read:?}");
        let closed: Vec<_> = read.iter().skip(1).step_by(2).collect();
        assert!(closed.iter().all(|count| **count < all), "of {all}: {closed:?}");
        assert!(closed.iter().any(|count| **count > 0), "of {all}: {closed:?}");
    });
}

#[test]
fn who_closes_itself_from_its_own_handler_gets_what_it_published_before() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |_| {});
        let mut peer = subscriber(&server);
        let id = server.connection(&peer);
        let mut bytes = Vec::new();
        native::encode(&publish(b"last words"), &mut bytes);
        native::encode(&Frame::Close(native::Reason::new(Code::Normal, "")), &mut bytes);
        native::encode(&publish(b"unheard"), &mut bytes);
        peer.send(&bytes);
        peer.expect_native(&message(b"last words"));
        peer.expect_refusal(Code::Normal);
        drop(peer);
        assert_eq!(record(&server, id).code, Code::Normal);
    });
}

#[test]
fn a_connection_that_anothers_broadcast_ends_does_not_disturb_the_broadcast() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| {
            config.limits.native_lag = corecast_engine::LagRule::Disconnect;
            config.limits.log_bytes = 2 * FLOOD_PAYLOAD;
        });
        let stalled = subscriber(&server);
        let id = server.connection(&stalled);
        let mut reader = subscriber(&server);
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        let payload = vec![7; FLOOD_PAYLOAD];
        for _ in 0..FLOOD {
            // One after the other, so that only the subscriber that reads nothing falls behind.
            publisher.send_native(&publish(&payload));
            reader.expect_native(&message(&payload));
        }
        let record = record(&server, id);
        assert_eq!((record.code, record.backlog.channels), (Code::Lagged, 1));
        assert!(record.backlog.bytes_behind > 0, "{record:?}");
    });
}
