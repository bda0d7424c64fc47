//! Subscribers that are behind by more than the bound are told the exact count or disconnected.

use crate::SHARDS;
use crate::common::{Driver, FIRST, Frame, Peer, PolicyFactory, SECOND, answer, message_bytes};
use corecast_fanout::{Effect, LagRule, Policy, Publication};

for_every_policy!(
    what_a_lagging_subscriber_missed_is_counted_exactly,
    each_gap_stands_where_the_messages_are_missing,
    a_gap_does_not_count_what_was_not_for_the_subscriber,
    a_gap_is_told_before_the_answer_to_leaving,
    leaving_behind_a_full_transport_is_bounded_too,
    a_subscriber_that_takes_bytes_never_lags,
    a_lagging_connection_is_reported_once_and_sent_no_more_messages,
    a_lagging_connection_still_gets_its_close_frame,
    one_channels_lag_leaves_other_subscribers_alone,
    a_connection_that_lags_while_it_ends_is_reported_and_ends_for_that,
    a_subscription_may_say_what_lagging_means_for_it,
);

/// Publishes messages numbered from `begin`, one to a batch.
fn publish<F: PolicyFactory>(driver: &mut Driver<F>, publisher: &Peer, channel: &str, numbers: std::ops::Range<u8>) {
    for number in numbers {
        driver.publish(publisher, channel, &[number]);
        driver.settle();
    }
}

/// Returns the numbers that a subscriber received, and the counts of its gaps, in order.
fn given_and_missed(peer: &Peer) -> (Vec<u8>, Vec<u64>) {
    let (mut given, mut missed) = (Vec::new(), Vec::new());
    for frame in peer.frames() {
        match frame {
            Frame::Message { payload, .. } => {
                // A gap stands for the missing numbers.
                let told: u64 = missed.iter().sum();
                assert_eq!(u64::from(payload[0]), given.len() as u64 + told, "{:?}", peer.frames());
                given.push(payload[0]);
            }
            Frame::Gap { count, .. } => missed.push(count),
            Frame::Answer(_) => {}
        }
    }
    (given, missed)
}

fn what_a_lagging_subscriber_missed_is_counted_exactly<F: PolicyFactory>() {
    for shards in SHARDS {
        for room in 0..=2 * message_bytes("news", b"1") {
            let mut driver = Driver::<F>::with_log(shards, 100);
            let peer = driver.join(0, FIRST, "news");
            let publisher = driver.open(1, FIRST);
            peer.outlet.set_room(room);
            publish(&mut driver, &publisher, "news", 0..50);
            assert!(driver.counters().missed > 0);
            driver.make_room(&peer, usize::MAX);
            publish(&mut driver, &publisher, "news", 50..55);
            let (given, missed) = given_and_missed(&peer);
            assert_eq!(missed.len(), 1);
            assert_eq!(given.len() as u64 + missed[0], 55);
            assert_eq!(given.last(), Some(&54));
            assert_eq!(driver.counters().missed, missed[0]);
            assert_eq!(driver.counters().deliveries, given.len() as u64);
            assert_eq!(driver.effects(), [Effect::Full(peer.id), Effect::Drained(peer.id)]);
        }
    }
}

fn each_gap_stands_where_the_messages_are_missing<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, FIRST, "news");
        let publisher = driver.open(1, FIRST);
        for begin in [0, 50, 100, 150] {
            peer.outlet.set_room(1);
            publish(&mut driver, &publisher, "news", begin..begin + 49);
            driver.make_room(&peer, usize::MAX);
            publish(&mut driver, &publisher, "news", begin + 49..begin + 50);
        }
        let (given, missed) = given_and_missed(&peer);
        assert_eq!(missed.len(), 4);
        assert_eq!(given.len() as u64 + missed.iter().sum::<u64>(), 200);
    }
}

fn a_gap_does_not_count_what_was_not_for_the_subscriber<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, FIRST, "news");
        let publisher = driver.open(1, FIRST);
        peer.outlet.set_room(0);
        let mut number = 0;
        for round in 0..60 {
            if round % 3 == 0 {
                driver.publish_as(&peer, &Publication { channel: "news", payload: b"own", no_echo: true });
            } else {
                driver.publish(&publisher, "news", &[number]);
                number += 1;
            }
            driver.settle();
        }
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        driver.publish_as(&peer, &Publication { channel: "news", payload: b"own", no_echo: true });
        driver.publish(&publisher, "news", &[number]);
        driver.settle();
        let (given, missed) = given_and_missed(&peer);
        assert_eq!(given.len() as u64 + missed.iter().sum::<u64>(), 41);
        assert_eq!(missed.len(), 1);
    }
}

