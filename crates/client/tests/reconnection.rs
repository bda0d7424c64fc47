//! A client that reconnects: the time of its attempts, the state that it restores, and what it reports about messages
//! in between.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ACKNOWLEDGE, IN_VAIN, Script, came, channel, close, message, publish, script, serve_in_turn, subscribed};
use corecast_client::{Client, Error, Event, Lag, ReconnectOptions, ReconnectingClient};
use corecast_engine::{Config, PolicyKind, Protocol};
use corecast_testkit::LocalServer;
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason, Subscribe};
use rustix::event::{PollFd, PollFlags, poll};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Returns options under which attempts follow each other at once, so that a test waits for nothing else.
fn hasty() -> ReconnectOptions {
    ReconnectOptions::default().with_initial_delay(Duration::from_millis(1)).with_max_delay(Duration::from_millis(5))
}

fn connected(reconnect: ReconnectOptions, scripts: Vec<Script>) -> (ReconnectingClient, JoinHandle<()>) {
    let (address, server) = serve_in_turn(scripts);
    (ReconnectingClient::connect(&address, common::options(), reconnect).unwrap(), server)
}

/// Returns the `retry_after`, the tokens and the unwritten messages of a `ConnectionLost` event.
fn lost(event: Event) -> (Option<Duration>, Vec<u32>, u64) {
    match event {
        Event::ConnectionLost { retry_after, unacknowledged, unwritten, .. } => {
            (retry_after, unacknowledged, unwritten)
        }
        other => panic!("{other:?}"),
    }
}

fn reconnected(attempts: u32, resent: u64) -> Event {
    Event::Reconnected { attempts, resent, too_large: Vec::new() }
}

/// Returns a script that answers a SUBSCRIBE to `a`, then ends the connection without a reason.
fn subscribes_and_dies() -> Script {
    script(|peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        peer.send(&Frame::Subscribed(channel("a")));
    })
}

#[test]
fn subscriptions_are_restored_in_their_order() {
    let (mut client, server) = connected(
        hasty(),
        vec![
            script(|peer| {
                for name in ["c", "a", "b", "d"] {
                    assert!(peer.next().is_some(), "SUBSCRIBE");
                    peer.send(&Frame::Subscribed(channel(name)));
                }
                peer.expect(&Frame::Unsubscribe(channel("a")));
                peer.send_all(&[Frame::Unsubscribed(channel("a")), message("b", b"before")]);
            }),
            script(|peer| {
                peer.expect(&Frame::Subscribe(channel("c").into()));
                peer.expect(&Frame::Subscribe(Subscribe { channel: channel("b"), lag: Some(Lag::Disconnect) }));
                peer.expect(&Frame::Subscribe(channel("d").into()));
                peer.send_all(&[
                    Frame::Subscribed(channel("c")),
                    message("c", b"behind"),
                    Frame::Subscribed(channel("b")),
                ]);
                peer.expect(&close(Code::Normal, ""));
                peer.send(&close(Code::Normal, ""));
            }),
        ],
    );
    client.subscribe("c").unwrap();
    client.subscribe("a").unwrap();
    client.subscribe_with("b", Some(Lag::Disconnect)).unwrap();
    client.subscribe("d").unwrap();
    client.unsubscribe("a").unwrap();
    assert_eq!(client.next_event().unwrap(), came("b", b"before"), "what came before the end is given first");
    assert_eq!(lost(client.next_event().unwrap()).1, []);
    assert!(!client.is_connected());
    assert_eq!(client.next_event().unwrap(), reconnected(1, 0));
    assert!(client.is_connected());
    assert_eq!(client.next_event().unwrap(), subscribed("c"));
    assert_eq!(client.next_event().unwrap(), came("c", b"behind"));
    assert_eq!(client.next_event().unwrap(), subscribed("b"));
    client.close().unwrap();
    server.join().unwrap();
}

#[test]
fn the_delay_that_the_server_suggests_is_kept() {
    const DELAY: Duration = Duration::from_millis(150);
    let (mut client, server) = connected(
        hasty(),
        vec![
            script(|peer| peer.send(&Frame::Close(Reason::new(Code::GoingAway, "bye\u{0}150")))),
            script(|peer| peer.send(&message("a", b"again"))),
        ],
    );
    let event = client.next_event().unwrap();
    assert_eq!(event, Event::Closed { code: 201, text: "bye".to_owned(), reconnect_delay: Some(DELAY) });
    let told = Instant::now();
    assert_eq!(lost(client.next_event().unwrap()).0, Some(DELAY));
    assert_eq!(client.next_event_within(Duration::from_millis(1)).unwrap(), None, "the delay is not over");
    assert_eq!(client.next_event().unwrap(), reconnected(1, 0));
    assert!(told.elapsed() >= DELAY, "no attempt before the delay was over");
    assert_eq!(client.next_event().unwrap(), came("a", b"again"));
    server.join().unwrap();
}

