//! The barriers that a shard waits for, and the batches that it posts.

use crate::Driver;
use crate::common::{FIRST, Frame, SECOND, message_bytes};
use corecast_fanout::Policy;

#[test]
fn a_subscription_is_awaited_until_the_other_shards_know_of_it() {
    let mut driver = Driver::new(2);
    let subscriber = driver.open(0, FIRST);
    assert!(!driver.shard(0).awaits_subscription(subscriber.id));
    driver.subscribe(&subscriber, "news").unwrap();
    assert!(driver.shard(0).awaits_subscription(subscriber.id));
    driver.settle();
    assert!(!driver.shard(0).awaits_subscription(subscriber.id));
}

#[test]
fn an_end_awaits_the_others_until_they_have_posted_what_they_accepted() {
    let mut driver = Driver::new(2);
    let subscriber = driver.join(0, FIRST, "news");
    assert!(!driver.shard(0).awaits_others(subscriber.id), "it has not ended");
    driver.end(&subscriber, "bye");
    assert!(driver.shard(0).awaits_others(subscriber.id));
    driver.settle();
    assert!(!driver.shard(0).awaits_others(subscriber.id));
}

#[test]
fn an_end_that_lagged_meanwhile_awaits_nobody() {
    let mut driver = Driver::with_log(2, message_bytes("news", b"1") + size_of::<usize>());
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, SECOND, "news");
    subscriber.outlet.set_room(0);
    driver.end(&subscriber, "bye");
    for _ in 0..3 {
        driver.publish(&publisher, "news", b"1");
        driver.flush(0, 64);
    }
    assert!(driver.effects().contains(&corecast_fanout::Effect::Lagged(subscriber.id)));
    assert!(!driver.shard(0).awaits_others(subscriber.id));
}

#[test]
fn a_shard_that_becomes_interested_is_posted_what_is_published_from_then_on() {
    let mut driver = Driver::new(2);
    let publisher = driver.open(0, FIRST);
    let early = driver.join(0, FIRST, "news");
    // The message is kept, because the subscriber does not read.
    early.outlet.set_room(0);
    driver.publish(&publisher, "news", b"before");
    driver.settle();
    let late = driver.join(1, FIRST, "news");
    driver.publish(&publisher, "news", b"behind");
    assert!(driver.dispatch(0), "posting needs no flush");
    driver.settle();
    assert_eq!(late.payloads(), [b"behind"]);
}

#[test]
fn a_subscription_that_takes_effect_before_a_message_is_posted_begins_behind_it() {
    let mut driver = Driver::new(2);
    let publisher = driver.open(0, FIRST);
    let there = driver.join(1, FIRST, "news");
    let here = driver.open(0, FIRST);
    driver.subscribe(&here, "news").unwrap();
    driver.publish(&publisher, "news", b"before");
    // The other shard publishes nothing more, so the subscription waits for nobody.
    driver.shard(0).finished(1);
    driver.settle();
    assert_eq!(here.frames(), [Frame::answer("+news")]);
    driver.publish(&publisher, "news", b"behind");
    driver.settle();
    assert_eq!(here.payloads(), [b"behind"]);
    assert_eq!(there.payloads(), [b"before", b"behind"]);
}
