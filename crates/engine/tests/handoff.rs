//! The handoff, where the registry is shared: whichever thread writes, the promises of order, answers and the end hold.
#![cfg(feature = "baselines")]

use corecast_engine::{Handoff, PolicyKind, Protocol, Server};
use corecast_testkit::{LocalServer, Peer};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Publish};

const MESSAGES: u32 = 300;

fn publish(payload: &[u8], ack: Option<u32>) -> Frame<'_> {
    Frame::Publish(Publish { channel: news(), payload, ack, no_echo: false })
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

/// Runs a test in which the owner writes, with every policy that allows it, on one shard and on two.
fn by_owner(test: impl Fn(&LocalServer)) {
    for policy in PolicyKind::ALL.iter().filter(|policy| **policy != PolicyKind::Sharded) {
        for shards in [1, 2] {
            println!("policy {policy}, {shards} shards");
            let mut config = LocalServer::config(*policy, shards);
            config.handoff = Some(Handoff::Owner);
            test(&LocalServer::start(config));
        }
    }
}

#[test]
fn each_publishers_messages_arrive_in_order_behind_the_answer() {
    by_owner(|server| {
        let connect = |_| {
            let mut peer = Peer::connect_native(server.address(Protocol::Native));
            peer.subscribe("news");
            peer
        };
        let mut peers: Vec<_> = (0..8).map(connect).collect();
        for number in 0..MESSAGES {
            for publisher in 0..2_u8 {
                let payload = [&[publisher][..], &number.to_be_bytes()].concat();
                peers[usize::from(publisher)].send_native(&publish(&payload, None));
            }
        }
        for peer in &mut peers {
            let mut next = [0; 2];
            for _ in 0..2 * MESSAGES {
                peer.read_native(|frame| {
                    let Frame::Message { payload: [publisher, number @ ..], .. } = frame else { panic!("{frame:?}") };
                    let next = &mut next[usize::from(*publisher)];
                    assert_eq!(*number, u32::to_be_bytes(*next));
                    *next += 1;
                });
            }
        }
    });
}

#[test]
fn acknowledged_messages_are_delivered_before_the_close_reason() {
    for policy in PolicyKind::ALL.iter().filter(|policy| **policy != PolicyKind::Sharded) {
        println!("policy {policy}");
        let mut config = LocalServer::config(*policy, 2);
        config.handoff = Some(Handoff::Owner);
        let server = LocalServer::start(config);
        let mut subscribers: Vec<_> = (0..8).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect();
        for peer in &mut subscribers {
            peer.subscribe("news");
        }
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        let payload = vec![1; 50_000];
        for token in 0..20 {
            publisher.send_native(&publish(&payload, Some(token)));
        }
        for token in 0..20 {
            publisher.expect_native(&Frame::Published { token });
        }
        std::thread::scope(|scope| {
            for peer in &mut subscribers {
                let payload = &payload;
                scope.spawn(move || {
                    (0..20).for_each(|_| peer.expect_native(&Frame::Message { channel: news(), payload }));
                    peer.read_native(|frame| assert!(matches!(frame, Frame::Close(_)), "{frame:?}"));
                });
            }
            drop(publisher);
            let summary = server.stop();
            assert_eq!((summary.counters.published, summary.counters.deliveries), (20, 160));
        });
    }
}

#[test]
fn under_sharded_a_handoff_is_refused() {
    for handoff in Handoff::ALL {
        let mut config = LocalServer::config(PolicyKind::Sharded, 1);
        config.handoff = Some(*handoff);
        let error = Server::start(&config).expect_err("it writes in one way only").to_string();
        assert!(error.contains("handoff") && error.contains("sharded"), "{error}");
    }
}
