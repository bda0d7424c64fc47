//! Promise 1 at the end of a subscription: everything accepted before the end is delivered or counted, whatever causes the
//! end.

use corecast_engine::{Config, Counters, PolicyKind, Protocol, Summary};
use corecast_testkit::{DEADLINE, Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::time::Duration;

const PAYLOAD: usize = 64 * 1024;
/// More than a log and the socket buffers of both ends hold (at most 4 and 6 MiB by default).
const MESSAGES: u32 = 250;

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn start(policy: PolicyKind, shards: usize, set: impl Fn(&mut Config)) -> LocalServer {
    let mut config = LocalServer::config(policy, shards);
    config.limits.log_bytes = 2 << 20;
    config.limits.linger = DEADLINE / 2;
    set(&mut config);
    LocalServer::start(config)
}

fn native(server: &LocalServer) -> Peer {
    Peer::connect_native(server.address(Protocol::Native))
}

/// Publishes this many messages, and waits until all are acknowledged.
fn publish(server: &LocalServer, channel: ChannelName<'_>, messages: u32) {
    let mut publisher = native(server);
    let payload = vec![7; PAYLOAD];
    for token in 0..messages {
        publisher.send_native(&Frame::Publish(Publish {
            channel,
            payload: &payload,
            ack: Some(token),
            no_echo: false,
        }));
        publisher.expect_native(&Frame::Published { token });
    }
}

/// Returns a subscriber that reads nothing, after more was published to its channel than is kept for it.
fn stalled(server: &LocalServer) -> Peer {
    let mut peer = native(server);
    peer.subscribe("news");
    publish(server, news(), MESSAGES);
    peer
}

/// Reads messages and gaps up to another frame, which `is_last` must accept. Returns the number of messages, and the sum of
/// the gaps.
fn read_up_to(peer: &mut Peer, is_last: impl Fn(&Frame<'_>) -> bool) -> (u64, u64) {
    let (mut received, mut missed, mut over) = (0, 0, false);
    while !over {
        peer.read_native(|frame| match frame {
            Frame::Message { .. } => received += 1,
            Frame::Gap { count, .. } => missed += count,
            other => {
                assert!(is_last(other), "{other:?}");
                over = true;
            }
        });
    }
    (received, missed)
}

fn is_close_frame(code: Code) -> impl Fn(&Frame<'_>) -> bool {
    move |frame| match frame {
        Frame::Close(reason) | Frame::Error(reason) => reason.code == code.number(),
        _ => false,
    }
}

/// Checks that every message of one subscriber is in exactly one counter.
fn assert_accounted(summary: &Summary, accepted: u32) {
    let Counters { deliveries, missed, undelivered, .. } = summary.counters;
    assert_eq!(deliveries + missed + undelivered, accepted.into(), "{:?}", summary.counters);
}

/// Checks that a stalled subscriber that ends its subscription or connection then reads everything that was accepted.
fn complete(ask: impl Fn(&mut Peer), is_last: impl Fn(&Frame<'_>) -> bool) {
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        let mut peer = stalled(&server);
        ask(&mut peer);
        let (received, missed) = read_up_to(&mut peer, &is_last);
        assert_eq!(received + missed, MESSAGES.into(), "{received} received, {missed} missed");
        assert!(missed > 0, "it fell behind by more than is kept");
        drop(peer);
        let summary = server.stop();
        assert_accounted(&summary, MESSAGES);
        let Counters { deliveries, undelivered, .. } = summary.counters;
        assert_eq!((deliveries, undelivered), (received, 0), "{:?}", summary.counters);
    });
}

#[test]
fn everything_accepted_before_unsubscribe_comes_before_unsubscribed() {
    complete(
        |peer| peer.send_native(&Frame::Unsubscribe(news())),
        |frame| matches!(frame, Frame::Unsubscribed(channel) if *channel == news()),
    );
}

#[test]
fn everything_accepted_before_close_comes_before_its_answer() {
    complete(
        |peer| peer.send_native(&Frame::Close(native::Reason::new(Code::Normal, ""))),
        is_close_frame(Code::Normal),
    );
}

#[test]
fn everything_accepted_before_a_bad_frame_comes_before_the_error() {
    complete(|peer| peer.send(&[0, 0, 0, 6, 1, 2, 3, 4, 11, 0]), is_close_frame(Code::BadChecksum));
}

#[test]
fn everything_accepted_before_a_half_close_comes_before_the_end() {
    complete(Peer::shutdown, is_close_frame(Code::Normal));
}

#[test]
fn everything_accepted_before_an_administrators_close_comes_before_it() {
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        let mut peer = stalled(&server);
        let id = server.connection(&peer);
        assert!(server.control().close(id, Code::Administrator, "enough").expect("the server runs"));
        let (received, missed) = read_up_to(&mut peer, is_close_frame(Code::Administrator));
        assert_eq!(received + missed, MESSAGES.into());
        drop(peer);
        assert_accounted(&server.stop(), MESSAGES);
    });
}