#[test]
fn unacknowledged_messages_are_reported_and_not_sent_again() {
    let (mut client, server) = connected(
        hasty(),
        vec![
            script(|peer| {
                for _ in 0..3 {
                    assert!(peer.next().is_some(), "PUBLISH");
                }
                peer.send(&Frame::Published { token: 2 });
            }),
            script(|peer| {
                peer.expect(&publish("a", b"next", Some(4)));
                peer.send(&Frame::Published { token: 4 });
                peer.expect_end();
            }),
        ],
    );
    for token in 1..=3 {
        assert_eq!(client.publish_with("a", b"x", ACKNOWLEDGE).unwrap(), Some(token));
    }
    let error = client.wait_published(1).unwrap_err();
    assert!(matches!(error, Error::Disconnected), "{error:?}");
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 2 });
    assert_eq!(lost(client.next_event().unwrap()).1, [1, 3]);
    let error = client.wait_published(3).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "an event has told of it: {error:?}");
    let token = client.publish_with("a", b"next", ACKNOWLEDGE).unwrap().unwrap();
    client.wait_published(token).unwrap();
    assert_eq!(client.next_event().unwrap(), reconnected(1, 0));
    drop(client);
    server.join().unwrap();
}

#[test]
fn unacknowledged_messages_are_sent_again_if_asked_to() {
    let (mut client, server) = connected(
        hasty().with_resend_unacknowledged(true),
        vec![
            script(|peer| {
                for _ in 0..3 {
                    assert!(peer.next().is_some(), "PUBLISH");
                }
                peer.send(&Frame::Published { token: 1 });
            }),
            script(|peer| {
                peer.expect(&publish("a", b"2", Some(2)));
                peer.expect(&publish("b", b"3", Some(3)));
                peer.send_all(&[Frame::Published { token: 2 }, Frame::Published { token: 3 }]);
                peer.expect_end();
            }),
        ],
    );
    for (name, payload) in [("a", b"1"), ("a", b"2"), ("b", b"3")] {
        client.publish_with(name, payload, ACKNOWLEDGE).unwrap();
    }
    client.wait_published(3).unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 1 });
    assert_eq!(lost(client.next_event().unwrap()).1, [], "none is given up");
    assert_eq!(client.next_event().unwrap(), reconnected(1, 2));
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 2 });
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_message_that_the_next_server_finds_too_large_is_reported() {
    let greet_small = |peer: &mut common::Peer| {
        peer.expect(&Frame::Hello { version: 1 });
        peer.send(&Frame::Welcome { version: 1, max_frame: 100 });
        peer.expect(&publish("a", b"small", Some(2)));
        peer.expect_end();
    };
    let (mut client, server) = connected(
        hasty().with_resend_unacknowledged(true),
        vec![script(|peer| assert!(peer.next().is_some() && peer.next().is_some())), Box::new(greet_small)],
    );
    client.publish_with("a", &[0; 500], ACKNOWLEDGE).unwrap();
    client.publish_with("a", b"small", ACKNOWLEDGE).unwrap();
    lost(client.next_event().unwrap());
    assert_eq!(client.next_event().unwrap(), Event::Reconnected { attempts: 1, resent: 1, too_large: vec![1] });
    drop(client);
    server.join().unwrap();
}

#[test]
fn too_many_unacknowledged_messages_are_refused() {
    let (mut client, server) = connected(
        hasty().with_max_unacknowledged_bytes(2 * 64),
        vec![script(|peer| {
            assert!(peer.next().is_some() && peer.next().is_some());
            peer.send(&Frame::Published { token: 1 });
            peer.expect(&publish("a", b"unasked", None));
            peer.expect(&publish("a", b"3", Some(3)));
            peer.expect_end();
        })],
    );
    client.publish_with("a", b"1", ACKNOWLEDGE).unwrap();
    client.publish_with("a", b"2", ACKNOWLEDGE).unwrap();
    let error = client.publish_with("a", b"refused", ACKNOWLEDGE).unwrap_err();
    assert!(matches!(error, Error::BufferFull { buffered_bytes: 128, limit: 128 }), "{error:?}");
    client.publish("a", b"unasked").unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 1 });
    client.publish_with("a", b"3", ACKNOWLEDGE).unwrap();
    drop(client);
    server.join().unwrap();
}

