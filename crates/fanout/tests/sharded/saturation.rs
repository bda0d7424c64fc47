//! A shard is saturated while an unfinished flush leaves more in its logs than they should hold.

use crate::Driver;
use crate::common::{FIRST, Peer, limits, message_bytes};
use corecast_fanout::Policy;

/// Returns the bytes of the bounds that one message of one byte uses.
fn message() -> usize {
    message_bytes("news", b"1") + size_of::<usize>()
}

/// Creates a shard with these bounds. A publisher gave it five messages for twenty subscribers, and it has begun to
/// send them.
fn driver(log_bytes: usize, shard_log_bytes: usize) -> (Driver, Peer) {
    let mut limits = limits(log_bytes);
    limits.shard_log_bytes = shard_log_bytes;
    let mut driver = Driver::with(1, &limits, 8);
    let publisher = driver.open(0, FIRST);
    for _ in 0..20 {
        driver.join(0, FIRST, "news");
    }
    for _ in 0..5 {
        driver.publish(&publisher, "news", b"1");
    }
    assert!(driver.flush(0, 1), "nineteen have had none");
    (driver, publisher)
}

#[test]
fn messages_over_a_bound_saturate_the_shard_until_they_have_been_offered_to_everybody() {
    for (log_bytes, shard_log_bytes) in [(2 * message(), 1 << 20), (1 << 20, 5 * message() - 1)] {
        let (mut driver, publisher) = driver(log_bytes, shard_log_bytes);
        assert!(driver.shard(0).is_saturated(), "{log_bytes} {shard_log_bytes}");
        while driver.flush(0, 64) {}
        assert!(!driver.shard(0).is_saturated(), "{log_bytes} {shard_log_bytes}");
        assert_eq!(driver.counters().deliveries, 100, "whoever takes bytes misses nothing");
        driver.publish(&publisher, "news", b"1");
        assert!(driver.flush(0, 1) && !driver.shard(0).is_saturated(), "one message is within the bounds");
    }
}

#[test]
fn messages_within_the_bounds_do_not() {
    // The bound of one log applies to the bytes that are still to be sent.
    for (log_bytes, shard_log_bytes) in [(1 << 20, 5 * message()), (5 * message_bytes("news", b"1"), 1 << 20)] {
        let (mut driver, _) = driver(log_bytes, shard_log_bytes);
        assert!(!driver.shard(0).is_saturated(), "{log_bytes} {shard_log_bytes}");
    }
}

#[test]
fn what_is_kept_for_those_who_do_not_read_does_not_either() {
    let mut driver = Driver::with_log(1, 2 * message());
    let publisher = driver.open(0, FIRST);
    let stalled = driver.join(0, FIRST, "news");
    stalled.outlet.set_room(0);
    for _ in 0..3 {
        for _ in 0..5 {
            driver.publish(&publisher, "news", b"1");
        }
        while driver.flush(0, 64) {}
        assert!(!driver.shard(0).is_saturated());
    }
}
