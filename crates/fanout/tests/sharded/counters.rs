//! The counters of a shard's work.

use crate::Driver;
use crate::common::{FIRST, SECOND, message_bytes};
use corecast_fanout::{Counters, Policy};

#[test]
fn each_send_and_each_batch_of_another_shard_is_counted() {
    let mut driver = Driver::new(2);
    let publisher = driver.open(0, FIRST);
    let _here = driver.join(0, FIRST, "news");
    let _elsewhere = driver.join(1, FIRST, "news");
    let mut expected = Counters::default();
    for round in 1..=3 {
        for payload in [&b"1"[..], b"two", b""] {
            driver.publish(&publisher, "news", payload);
            expected.published += 1;
            expected.deliveries += 2;
            expected.sent_bytes += 2 * message_bytes("news", payload) as u64;
        }
        driver.settle();
        expected.sends = 2 * round;
        expected.batches_received = round;
        assert_eq!(driver.counters(), expected);
    }
}

#[test]
fn a_short_send_is_counted_with_the_bytes_that_it_took() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, FIRST, "news");
    subscriber.outlet.set_room(5);
    driver.publish(&publisher, "news", b"payload");
    driver.settle();
    let expected =
        Counters { published: 1, deliveries: 1, sends: 1, sent_bytes: 5, short_sends: 1, ..Counters::default() };
    assert_eq!(driver.counters(), expected, "a message counts when its first byte has left");
    driver.make_room(&subscriber, usize::MAX);
    assert_eq!(driver.counters(), expected, "the rest of a cut message is no send of messages");
}

#[test]
fn what_a_connection_misses_is_counted_once_by_what_became_of_it() {
    // The log has room for two messages, and a subscriber that does not read has received none of them.
    let mut driver = Driver::with_log(1, 2 * (message_bytes("news", b"1") + size_of::<usize>()));
    let publisher = driver.open(0, FIRST);
    let skips = driver.join(0, FIRST, "news");
    let disconnects = driver.join(0, SECOND, "news");
    for peer in [&skips, &disconnects] {
        peer.outlet.set_room(0);
    }
    for _ in 0..5 {
        driver.publish(&publisher, "news", b"1");
        driver.settle();
    }
    let counters = driver.shard(0).counters();
    assert_eq!((counters.missed, counters.undelivered, counters.lagged), (3, 3, 1));
    driver.close(&skips);
    let counters = driver.shard(0).counters();
    assert_eq!((counters.missed, counters.undelivered, counters.lagged), (3, 5, 1), "two were still kept for it");
}

#[test]
fn what_a_peer_that_is_gone_is_not_sent_is_undelivered() {
    let mut driver = Driver::with_log(1, 2 * (message_bytes("news", b"1") + size_of::<usize>()));
    let publisher = driver.open(0, FIRST);
    let gone = driver.join(0, FIRST, "news");
    gone.outlet.break_off();
    for _ in 0..5 {
        driver.publish(&publisher, "news", b"1");
        driver.settle();
    }
    let counters = driver.shard(0).counters();
    assert_eq!((counters.undelivered, counters.missed, counters.lagged), (3, 0, 0));
    driver.close(&gone);
    assert_eq!(driver.shard(0).counters().undelivered, 5);
}
