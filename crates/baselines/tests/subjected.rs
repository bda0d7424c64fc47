//! The risk of a registry on another executor: requests that have been made but not done.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
mod common;

use common::{Direct, Driver, FIRST, Frame, UnderChannel, UnderPortal, message_bytes, step};
use corecast_fanout::{Effect, Hooks as _, Policy, Publication};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// Counts the times that it is woken.
#[derive(Default)]
struct Rings(AtomicUsize);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number of batches of a shard that may wait before it is saturated.
const MOST: u16 = 256;

#[test]
fn a_shard_that_waits_is_saturated_in_time_and_woken_when_it_can_go_on() {
    let mut driver = Driver::<Direct<UnderPortal>>::new(2);
    let peer = driver.join(1, FIRST, "news");
    let publisher = driver.open(0, FIRST);
    let rings = Arc::new(Rings::default());
    driver.shard(0).wake_with(Waker::from(Arc::clone(&rings)));
    for number in 0..MOST {
        assert!(!driver.shard(0).is_saturated(), "after {number}");
        driver.publish(&publisher, "news", &number.to_be_bytes());
    }
    assert!(driver.shard(0).is_saturated() && driver.shard(0).is_pending());
    assert!(!driver.shard(1).is_saturated(), "the other shard asked for nothing");
    assert!(peer.payloads().is_empty() && rings.0.load(Ordering::Relaxed) == 0);
    while step() {}
    assert_eq!(rings.0.load(Ordering::Relaxed), 1, "the one thing that was under way is done");
    assert_eq!(peer.payloads(), [[0, 0]], "and the next is asked for when the shard looks");
    driver.settle();
    assert!(!driver.shard(0).is_saturated() && !driver.shard(0).is_pending());
    assert_eq!(peer.payloads(), (0..MOST).map(u16::to_be_bytes).collect::<Vec<_>>());
}

#[test]
fn answers_wait_in_their_turn_for_the_join_before_them() {
    let mut driver = Driver::<Direct<UnderChannel>>::new(1);
    let peer = driver.open(0, FIRST);
    driver.answer(&peer, "before");
    driver.subscribe(&peer, "news").unwrap();
    driver.answer(&peer, "behind");
    driver.unsubscribe(&peer, "news");
    assert!(driver.shard(0).awaits_subscription(peer.id) && driver.pending_bytes(&peer) > 0);
    driver.shard(0).flush(1);
    assert_eq!(peer.frames(), [Frame::answer("before")], "nothing else before the join is done");
    driver.settle();
    assert!(!driver.shard(0).awaits_subscription(peer.id));
    assert_eq!(peer.frames(), ["before", "+news", "behind", "-news"].map(Frame::answer));
    driver.publish(&peer, "news", b"to nobody");
    driver.settle();
    assert!(peer.payloads().is_empty());
}

#[test]
fn a_close_frame_waits_for_what_the_connection_published_itself() {
    let mut driver = Driver::<Direct<UnderPortal>>::new(1);
    let (peer, other) = (driver.open(0, FIRST), driver.open(0, FIRST));
    driver.subscribe(&peer, "news").unwrap();
    driver.publish(&peer, "news", b"last words");
    driver.end(&peer, "bye");
    driver.end(&other, "bye");
    assert!(driver.shard(0).awaits_others(peer.id) && !driver.shard(0).awaits_others(other.id));
    driver.settle();
    assert!(!driver.shard(0).awaits_others(peer.id));
    let last = [Frame::message("news", b"last words"), Frame::answer("bye")];
    assert_eq!(peer.frames()[1..], last);
}

#[test]
fn a_close_frame_waits_for_the_registry_and_nothing_follows_it() {
    let mut driver = Driver::<Direct<UnderPortal>>::new(1);
    let peer = driver.open(0, FIRST);
    driver.subscribe(&peer, "news").unwrap();
    driver.publish(&peer, "news", b"late");
    driver.end(&peer, "bye");
    driver.shard(0).flush(1);
    assert_eq!((peer.frames(), driver.effects()), (vec![], vec![]));
    driver.settle();
    assert_eq!(peer.frames(), [Frame::answer("+news"), Frame::message("news", b"late"), Frame::answer("bye")]);
    assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
    driver.publish(&peer, "news", b"later");
    driver.settle();
    assert_eq!(peer.frames().len(), 3);
    driver.close(&peer);
    driver.settle();
    assert!(peer.outlet.is_released());
}

#[test]
fn what_befell_a_connection_that_has_closed_meanwhile_is_no_news() {
    let mut driver = Driver::<Direct<UnderPortal>>::new(2);
    let peer = driver.join(0, FIRST, "news");
    let publisher = driver.open(1, FIRST);
    peer.outlet.set_room(message_bytes("news", b"one") - 1);
    driver.publish(&publisher, "news", b"one");
    while step() {}
    assert_eq!(peer.outlet.room(), 0, "it was written to on the registry's thread");
    driver.close(&peer);
    driver.settle();
    assert_eq!(driver.effects(), []);
    let publication = Publication { channel: "news", payload: b"two", no_echo: false };
    driver.publish_as(&publisher, &publication);
    driver.settle();
    assert!(peer.outlet.is_released());
}
