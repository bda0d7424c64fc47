//! The end of a subscription that must be told of a gap first.

use crate::Driver;
use crate::common::{FIRST, Frame, SECOND, answer, message_bytes};
use corecast_fanout::{Effect, Policy};

#[test]
fn whoever_missed_everything_is_told_before_the_answer_to_unsubscribe() {
    // The log keeps nothing for subscribers that do not read.
    let mut driver = Driver::with_log(1, 0);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, FIRST, "news");
    subscriber.outlet.set_room(0);
    for _ in 0..3 {
        driver.publish(&publisher, "news", b"1");
        driver.settle();
    }
    driver.unsubscribe(&subscriber, "news");
    driver.settle();
    driver.make_room(&subscriber, usize::MAX);
    driver.settle();
    let gap = Frame::Gap { channel: "news".to_owned(), count: 3 };
    assert_eq!(subscriber.frames(), [Frame::answer("+news"), gap, Frame::answer("-news")]);
}

#[test]
fn a_connection_that_ends_is_answered_what_waits_and_not_subscribed_again() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.join(0, FIRST, "news");
    subscriber.outlet.set_room(0);
    driver.publish(&publisher, "news", b"1");
    driver.settle();
    driver.unsubscribe(&subscriber, "news");
    driver.subscribe(&subscriber, "news").unwrap();
    driver.end(&subscriber, "bye");
    driver.settle();
    driver.publish(&publisher, "news", b"too late");
    driver.make_room(&subscriber, usize::MAX);
    driver.settle();
    let answers = ["-news", "+news", "bye"].map(Frame::answer);
    let expected: Vec<_> = [Frame::answer("+news"), Frame::message("news", b"1")].into_iter().chain(answers).collect();
    assert_eq!(subscriber.frames(), expected);
}

#[test]
fn the_end_of_a_connection_leaves_the_effects_of_others_alone() {
    for subscribed in [true, false] {
        let mut driver = Driver::new(1);
        let full = driver.join(0, FIRST, "news");
        let ending = if subscribed { driver.join(0, FIRST, "news") } else { driver.open(0, FIRST) };
        full.outlet.set_room(0);
        driver.publish(&ending, "news", b"1");
        // This does not go through the driver, which would take the effects at once.
        driver.shard(0).flush(64);
        driver.end(&ending, "bye");
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Full(full.id), Effect::Drained(ending.id)], "subscribed: {subscribed}");
    }
}

#[test]
fn leaving_one_channel_leaves_the_messages_of_the_others_to_come() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let subscriber = driver.open(0, FIRST);
    for channel in ["a", "b", "c"] {
        driver.subscribe(&subscriber, channel).unwrap();
    }
    driver.settle();
    let before = subscriber.frames();
    for channel in ["a", "b", "c"] {
        driver.publish(&publisher, channel, b"1");
    }
    assert!(driver.flush(0, 3), "all three are to be sent together when every channel was visited");
    driver.unsubscribe(&subscriber, "b");
    driver.settle();
    let expected =
        [Frame::message("b", b"1"), Frame::answer("-b"), Frame::message("a", b"1"), Frame::message("c", b"1")];
    assert_eq!(subscriber.frames()[before.len()..], expected);
}

#[test]
fn an_answer_that_waits_goes_with_a_connection_that_lags() {
    let mut driver = Driver::with_log(1, 2 * (message_bytes("news", b"1") + size_of::<usize>()));
    let publisher = driver.open(0, FIRST);
    let _other = driver.join(0, FIRST, "news");
    let slow = driver.join(0, SECOND, "news");
    slow.outlet.set_room(0);
    driver.publish(&publisher, "news", b"1");
    driver.settle();
    driver.unsubscribe(&slow, "news");
    assert_eq!(driver.pending_bytes(&slow), answer(SECOND, "-news").len());
    for _ in 0..3 {
        driver.publish(&publisher, "news", b"1");
        driver.settle();
    }
    assert!(driver.effects().contains(&Effect::Lagged(slow.id)));
    assert_eq!(driver.pending_bytes(&slow), 0);
}