#[test]
fn what_a_plain_connection_was_sent_before_its_half_close_comes_before_the_end() {
    const FEW: u32 = 100;
    everywhere(|policy, shards| {
        let server = start(policy, shards, |config| {
            config.limits.log_bytes = 64 << 20;
            let plain = config.listeners.iter_mut().find(|listener| listener.protocol == Protocol::Plain);
            plain.expect("a listener").channel = Some("news".to_owned());
        });
        let mut peer = Peer::connect(server.address(Protocol::Plain));
        peer.send_plain(b"here");
        peer.expect_plain(b"here");
        publish(&server, news(), FEW);
        peer.shutdown();
        for _ in 0..FEW {
            // A reader as slow as this outlasts the linger time of another protocol's connection.
            assert_eq!(peer.read_plain().len(), PAYLOAD);
        }
        peer.expect_end();
        let summary = server.stop();
        assert_accounted(&summary, FEW + 1);
        assert_eq!(summary.counters.undelivered, 0);
    });
}

#[test]
fn a_message_is_in_exactly_one_counter_when_a_connection_breaks() {
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        stalled(&server).reset();
        let nobody = || server.control().connections().expect("the server runs").is_empty();
        wait_until(Deadline::start(), "everybody to leave", nobody);
        assert_accounted(&server.stop(), MESSAGES);
    });
}

#[test]
fn a_message_is_in_exactly_one_counter_when_nothing_is_read_to_the_end() {
    everywhere(|policy, shards| {
        // The subscriber does not take its backlog within its linger time.
        let server = start(policy, shards, |config| config.limits.linger = Duration::from_millis(200));
        let peer = stalled(&server);
        // An administrator closes it: a baseline that keeps this much for a connection does not read its CLOSE.
        let id = server.connection(&peer);
        assert!(server.control().close(id, Code::Administrator, "enough").expect("the server runs"));
        let nobody = || server.control().connections().expect("the server runs").is_empty();
        wait_until(Deadline::start(), "the linger time to end it", nobody);
        let summary = server.stop();
        assert_accounted(&summary, MESSAGES);
        assert!(summary.counters.undelivered > 0);
        // The other ends: the end of the server, and a blocked write.
        let set = |config: &mut Config| {
            config.limits.linger = Duration::from_millis(200);
            config.limits.drain_timeout = Duration::from_millis(200);
        };
        let server = start(policy, shards, set);
        let peer = stalled(&server);
        assert_accounted(&server.stop(), MESSAGES);
        drop(peer);
        let server = start(policy, shards, |config| config.limits.write_timeout = Duration::from_millis(200));
        let peer = stalled(&server);
        wait_until(Deadline::start(), "the write timeout", || {
            server.control().connections().expect("the server runs").is_empty()
        });
        // The connection may end before all is published; it is then not due the rest.
        let Counters { deliveries, missed, undelivered, .. } = server.stop().counters;
        assert!(undelivered > 0 && deliveries + missed + undelivered <= MESSAGES.into());
        drop(peer);
    });
}

#[test]
fn no_acknowledged_message_is_missing_when_a_reader_that_keeps_up_leaves() {
    const TRIES: u32 = 30;
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        let others: Vec<_> = (0..40)
            .map(|_| {
                let mut peer = native(&server);
                peer.subscribe("news");
                peer
            })
            .collect();
        let mut publisher = native(&server);
        for token in 0..TRIES {
            let mut peer = native(&server);
            peer.subscribe("news");
            publisher.send_native(&Frame::Publish(Publish {
                channel: news(),
                payload: b"x",
                ack: Some(token),
                no_echo: false,
            }));
            publisher.expect_native(&Frame::Published { token });
            peer.send_native(&Frame::Unsubscribe(news()));
            peer.expect_native(&Frame::Message { channel: news(), payload: b"x" });
            peer.expect_native(&Frame::Unsubscribed(news()));
        }
        drop(others);
    });
}

/// Checks that a SUBSCRIBE is answered if `last` follows it in the same write, and that `last` is answered with `code`.
fn answered_in_turn(last: &[u8], code: Code) {
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        for _ in 0..10 {
            let mut peer = native(&server);
            let mut bytes = Vec::new();
            native::encode(&Frame::Subscribe(news().into()), &mut bytes);
            bytes.extend_from_slice(last);
            peer.send(&bytes);
            peer.expect_native(&Frame::Subscribed(news()));
            peer.expect_refusal(code);
        }
    });
}

#[test]
fn a_subscribe_in_one_write_with_a_close_is_answered_first() {
    let mut close = Vec::new();
    native::encode(&Frame::Close(native::Reason::new(Code::Normal, "")), &mut close);
    answered_in_turn(&close, Code::Normal);
}

#[test]
fn a_subscribe_in_one_write_with_a_bad_frame_is_answered_first() {
    answered_in_turn(&[0, 0, 0, 6, 1, 2, 3, 4, 11, 0], Code::BadChecksum);
}

#[test]
fn leaving_and_coming_back_in_one_write_is_answered_in_turn() {
    everywhere(|policy, shards| {
        let server = start(policy, shards, |_| ());
        let mut peer = stalled(&server);
        let mut bytes = Vec::new();
        for _ in 0..2 {
            native::encode(&Frame::Unsubscribe(news()), &mut bytes);
            native::encode(&Frame::Subscribe(news().into()), &mut bytes);
        }
        peer.send(&bytes);
        let (received, missed) = read_up_to(&mut peer, |frame| matches!(frame, Frame::Unsubscribed(_)));
        assert_eq!(received + missed, MESSAGES.into());
        peer.expect_native(&Frame::Subscribed(news()));
        peer.expect_native(&Frame::Unsubscribed(news()));
        peer.expect_native(&Frame::Subscribed(news()));
        publish(&server, news(), 1);
        peer.expect_native(&Frame::Message { channel: news(), payload: &vec![7; PAYLOAD] });
    });
}