#[test]
fn the_last_of_the_attempts_ends_the_client() {
    let (mut client, server) = connected(hasty().with_attempts(Some(3)), vec![subscribes_and_dies()]);
    client.subscribe("a").unwrap();
    client.publish_with("a", b"x", ACKNOWLEDGE).unwrap();
    server.join().unwrap();
    assert!(lost(client.next_event().unwrap()).0.is_some());
    assert_eq!(lost(client.next_event().unwrap()), (None, vec![], 0), "the second event ends it");
    let error = client.next_event().unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    let again = client.publish("a", b"x").unwrap_err();
    assert_eq!(again.to_string(), error.to_string(), "the same end, however often asked");
}

#[test]
fn messages_to_be_sent_again_are_reported_when_no_attempt_is_left() {
    let reconnect = hasty().with_attempts(Some(1)).with_resend_unacknowledged(true);
    let (mut client, server) = connected(reconnect, vec![subscribes_and_dies()]);
    client.subscribe("a").unwrap();
    // If the connection has ended by now, the message is kept for the next one.
    client.publish_with("a", b"x", ACKNOWLEDGE).unwrap();
    server.join().unwrap();
    assert_eq!(lost(client.next_event().unwrap()).1, []);
    assert_eq!(lost(client.next_event().unwrap()), (None, vec![1], 0));
    client.next_event().unwrap_err();
}

#[test]
fn a_connection_that_lasted_starts_the_count_of_attempts_anew() {
    let dies = || script(|_| ());
    // Every connection lasts longer than zero.
    let lasting = ReconnectOptions::default().with_max_delay(Duration::ZERO).with_attempts(Some(1));
    let (mut client, server) = connected(lasting, vec![dies(), dies(), dies()]);
    for _ in 0..2 {
        assert!(lost(client.next_event().unwrap()).0.is_some());
        assert_eq!(client.next_event().unwrap(), reconnected(1, 0));
    }
    server.join().unwrap();

    // No connection lasts that long, so the one attempt was the last.
    let flapping = ReconnectOptions::default().with_initial_delay(Duration::ZERO).with_attempts(Some(1));
    let (mut client, server) = connected(flapping, vec![dies(), dies()]);
    assert!(lost(client.next_event().unwrap()).0.is_some());
    assert_eq!(client.next_event().unwrap(), reconnected(1, 0));
    assert!(lost(client.next_event().unwrap()).0.is_none());
    assert!(matches!(client.next_event().unwrap_err(), Error::Disconnected));
    server.join().unwrap();
}

#[test]
fn an_end_that_would_come_again_is_not_retried() {
    for (end, code) in [
        (Frame::Error(Reason::new(Code::Malformed, "")), Code::Malformed),
        (close(Code::TooManySubscriptions, ""), Code::TooManySubscriptions),
    ] {
        let (address, server) = serve_in_turn(vec![script(move |peer| peer.send(&end))]);
        let mut client = ReconnectingClient::connect(&address, common::options(), hasty()).unwrap();
        server.join().unwrap();
        let error = loop {
            match client.next_event() {
                Ok(event) => assert!(!matches!(event, Event::ConnectionLost { retry_after: Some(_), .. }), "{event:?}"),
                Err(error) => break error,
            }
        };
        let (Error::Rejected { code: got, .. } | Error::Closed { code: got, .. }) = error else { panic!("{error:?}") };
        assert_eq!(got, code.number());
    }
}

#[test]
fn events_that_are_not_taken_hold_up_the_next_connection() {
    let (address, server) = serve_in_turn(vec![
        script(|peer| peer.send(&message("a", b"kept"))),
        script(|peer| peer.expect(&publish("a", b"on the second connection", None))),
    ]);
    let few = common::options().with_max_queued_bytes(64);
    let mut client = ReconnectingClient::connect(&address, few, hasty()).unwrap();
    let error = (0..1_000_000).find_map(|_| client.publish("a", b"x").err()).expect("the connection is gone");
    assert!(error.to_string().contains("connection"), "{error}");
    let error = client.publish("a", b"x").unwrap_err();
    assert!(matches!(error, Error::QueueFull { limit: 64, .. }), "{error:?}");
    assert_eq!(client.next_event().unwrap(), came("a", b"kept"));
    lost(client.next_event().unwrap());
    client.publish("a", b"on the second connection").unwrap();
    server.join().unwrap();
}

