//! One send for everything that a connection is behind with: for whom it waits until the round ends, and what becomes of
//! a subscriber that changes in between.

use crate::Driver;
use crate::common::{FIRST, Frame, Peer, message_bytes};
use corecast_fanout::{Effect, Policy as _, Publication};

/// The most bytes of a connection that are copied together.
const MAX_COPIED: usize = 16 * 1024;

/// Creates a shard with a publisher and a subscriber of a channel that nobody else is subscribed to. A flush has visited
/// the channel, and has left a message for the end of the round.
fn noted() -> (Driver, Peer, Peer) {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, FIRST, "news");
    driver.publish(&publisher, "news", b"1");
    assert!(driver.flush(0, 1) && subscriber.payloads().is_empty());
    (driver, publisher, subscriber)
}

#[test]
fn a_channel_of_three_waits_for_the_end_of_the_round_and_one_of_four_does_not() {
    for (count, served) in [(3, 0), (4, 1)] {
        let mut driver = Driver::new(1);
        let publisher = driver.open(0, FIRST);
        let peers: Vec<_> = (0..count).map(|_| driver.join(0, FIRST, "news")).collect();
        driver.publish(&publisher, "news", b"1");
        assert!(driver.flush(0, 1));
        assert_eq!(peers.iter().filter(|peer| !peer.payloads().is_empty()).count(), served, "of {count}");
        driver.settle();
        assert!(peers.iter().all(|peer| peer.payloads() == [b"1"]));
    }
}

#[test]
fn a_connection_with_several_channels_waits_however_many_subscribers_they_have() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    for _ in 0..5 {
        let peer = driver.join(0, FIRST, "a");
        driver.subscribe(&peer, "b").unwrap();
    }
    driver.settle();
    for channel in ["a", "b"] {
        driver.publish(&publisher, channel, b"1");
    }
    driver.settle();
    assert_eq!((driver.counters().sends, driver.counters().deliveries), (5, 10));
}

#[test]
fn no_more_than_the_bound_is_copied_together_for_each_connection() {
    let half = MAX_COPIED / 2;
    for (connections, sizes, sends) in [
        (1, [half, half], 1),
        (1, [half, half + 1], 2),
        (1, [half + 1, half], 2),
        (1, [2 * MAX_COPIED, 2 * MAX_COPIED], 2),
        (2, [half, half], 2),
    ] {
        let mut driver = Driver::new(1);
        let publisher = driver.open(0, FIRST);
        let peers: Vec<_> = (0..connections).map(|_| driver.join(0, FIRST, "a")).collect();
        for peer in &peers {
            driver.subscribe(peer, "b").unwrap();
        }
        driver.settle();
        let payloads = sizes.map(|size| vec![7; size - message_bytes("a", b"")]);
        for (channel, payload) in ["a", "b"].into_iter().zip(&payloads) {
            driver.publish(&publisher, channel, payload);
        }
        driver.settle();
        assert_eq!(driver.counters().sends, sends, "{connections} times {sizes:?}");
        assert!(peers.iter().all(|peer| peer.payloads() == payloads));
    }
}

#[test]
fn whoever_was_sent_everything_meanwhile_is_sent_nothing_more() {
    let (mut driver, _, subscriber) = noted();
    // Its transport was not full, but may report room all the same.
    driver.shard(0).writable(subscriber.id);
    assert_eq!(subscriber.payloads(), [b"1"]);
    driver.settle();
    assert_eq!((subscriber.payloads().len(), driver.counters().sends), (1, 1));
}

#[test]
fn whoever_published_meanwhile_without_echo_is_sent_only_what_others_published() {
    let (mut driver, publisher, subscriber) = noted();
    driver.publish_as(&subscriber, &Publication { channel: "news", payload: b"own", no_echo: true });
    driver.publish(&publisher, "news", b"2");
    driver.settle();
    assert_eq!(subscriber.payloads(), [b"1", b"2"]);
}

#[test]
fn a_transport_that_an_answer_has_filled_is_left_alone() {
    let (mut driver, _, subscriber) = noted();
    subscriber.outlet.set_room(1);
    driver.answer(&subscriber, "pong");
    driver.settle();
    assert_eq!((driver.effects(), subscriber.outlet.short_sends()), (vec![Effect::Full(subscriber.id)], 1));
    driver.make_room(&subscriber, usize::MAX);
    driver.settle();
    assert_eq!(subscriber.frames()[1..], [Frame::answer("pong"), Frame::message("news", b"1")]);
}
