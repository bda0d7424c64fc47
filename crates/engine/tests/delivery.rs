//! Promise 1: a subscriber gets every message published to the channel after its SUBSCRIBED, until it leaves, is closed, or
//! lags; in the last two cases it is told.

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Publish};

fn channel(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).expect("a valid name")
}

fn publish<'a>(name: &'a str, payload: &'a [u8]) -> Frame<'a> {
    Frame::Publish(Publish { channel: channel(name), payload, ack: None, no_echo: false })
}

fn message<'a>(name: &'a str, payload: &'a [u8]) -> Frame<'a> {
    Frame::Message { channel: channel(name), payload }
}

fn subscribers(server: &LocalServer, count: usize, name: &str) -> Vec<Peer> {
    let connect = |_| {
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        peer.subscribe(name);
        peer
    };
    (0..count).map(connect).collect()
}

#[test]
fn every_subscriber_gets_every_message() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut subscribers = subscribers(&server, 40, "news");
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        for number in 0..20_u8 {
            publisher.send_native(&publish("news", &[number]));
        }
        for subscriber in &mut subscribers {
            for number in 0..20 {
                subscriber.expect_native(&message("news", &[number]));
            }
        }
        let summary = server.stop();
        assert_eq!((summary.counters.published, summary.counters.deliveries), (20, 800));
    });
}

#[test]
fn an_empty_payload_is_a_message() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut native = subscribers(&server, 1, "news").remove(0);
        native.send_native(&publish("news", b""));
        native.expect_native(&message("news", b""));
        let mut plain = Peer::connect(server.address(Protocol::Plain));
        plain.send_plain(b"");
        plain.expect_plain(b"");
    });
}

#[test]
fn nothing_published_after_the_answer_is_missed() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peers: Vec<_> = (0..8).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect();
        for round in 0..100 {
            let name = format!("fresh {round}");
            let (subscriber, publisher) = (round % 8, (round + 1 + round / 8 % 7) % 8);
            peers[subscriber].subscribe(&name);
            peers[publisher].send_native(&publish(&name, b"first"));
            peers[subscriber].expect_native(&message(&name, b"first"));
            peers[subscriber].send_native(&Frame::Unsubscribe(channel(&name)));
            peers[subscriber].expect_native(&Frame::Unsubscribed(channel(&name)));
        }
    });
}

#[test]
fn a_channel_is_heard_by_its_subscribers_alone() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peer = subscribers(&server, 1, "mine").remove(0);
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        publisher.send_native(&publish("other", b"no"));
        publisher.send_native(&publish("mine", b"yes"));
        peer.expect_native(&message("mine", b"yes"));
        peer.send_native(&Frame::Unsubscribe(channel("mine")));
        peer.expect_native(&Frame::Unsubscribed(channel("mine")));
        publisher.send_native(&publish("mine", b"too late"));
        publisher.send_native(&Frame::Ping(b""));
        publisher.expect_native(&Frame::Pong(b""));
        peer.subscribe("again");
    });
}

#[test]
fn an_acknowledged_message_was_accepted_and_no_echo_spares_the_publisher() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut publisher = subscribers(&server, 1, "news").remove(0);
        let mut subscriber = subscribers(&server, 1, "news").remove(0);
        let quiet = Publish { channel: channel("news"), payload: b"quiet", ack: Some(7), no_echo: true };
        publisher.send_native(&Frame::Publish(quiet));
        publisher.expect_native(&Frame::Published { token: 7 });
        publisher.send_native(&publish("news", b"loud"));
        publisher.expect_native(&message("news", b"loud"));
        subscriber.expect_native(&message("news", b"quiet"));
        subscriber.expect_native(&message("news", b"loud"));
    });
}

#[test]
fn a_plain_frame_goes_to_every_connection_of_its_listener_the_sender_included() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peers: Vec<_> = (0..8).map(|_| Peer::connect(server.address(Protocol::Plain))).collect();
        // Once a connection has received its own message, the server has accepted it.
        for index in 0..peers.len() {
            let greeting = format!("greeting {index}");
            peers[index].send_plain(greeting.as_bytes());
            for peer in &mut peers[..=index] {
                while peer.read_plain() != greeting.as_bytes() {}
            }
        }
        peers[3].send_plain(b"to all");
        for peer in &mut peers {
            while peer.read_plain() != b"to all" {}
        }
    });
}

#[test]
fn plain_and_native_can_share_a_channel() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        for listener in &mut config.listeners {
            listener.channel = (listener.protocol == Protocol::Plain).then(|| "lobby".to_owned());
        }
        let server = LocalServer::start(config);
        let mut native = subscribers(&server, 1, "lobby").remove(0);
        let mut plain = Peer::connect(server.address(Protocol::Plain));
        plain.send_plain(b"from plain");
        plain.expect_plain(b"from plain");
        native.expect_native(&message("lobby", b"from plain"));
        native.send_native(&publish("lobby", b"from native"));
        plain.expect_plain(b"from native");
        native.expect_native(&message("lobby", b"from native"));
    });
}

#[test]
fn a_thousand_subscribers_lose_nothing() {
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 2));
    let mut subscribers = subscribers(&server, 1_000, "news");
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    let payloads: Vec<_> = (0..50_u8).map(|number| vec![number; 1 + usize::from(number) * 40]).collect();
    for payload in &payloads {
        publisher.send_native(&publish("news", payload));
    }
    for subscriber in &mut subscribers {
        for payload in &payloads {
            subscriber.expect_native(&message("news", payload));
        }
    }
}
