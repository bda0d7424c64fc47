//! The bound of all logs of a shard together: the subscriber that is furthest behind pays first, and no publisher pays.

use crate::common::{Driver, FIRST, Frame, Peer, SECOND, ShardedFactory, limits, message_bytes};
use corecast_fanout::{Effect, Policy};

const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// Creates a shard whose logs together may hold `messages` messages of one byte.
fn driver(messages: usize) -> Driver<ShardedFactory> {
    let mut limits = limits(1 << 20);
    limits.shard_log_bytes = messages * (message_bytes("a", b"1").max(message_bytes("b", b"1")) + size_of::<usize>());
    Driver::with(1, &limits, 8)
}

fn stalled(driver: &mut Driver<ShardedFactory>, channel: &str, encoding: corecast_fanout::Encoding) -> Peer {
    let peer = driver.join(0, encoding, channel);
    peer.outlet.set_room(0);
    peer
}

fn gaps(peer: &Peer) -> Vec<u64> {
    let gap = |frame| match frame {
        Frame::Gap { count, .. } => Some(count),
        _ => None,
    };
    peer.frames().into_iter().filter_map(gap).collect()
}

#[test]
fn whoever_is_behind_the_most_pays_first_and_the_others_miss_nothing() {
    let mut driver = driver(16);
    let peers = CHANNELS.map(|channel| stalled(&mut driver, channel, FIRST));
    let publisher = driver.open(0, FIRST);
    // The last message exceeds the bound by one message.
    for (channel, messages) in CHANNELS.into_iter().zip([4, 3, 10]) {
        for number in 0..messages {
            driver.publish(&publisher, channel, &[number]);
            driver.settle();
            assert!(!driver.shard(0).is_saturated());
        }
    }
    assert_eq!(driver.counters().missed, 10);
    for peer in &peers {
        driver.make_room(peer, usize::MAX);
    }
    driver.settle();
    assert_eq!(
        peers.each_ref().map(|peer| (peer.payloads().len(), gaps(peer))),
        [(4, vec![]), (3, vec![]), (0, vec![10])]
    );
    assert_eq!(driver.shard(0).backlog(peers[2].id).bytes_behind, 0);
}

#[test]
fn a_log_that_several_hold_is_paid_for_by_each_of_them() {
    let mut driver = driver(8);
    let peers = [0, 1, 2].map(|_| stalled(&mut driver, "a", FIRST));
    let near = stalled(&mut driver, "b", FIRST);
    let publisher = driver.open(0, FIRST);
    driver.publish(&publisher, "b", b"1");
    for number in 0..8 {
        driver.publish(&publisher, "a", &[number]);
        driver.settle();
    }
    for peer in peers.iter().chain([&near]) {
        driver.make_room(peer, usize::MAX);
    }
    driver.settle();
    assert_eq!(peers.each_ref().map(gaps), [[8], [8], [8]]);
    assert_eq!((gaps(&near).len(), near.payloads().len()), (0, 1));
}

#[test]
fn who_disconnects_on_lag_is_ended_with_all_its_subscriptions_and_counted() {
    let mut driver = driver(8);
    let far = driver.join(0, SECOND, "a");
    driver.subscribe(&far, "b").unwrap();
    driver.settle();
    far.outlet.set_room(0);
    let publisher = driver.open(0, FIRST);
    for number in 0..6 {
        for channel in ["a", "b"] {
            driver.publish(&publisher, channel, &[number]);
            driver.settle();
        }
    }
    assert_eq!(driver.effects(), [Effect::Full(far.id), Effect::Lagged(far.id)]);
    let counters = driver.counters();
    assert_eq!((counters.lagged, counters.undelivered, counters.missed), (1, 9, 0));
    let backlog = driver.shard(0).backlog(far.id);
    assert!(backlog.channels == 2 && backlog.bytes_behind > 0, "{backlog:?}");
}

#[test]
fn who_takes_bytes_does_not_pay_however_small_the_bound() {
    let mut driver = driver(1);
    let reader = driver.join(0, SECOND, "a");
    let publisher = driver.open(0, FIRST);
    for number in 0..20 {
        driver.publish(&publisher, "a", &[number]);
    }
    assert_eq!(driver.effects(), []);
    driver.settle();
    assert_eq!(reader.payloads().len(), 20);
    assert_eq!(driver.counters().lagged, 0);
}
