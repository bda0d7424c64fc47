//! Connections end, and nothing of them remains.

use crate::SHARDS;
use crate::common::{Driver, FIRST, Frame, PolicyFactory, SECOND, answer, limits, message_bytes};
use corecast_fanout::{ConnectionId, Effect, Policy, Publication};

for_every_policy!(
    a_close_frame_is_the_last_thing_and_reported_once,
    a_close_frame_waits_for_the_transport,
    an_empty_close_frame_is_reported_too,
    a_drain_before_the_end_is_not_taken_for_the_close_frames,
    a_closed_connection_leaves_nothing_behind,
    closing_in_the_middle_of_everything_leaves_nothing_behind,
    an_old_name_does_nothing_to_the_next_owner_of_the_slot,
    a_message_for_the_last_owner_of_a_slot_does_not_reach_the_next,
    a_channel_log_that_ends_while_messages_are_on_their_way_is_forgotten,
    what_a_connection_had_not_been_sent_when_it_ended_is_counted,
    everything_accepted_before_is_delivered_before_the_answer_to_leaving,
    everything_accepted_before_is_delivered_before_the_close_frame,
    a_subscription_that_was_asked_for_before_the_end_is_answered,
    a_subscription_left_and_taken_up_again_at_once_is_answered_in_turn,
    what_others_had_accepted_when_a_connection_broke_is_counted,
    a_shard_that_has_finished_is_not_waited_for,
);

fn a_close_frame_is_the_last_thing_and_reported_once<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(0, FIRST, "news");
        let publisher = driver.open(1, FIRST);
        driver.subscribe(&peer, "awaited").unwrap();
        driver.answer(&peer, "pong");
        driver.end(&peer, "bye");
        driver.end(&peer, "bye again");
        driver.answer(&peer, "pong");
        driver.subscribe(&peer, "more").unwrap();
        driver.unsubscribe(&peer, "news");
        driver.settle();
        driver.publish(&publisher, "news", b"late");
        driver.settle();
        driver.unsubscribe(&peer, "news");
        driver.shard(0).writable(peer.id);
        driver.settle();
        let frames = peer.frames();
        assert_eq!((frames.len(), frames.last()), (4, Some(&Frame::answer("bye"))), "{frames:?}");
        assert!(["+awaited", "pong"].iter().all(|text| frames.contains(&Frame::answer(text))), "{frames:?}");
        assert!(peer.payloads().is_empty());
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn a_close_frame_waits_for_the_transport<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(0, FIRST, "news");
        peer.outlet.set_room(4);
        driver.publish(&peer, "news", b"one");
        driver.settle();
        driver.end(&peer, "bye");
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Full(peer.id)]);
        // A connection that is writable and flushed in the same turn is reported once.
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
        assert_eq!(peer.frames()[1..], [Frame::message("news", b"one"), Frame::answer("bye")]);
        let other = driver.join(0, FIRST, "news");
        other.outlet.set_room(2);
        driver.end(&other, "bye");
        driver.settle();
        driver.make_room(&other, 2);
        driver.make_room(&other, usize::MAX);
        driver.settle();
        let effects = [Effect::Full(other.id), Effect::Full(other.id), Effect::Drained(other.id)];
        assert_eq!(driver.effects(), effects);
    }
}

fn an_empty_close_frame_is_reported_too<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(1);
    let peer = driver.join(0, FIRST, "news");
    driver.shard(0).end(peer.id, b"");
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
    assert_eq!(peer.frames(), [Frame::answer("+news")]);
}

fn a_drain_before_the_end_is_not_taken_for_the_close_frames<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(1);
    let peer = driver.join(0, FIRST, "news");
    peer.outlet.set_room(0);
    driver.publish(&peer, "news", b"one");
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Full(peer.id)]);
    peer.outlet.set_room(usize::MAX);
    driver.shard(0).writable(peer.id);
    // The effects have not been looked at yet.
    peer.outlet.set_room(0);
    driver.end(&peer, "bye");
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Full(peer.id)]);
    driver.make_room(&peer, usize::MAX);
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
}

