//! The backlog of a connection that its owner is told.

use crate::Driver;
use crate::common::{FIRST, SECOND, answer, message_bytes};
use corecast_fanout::{Backlog, Policy, Publication};

#[test]
fn a_backlog_grows_with_what_is_kept_and_shrinks_with_what_leaves() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, FIRST, "news");
    driver.subscribe(&subscriber, "sport").unwrap();
    driver.settle();
    assert_eq!(driver.shard(0).backlog(subscriber.id), Backlog { channels: 2, bytes_behind: 0 });
    subscriber.outlet.set_room(0);
    driver.answer(&subscriber, "pong");
    for channel in ["news", "sport", "news"] {
        driver.publish(&publisher, channel, b"1");
    }
    driver.settle();
    let pong = answer(FIRST, "pong").len();
    let all = pong + 2 * message_bytes("news", b"1") + message_bytes("sport", b"1");
    assert_eq!(driver.shard(0).backlog(subscriber.id), Backlog { channels: 2, bytes_behind: all });
    driver.make_room(&subscriber, pong);
    assert_eq!(driver.shard(0).backlog(subscriber.id), Backlog { channels: 2, bytes_behind: all - pong });
    driver.close(&subscriber);
    assert_eq!(driver.shard(0).backlog(subscriber.id), Backlog::default());
}

#[test]
fn a_connection_that_lagged_keeps_the_backlog_that_it_had() {
    let message = message_bytes("news", b"1");
    let mut driver = Driver::with_log(1, 2 * (message + size_of::<usize>()));
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, SECOND, "news");
    subscriber.outlet.set_room(0);
    for _ in 0..3 {
        driver.publish(&publisher, "news", b"1");
        driver.settle();
    }
    assert_eq!(driver.shard(0).backlog(subscriber.id), Backlog { channels: 1, bytes_behind: 3 * message });
}

/// The connection fell behind only with messages that it published itself and asked not to receive.
#[test]
fn a_connection_that_missed_nothing_has_a_backlog_of_its_own_time() {
    let message = message_bytes("news", b"1");
    let mut driver = Driver::with_log(1, 2 * (message + size_of::<usize>()));
    let other = driver.open(0, FIRST);
    let publisher = driver.join(0, SECOND, "news");
    publisher.outlet.set_room(0);
    driver.answer(&publisher, "pong");
    driver.settle();
    for _ in 0..3 {
        driver.publish_as(&publisher, &Publication { channel: "news", payload: b"1", no_echo: true });
        driver.settle();
    }
    driver.make_room(&publisher, usize::MAX);
    driver.settle();
    assert_eq!(driver.shard(0).backlog(publisher.id), Backlog { channels: 1, bytes_behind: 0 });

    publisher.outlet.set_room(0);
    driver.publish(&other, "news", b"1");
    driver.settle();
    assert_eq!(driver.shard(0).backlog(publisher.id), Backlog { channels: 1, bytes_behind: message });
}

#[test]
fn a_channel_has_a_log_in_each_encoding_while_somebody_wants_it() {
    let mut driver = Driver::new(2);
    assert_eq!(driver.channel_logs(), 0);
    let peers = [FIRST, SECOND, FIRST].map(|encoding| driver.join(0, encoding, "news"));
    assert_eq!(driver.channel_logs(), 4, "two here, and two that the other shard keeps for this one");
    for peer in &peers {
        driver.close(peer);
    }
    driver.settle();
    assert_eq!(driver.channel_logs(), 0);
}