fn a_gap_is_told_before_the_answer_to_leaving<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, FIRST, "news");
        let publisher = driver.open(1, FIRST);
        peer.outlet.set_room(0);
        publish(&mut driver, &publisher, "news", 0..50);
        driver.unsubscribe(&peer, "news");
        driver.settle();
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        let (given, missed) = given_and_missed(&peer);
        assert_eq!((given.len() as u64 + missed.iter().sum::<u64>(), missed.len()), (50, 1));
        assert_eq!(driver.counters().missed, missed[0]);
        assert_eq!(peer.frames().last(), Some(&Frame::answer("-news")));
        publish(&mut driver, &publisher, "news", 50..55);
        assert_eq!(given_and_missed(&peer), (given, missed));
    }
}

fn leaving_behind_a_full_transport_is_bounded_too<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peers = [FIRST, SECOND].map(|encoding| {
            let peer = driver.join(0, encoding, "news");
            peer.outlet.set_room(message_bytes("news", b"1"));
            peer
        });
        let publisher = driver.open(1, FIRST);
        publish(&mut driver, &publisher, "news", 0..5);
        for peer in &peers {
            driver.unsubscribe(peer, "news");
        }
        driver.settle();
        let others = [FIRST, SECOND].map(|encoding| driver.join(0, encoding, "news"));
        publish(&mut driver, &publisher, "news", 5..50);
        assert!(others.iter().all(|other| other.payloads().len() == 45));
        let [skips, disconnects] = peers;
        driver.make_room(&skips, usize::MAX);
        driver.settle();
        let (given, missed) = given_and_missed(&skips);
        assert_eq!(given.len() as u64 + missed.iter().sum::<u64>(), 5);
        assert_eq!(skips.frames().last(), Some(&Frame::answer("-news")));
        // The policy may keep one log for all subscribers or one for each. A subscriber that disconnects either lagged
        // or has received everything.
        let lagged = driver.effects().contains(&Effect::Lagged(disconnects.id));
        driver.make_room(&disconnects, usize::MAX);
        driver.settle();
        assert!(lagged || disconnects.payloads().len() == 5, "{:?}", disconnects.frames());
        assert_eq!(disconnects.frames().last() == Some(&Frame::answer("-news")), !lagged);
        let counters = driver.counters();
        let accounted = counters.deliveries + counters.missed + counters.undelivered;
        assert_eq!(accounted, 2 * 5 + 2 * 45, "{counters:?}");
    }
}

fn a_subscriber_that_takes_bytes_never_lags<F: PolicyFactory>() {
    // This holds however small the log and however slow the flush, because the bound is for subscribers that do not
    // take bytes.
    let mut driver = Driver::<F>::with_log(1, 60);
    let peers: Vec<_> = (0..5).map(|_| driver.join(0, SECOND, "news")).collect();
    let stuck = driver.join(0, FIRST, "news");
    stuck.outlet.set_room(0);
    for number in 0..100 {
        driver.publish(&peers[0], "news", &[number]);
        driver.flush(0, 1);
    }
    driver.settle();
    for peer in &peers {
        assert_eq!(peer.payloads().len(), 100);
    }
    assert_eq!(driver.effects(), [Effect::Full(stuck.id)]);
    assert!(!driver.shard(0).is_saturated());
}