fn a_closed_connection_leaves_nothing_behind<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let mut peers: Vec<_> =
            (0..6).map(|shard| driver.join(shard, if shard % 2 == 0 { FIRST } else { SECOND }, "news")).collect();
        for peer in &peers {
            driver.subscribe(peer, &format!("of {}", peer.id)).unwrap();
            driver.publish(peer, "news", b"one");
        }
        driver.settle();
        for peer in peers.drain(..) {
            let before = peer.outlet.taken();
            driver.close(&peer);
            driver.close(&peer);
            driver.settle();
            assert!(peer.outlet.is_released(), "nobody has its transport");
            assert_eq!(peer.outlet.taken(), before);
        }
        assert_eq!(driver.channel_logs(), 0);
        assert_eq!(driver.effects(), []);
        let publisher = driver.open(0, FIRST);
        driver.publish(&publisher, "news", b"two");
        driver.settle();
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn closing_in_the_middle_of_everything_leaves_nothing_behind<F: PolicyFactory>() {
    for shards in SHARDS {
        for steps in 0..6 {
            let mut driver = Driver::<F>::with(shards, &limits(100), 1);
            let peers: Vec<_> = (0..6).map(|shard| driver.open(shard, FIRST)).collect();
            for peer in &peers {
                driver.subscribe(peer, "news").unwrap();
                if steps > 3 {
                    driver.settle();
                }
                peer.outlet.set_room(30);
                driver.answer(peer, "pong");
                driver.publish(peer, "news", b"one");
            }
            for shard in driver.shard_ids().take(steps) {
                driver.dispatch(shard);
                driver.receive(shard);
                driver.flush(shard, steps);
            }
            for peer in &peers {
                driver.close(peer);
            }
            driver.effects();
            driver.settle();
            assert_eq!(driver.channel_logs(), 0);
            assert_eq!(driver.effects(), []);
            assert!(peers.iter().all(|peer| peer.outlet.is_released()));
            assert!(!driver.shard(0).is_saturated());
        }
    }
}

fn an_old_name_does_nothing_to_the_next_owner_of_the_slot<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let old = driver.join(0, FIRST, "news");
        driver.close(&old);
        let new = driver.join(0, FIRST, "news");
        assert_eq!((new.id.shard, new.id.slot), (old.id.shard, old.id.slot), "the slot is used again");
        assert_ne!(new.id, old.id);
        let before = old.outlet.taken();
        driver.subscribe(&old, "other").unwrap();
        driver.unsubscribe(&old, "news");
        driver.answer(&old, "pong");
        driver.publish(&old, "news", b"from nobody");
        driver.publish_as(&old, &Publication { channel: "news", payload: b"not to itself", no_echo: true });
        driver.shard(0).writable(old.id);
        driver.end(&old, "bye");
        driver.close(&old);
        driver.settle();
        assert_eq!((driver.effects(), driver.pending_bytes(&old)), (vec![], 0));
        assert_eq!(driver.counters().published, 0);
        driver.publish(&new, "news", b"one");
        driver.publish(&new, "other", b"two");
        driver.settle();
        assert_eq!(new.payloads(), [b"one"]);
        assert_eq!(old.outlet.taken(), before);
    }
}

fn a_message_for_the_last_owner_of_a_slot_does_not_reach_the_next<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let publisher = driver.open(1, FIRST);
        let mut last: Option<ConnectionId> = None;
        for round in 0..5 {
            let peer = driver.join(0, FIRST, "news");
            assert!(last.is_none_or(|id| id.slot == peer.id.slot && id.generation != peer.id.generation));
            peer.outlet.set_room(4);
            driver.answer(&peer, "pong");
            driver.publish(&publisher, "news", b"one");
            driver.dispatch(publisher.id.shard);
            if round % 2 == 0 {
                driver.settle();
            }
            driver.close(&peer);
            let next = driver.open(0, FIRST);
            driver.settle();
            assert_eq!(next.frames(), []);
            driver.answer(&next, "pong");
            driver.settle();
            assert_eq!(next.outlet.taken(), answer(FIRST, "pong"));
            last = Some(next.id);
            driver.close(&next);
        }
    }
}

fn a_channel_log_that_ends_while_messages_are_on_their_way_is_forgotten<F: PolicyFactory>() {
    let mut driver = Driver::<F>::with(3, &limits(100), 1);
    let peer = driver.join(0, FIRST, "news");
    let publishers: Vec<_> = (0..3).map(|shard| driver.open(shard, FIRST)).collect();
    for publisher in &publishers {
        driver.publish(publisher, "news", &[7; 200]);
    }
    driver.dispatch(1);
    driver.unsubscribe(&peer, "news");
    driver.dispatch(0);
    for publisher in &publishers {
        driver.publish(publisher, "news", &[8; 200]);
    }
    driver.settle();
    assert_eq!(driver.channel_logs(), 0);
    for shard in 0..3 {
        assert!(!driver.shard(shard).is_saturated());
    }
}

fn what_a_connection_had_not_been_sent_when_it_ended_is_counted<F: PolicyFactory>() {
    const MOST: u64 = 9;
    // Subscribers of the second encoding, which disconnects on lag, ended by the owner, by the peer, and by lagging.
    for (log_bytes, breaks_off, sent) in [(1000, false, 2), (1000, true, 0), (60, false, 2)] {
        for shards in SHARDS {
            let mut driver = Driver::<F>::with_log(shards, log_bytes);
            let (peer, reader) = (driver.join(0, SECOND, "news"), driver.join(0, SECOND, "news"));
            let publisher = driver.open(1, FIRST);
            let message = message_bytes("news", b"1");
            peer.outlet.set_room(sent * message);
            if breaks_off {
                peer.outlet.break_off();
            }
            let (mut messages, mut lagged) = (0, false);
            while messages < MOST && !lagged {
                driver.publish(&publisher, "news", b"1");
                driver.settle();
                messages += 1;
                lagged = driver.effects().contains(&Effect::Lagged(peer.id));
            }
            assert_eq!(lagged, log_bytes == 60);
            driver.end(&peer, "bye");
            driver.close(&peer);
            driver.settle();
            let counters = driver.counters();
            assert_eq!(counters.deliveries, messages + sent as u64, "{counters:?}");
            assert_eq!((counters.undelivered, counters.missed), (messages - sent as u64, 0), "{counters:?}");
            assert_eq!(reader.payloads().len() as u64, messages);
        }
    }
}