#[test]
fn nobody_there_is_told_at_once_on_the_first_connection() {
    let (address, server) = serve_in_turn(Vec::new());
    server.join().unwrap();
    assert!(matches!(ReconnectingClient::connect(&address, common::options(), hasty()), Err(Error::Io(_))));
}

/// Returns the next event for a program that waits with `poll`.
fn polled(client: &mut ReconnectingClient) -> Event {
    let deadline = Instant::now() + common::DEADLINE;
    loop {
        if let Some(event) = client.try_next_event().unwrap() {
            return event;
        }
        let now = Instant::now();
        assert!(now < deadline, "no event");
        let wait = client.next_attempt().unwrap_or(deadline).saturating_duration_since(now);
        let mut socket: Vec<PollFd<'_>> =
            client.socket().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).into_iter().collect();
        poll(&mut socket, Some(&wait.try_into().unwrap())).unwrap();
    }
}

#[test]
fn a_program_that_polls_gets_the_events_of_all_connections() {
    let (mut client, server) = connected(
        hasty(),
        vec![
            script(|peer| {
                peer.expect(&publish("a", b"nothing came by now", None));
                peer.send_all(&[message("a", b"1"), message("a", b"2"), Frame::Ping(b"alive?")]);
                peer.expect(&Frame::Pong(b"alive?"));
            }),
            script(|peer| {
                peer.send(&message("a", b"3"));
                peer.expect_end();
            }),
        ],
    );
    assert_eq!(client.try_next_event().unwrap(), None);
    assert!(client.socket().is_some() && client.next_attempt().is_none());
    client.publish("a", b"nothing came by now").unwrap();
    assert_eq!(polled(&mut client), came("a", b"1"));
    assert_eq!(client.try_next_event().unwrap(), Some(came("a", b"2")), "it was read already");
    assert!(lost(polled(&mut client)).0.is_some(), "the PING was answered on the way");
    assert!(client.socket().is_none() && client.next_attempt().is_some());
    assert_eq!(polled(&mut client), reconnected(1, 0));
    assert_eq!(polled(&mut client), came("a", b"3"));
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_connection_that_is_abandoned_is_replaced() {
    let (mut client, server) = connected(
        hasty().with_resend_unacknowledged(true),
        vec![
            script(|peer| {
                peer.expect(&publish("a", b"1", Some(1)));
                peer.expect_end();
            }),
            script(|peer| {
                peer.expect(&publish("a", b"1", Some(1)));
                peer.send(&Frame::Published { token: 1 });
                peer.expect_end();
            }),
        ],
    );
    client.publish_with("a", b"1", ACKNOWLEDGE).unwrap();
    client.abandon();
    assert!(!client.is_connected());
    assert_eq!(lost(client.next_event().unwrap()).1, []);
    assert_eq!(client.next_event().unwrap(), reconnected(1, 1));
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 1 });
    drop(client);
    server.join().unwrap();
}

/// Returns a configuration of one shard whose native listener is at `address`.
fn config(address: SocketAddr) -> Config {
    let mut config = LocalServer::config(PolicyKind::Sharded, 1);
    config.listeners.retain(|listener| listener.protocol == Protocol::Native);
    config.listeners[0].address = address;
    config.limits.reconnect_spread = IN_VAIN;
    config
}

#[test]
fn a_server_that_is_started_again_serves_the_same_subscriptions() {
    let server = LocalServer::start(config("127.0.0.1:0".parse().unwrap()));
    let address = server.address(Protocol::Native);
    let mut client = ReconnectingClient::connect(&address, common::options(), hasty()).unwrap();
    client.subscribe("lobby").unwrap();
    client.subscribe("hall").unwrap();
    server.stop();
    let Event::Closed { code: 201, reconnect_delay: Some(delay), .. } = client.next_event().unwrap() else {
        panic!("a stopping server suggests a delay")
    };
    assert_eq!(lost(client.next_event().unwrap()).0, Some(delay));
    let server = LocalServer::start(config(address));
    assert!(matches!(client.next_event().unwrap(), Event::Reconnected { resent: 0, .. }));
    assert_eq!(client.next_event().unwrap(), subscribed("lobby"));
    assert_eq!(client.next_event().unwrap(), subscribed("hall"));
    let mut other = Client::connect(address, &common::options()).unwrap();
    other.publish("hall", b"welcome back").unwrap();
    assert_eq!(client.next_event().unwrap(), came("hall", b"welcome back"));
    client.publish("lobby", b"thank you").unwrap();
    assert_eq!(client.next_event().unwrap(), came("lobby", b"thank you"));
    other.close().unwrap();
    client.close().unwrap();
    server.stop();
}