fn a_lagging_connection_is_reported_once_and_sent_no_more_messages<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, SECOND, "a");
        for channel in ["b", "c"] {
            driver.subscribe(&peer, channel).unwrap();
            driver.settle();
        }
        let publisher = driver.open(1, FIRST);
        peer.outlet.set_room(3);
        for number in 0..100 {
            for channel in ["a", "b", "c"] {
                driver.publish(&publisher, channel, &[number]);
            }
            driver.settle();
        }
        assert_eq!(driver.effects(), [Effect::Full(peer.id), Effect::Lagged(peer.id)]);
        assert_eq!(driver.counters().lagged, 1);
        // The connection takes bytes again before the owner has ended it. The gap must not be hidden.
        driver.subscribe(&peer, "d").unwrap();
        driver.make_room(&peer, usize::MAX);
        for channel in ["a", "d"] {
            driver.publish(&publisher, channel, &[100]);
        }
        driver.settle();
        for channel in ["a", "b", "c", "d"] {
            let numbers = peer.frames().into_iter().filter_map(|frame| match frame {
                Frame::Message { channel: found, payload } if found == channel => Some(payload[0]),
                _ => None,
            });
            let numbers: Vec<_> = numbers.collect();
            assert_eq!(numbers, (0..u8::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(), "of {channel}");
            assert!(numbers.len() < 100);
        }
        driver.end(&peer, "lagged");
        driver.settle();
        driver.close(&peer);
        driver.settle();
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn a_lagging_connection_still_gets_its_close_frame<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, SECOND, "news");
        let publisher = driver.open(1, FIRST);
        peer.outlet.set_room(3);
        publish(&mut driver, &publisher, "news", 0..50);
        driver.end(&peer, "lagged");
        driver.settle();
        publish(&mut driver, &publisher, "news", 50..60);
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        let frames = peer.frames();
        assert_eq!(frames[..2], [Frame::answer("+news"), Frame::message("news", &[0])]);
        assert_eq!(frames.last(), Some(&Frame::answer("lagged")));
        let effects = [Effect::Full(peer.id), Effect::Lagged(peer.id), Effect::Drained(peer.id)];
        assert_eq!(driver.effects(), effects);
    }
}

fn one_channels_lag_leaves_other_subscribers_alone<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let slow = driver.join(0, SECOND, "news");
        let skipping = driver.join(0, FIRST, "news");
        let peers: Vec<_> = (0..3).map(|shard| driver.join(shard, SECOND, "news")).collect();
        slow.outlet.set_room(0);
        skipping.outlet.set_room(0);
        publish(&mut driver, &peers[0], "news", 0..50);
        for peer in &peers {
            assert_eq!(peer.payloads().len(), 50);
        }
        driver.close(&slow);
        driver.make_room(&skipping, usize::MAX);
        driver.settle();
        let (given, missed) = given_and_missed(&skipping);
        assert_eq!(given.len() as u64 + missed.iter().sum::<u64>(), 50);
    }
}

fn a_connection_that_lags_while_it_ends_is_reported_and_ends_for_that<F: PolicyFactory>() {
    // The connection falls behind because of another shard, and is ended before it learns of that.
    let mut driver = Driver::<F>::with_log(3, 100);
    let peer = driver.join(0, SECOND, "news");
    let publisher = driver.open(1, FIRST);
    peer.outlet.set_room(3);
    for number in 0..50 {
        driver.publish(&publisher, "news", &[number]);
    }
    driver.end(&peer, "bye");
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Full(peer.id), Effect::Lagged(peer.id)]);
    driver.end(&peer, "lagged");
    driver.settle();
    driver.make_room(&peer, usize::MAX);
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
    let frames = peer.frames();
    assert_eq!(frames.last(), Some(&Frame::answer("lagged")));
    assert!(!frames.contains(&Frame::answer("bye")), "{frames:?}");
    let counters = driver.counters();
    assert_eq!(counters.deliveries + counters.undelivered, 50, "{counters:?}");
}

fn a_subscription_may_say_what_lagging_means_for_it<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        // Each subscription has the opposite of its encoding's default.
        let [skips, disconnects] = [(SECOND, LagRule::Skip), (FIRST, LagRule::Disconnect)].map(|(encoding, lag)| {
            let peer = driver.open(0, encoding);
            let subscribed = driver.shard(0).subscribe_with(peer.id, "news", Some(lag), &answer(encoding, "+news"));
            subscribed.unwrap();
            driver.settle();
            peer.outlet.set_room(0);
            peer
        });
        let publisher = driver.open(1, FIRST);
        publish(&mut driver, &publisher, "news", 0..50);
        let effects = driver.effects();
        let lagged: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Lagged(_))).collect();
        assert_eq!(lagged, [&Effect::Lagged(disconnects.id)]);
        assert!(driver.shard(0).backlog(disconnects.id).bytes_behind > 0);
        driver.make_room(&skips, usize::MAX);
        driver.settle();
        let (given, missed) = given_and_missed(&skips);
        assert_eq!((given.len() as u64 + missed.iter().sum::<u64>(), missed.len()), (50, 1));
    }
}