/// Returns a subscriber that took one message and a half, of nine that were accepted on another shard and have not left
/// it.
fn behind<F: PolicyFactory>(shards: u16) -> (Driver<F>, crate::common::Peer, Vec<Vec<u8>>) {
    let mut driver = Driver::<F>::with(shards, &limits(1000), 1);
    let peer = driver.join(0, FIRST, "news");
    peer.outlet.set_room(message_bytes("news", b"1") * 3 / 2);
    let publisher = driver.open(1, FIRST);
    for number in 0..9 {
        driver.publish(&publisher, "news", &[number]);
        driver.dispatch(publisher.id.shard);
    }
    (driver, peer, (0..9).map(|number| vec![number]).collect())
}

fn everything_accepted_before_is_delivered_before_the_answer_to_leaving<F: PolicyFactory>() {
    for shards in SHARDS {
        let (mut driver, peer, all) = behind::<F>(shards);
        driver.unsubscribe(&peer, "news");
        driver.settle();
        driver.make_room(&peer, 10);
        driver.settle();
        let told = answer(FIRST, "-news");
        assert!(!peer.outlet.taken().ends_with(&told), "it has not ended");
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(peer.payloads(), all);
        assert_eq!(peer.frames().last(), Some(&Frame::answer("-news")));
        assert_eq!((driver.counters().deliveries, driver.pending_bytes(&peer), driver.channel_logs()), (9, 0, 0));
    }
}

fn everything_accepted_before_is_delivered_before_the_close_frame<F: PolicyFactory>() {
    for shards in SHARDS {
        let (mut driver, peer, all) = behind::<F>(shards);
        driver.end(&peer, "bye");
        driver.settle();
        driver.make_room(&peer, 10);
        driver.settle();
        assert!(!driver.effects().contains(&Effect::Drained(peer.id)));
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
        assert_eq!(peer.payloads(), all);
        assert_eq!(peer.frames().last(), Some(&Frame::answer("bye")));
        assert_eq!((driver.counters().deliveries, driver.channel_logs()), (9, 0));
    }
}

fn a_subscription_that_was_asked_for_before_the_end_is_answered<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.open(0, FIRST);
        driver.subscribe(&peer, "news").unwrap();
        driver.end(&peer, "bye");
        driver.settle();
        assert_eq!(peer.frames(), ["+news", "bye"].map(Frame::answer));
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn a_subscription_left_and_taken_up_again_at_once_is_answered_in_turn<F: PolicyFactory>() {
    for shards in SHARDS {
        let (mut driver, peer, all) = behind::<F>(shards);
        driver.unsubscribe(&peer, "news");
        driver.subscribe(&peer, "news").unwrap();
        driver.subscribe(&peer, "news").unwrap();
        driver.unsubscribe(&peer, "news");
        driver.subscribe(&peer, "news").unwrap();
        driver.settle();
        assert!(driver.pending_bytes(&peer) >= 5 * answer(FIRST, "+news").len(), "what waits counts");
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        let publisher = driver.open(1, FIRST);
        driver.publish(&publisher, "news", b"later");
        driver.settle();
        let mut expected = vec![Frame::answer("+news")];
        expected.extend(all.iter().map(|payload| Frame::message("news", payload)));
        expected.extend(["-news", "+news", "+news", "-news", "+news"].map(Frame::answer));
        expected.push(Frame::message("news", b"later"));
        assert_eq!(peer.frames(), expected);
        assert_eq!(driver.pending_bytes(&peer), 0);
        driver.unsubscribe(&peer, "news");
        driver.settle();
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn what_others_had_accepted_when_a_connection_broke_is_counted<F: PolicyFactory>() {
    for shards in SHARDS {
        let (mut driver, peer, _) = behind::<F>(shards);
        peer.outlet.break_off();
        driver.end(&peer, "");
        driver.settle();
        assert!(!driver.shard(0).awaits_others(peer.id));
        driver.close(&peer);
        driver.settle();
        let counters = driver.counters();
        assert_eq!(counters.deliveries + counters.undelivered, 9, "{counters:?}");
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn a_shard_that_has_finished_is_not_waited_for<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(3);
    let peer = driver.join(0, FIRST, "news");
    driver.subscribe(&peer, "awaited").unwrap();
    driver.end(&peer, "bye");
    for other in [1, 2] {
        driver.shard(0).finished(other);
    }
    // Nobody receives anything any more.
    for _ in 0..10 {
        driver.flush(0, 64);
    }
    assert_eq!(peer.frames()[1..], ["+awaited", "bye"].map(Frame::answer));
    assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
}
