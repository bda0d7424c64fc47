//! Promise 5: every queue has a bound, and reaching it has one effect. This file covers the mailboxes and the connections.

use corecast_engine::{PolicyKind, Protocol, Server};
use corecast_testkit::{Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};

/// Every client floods one channel and subscribes to all. With mailboxes of one shard batch, both shards are full for each
/// other most of the time.
#[test]
fn mailboxes_of_one_shard_batch_neither_deadlock_nor_lose_a_message() {
    const PEERS: usize = 16;
    const MESSAGES: u32 = 3_000;
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.mailbox_capacity = 1;
        config.limits.log_bytes = 64 * 1024 * 1024;
        let server = LocalServer::start(config);
        let names: Vec<_> = (0..PEERS).map(|peer| format!("flood {peer}")).collect();
        let mut readers: Vec<_> = (0..PEERS).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect();
        for reader in &mut readers {
            for name in &names {
                reader.subscribe(name);
            }
        }
        std::thread::scope(|scope| {
            for name in &names {
                let mut writer = Peer::connect_native(server.address(Protocol::Native));
                scope.spawn(move || {
                    let channel = ChannelName::new(name).expect("a valid name");
                    let mut bytes = Vec::new();
                    for number in 0..MESSAGES {
                        let publish = Publish { channel, payload: &number.to_be_bytes(), ack: None, no_echo: false };
                        native::encode(&Frame::Publish(publish), &mut bytes);
                    }
                    writer.send(&bytes);
                });
            }
            for mut reader in readers {
                let names = &names;
                scope.spawn(move || {
                    let mut next = [0_u32; PEERS];
                    for _ in 0..MESSAGES as usize * PEERS {
                        reader.read_native(|frame| {
                            let Frame::Message { channel, payload } = frame else { panic!("{frame:?}") };
                            let flood = names.iter().position(|name| name == channel.as_str()).expect("a flood");
                            assert_eq!(*payload, next[flood].to_be_bytes());
                            next[flood] += 1;
                        });
                    }
                });
            }
        });
    });
}

#[test]
fn one_connection_too_many_is_told_so_and_the_others_are_served() {
    everywhere(|policy, _| {
        let mut config = LocalServer::config(policy, 1);
        config.limits.max_connections = 3;
        let server = LocalServer::start(config);
        let address = server.address(Protocol::Native);
        let mut inside: Vec<_> = (0..3).map(|_| Peer::connect_native(address)).collect();
        for _ in 0..100 {
            Peer::connect(address).expect_refusal(Code::Full);
        }
        Peer::connect(server.address(Protocol::Plain)).expect_end();
        for peer in &mut inside {
            peer.send_native(&Frame::Ping(b"inside"));
            peer.expect_native(&Frame::Pong(b"inside"));
        }
        // A connection that leaves makes room.
        inside.pop();
        wait_until(Deadline::start(), "room", || {
            let mut peer = Peer::connect(address);
            peer.send_native(&Frame::Hello { version: 1 });
            peer.read_native(|frame| matches!(frame, Frame::Welcome { .. }))
        });
        assert!(server.stop().closed[&Code::Full] >= 101);
    });
}

#[test]
fn the_parts_of_the_shards_come_to_the_connections_there_may_be() {
    let mut config = LocalServer::config(PolicyKind::Sharded, 2);
    config.limits.max_connections = 3;
    let server = LocalServer::start(config.clone());
    let address = server.address(Protocol::Native);
    let mut inside = Vec::new();
    // The kernel chooses the shard: until both are full, the full one refuses some connections.
    wait_until(Deadline::start(), "both shards to be full", || {
        let mut peer = Peer::connect(address);
        peer.send_native(&Frame::Hello { version: 1 });
        if peer.read_native(|frame| matches!(frame, Frame::Welcome { .. })) {
            inside.push(peer);
        }
        inside.len() == 3
    });
    for _ in 0..100 {
        Peer::connect(address).expect_refusal(Code::Full);
    }
    let shards = server.control().shards().expect("the server runs");
    assert_eq!(shards.iter().map(|shard| shard.connections).collect::<Vec<_>>(), [2, 1]);

    config.limits.max_connections = 1;
    let error = Server::start(&config).expect_err("a shard without room serves nobody").to_string();
    assert!(error.contains("1 connections are too few for 2 shards"), "{error}");
}

/// One read causes more answers than the bound. The connection is not read until they have left; then it is read again.
#[test]
fn answers_over_the_bound_pause_a_connection_only_until_they_have_left() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.control_bytes = 64;
        let server = LocalServer::start(config);
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        for _ in 0..3 {
            let mut pings = Vec::new();
            for _ in 0..10 {
                native::encode(&Frame::Ping(&[7; 100]), &mut pings);
            }
            peer.send(&pings);
            for _ in 0..10 {
                peer.expect_native(&Frame::Pong(&[7; 100]));
            }
        }
    });
}
