//! The recipients of each message and their order, while all transports take everything.

use crate::SHARDS;
use crate::common::{Driver, FIRST, Frame, PolicyFactory, SECOND, limits};
use corecast_fanout::{FanoutLimits, Hooks as _, Policy, Publication, TooManySubscriptions};

for_every_policy!(
    every_subscriber_gets_what_is_published_after_its_answer,
    the_answer_precedes_the_first_message,
    nothing_published_before_the_subscription_arrives,
    each_publishers_messages_arrive_in_order_and_once,
    messages_of_one_read_arrive_in_order_across_channels,
    nothing_arrives_behind_the_answer_to_unsubscribe,
    subscribing_again_gives_the_answer_again_and_nothing_twice,
    a_subscription_can_be_taken_up_again,
    no_echo_spares_only_the_publisher,
    an_empty_payload_is_a_message,
    each_encoding_of_a_channel_is_delivered,
    a_message_on_its_way_survives_its_publisher,
    publishing_where_nobody_listens_is_counted_and_forgotten,
    one_subscription_more_than_the_limit_is_refused,
    an_awaited_subscription_counts_once,
    a_subscription_taken_up_again_counts_before_it_has_ended,
    leaving_while_others_stay_keeps_the_messages_coming,
    a_budget_of_one_still_reaches_everybody,
    counters_count_messages_and_deliveries,
);

fn every_subscriber_gets_what_is_published_after_its_answer<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let publisher = driver.open(0, FIRST);
        let peers: Vec<_> = (0..6).map(|shard| driver.join(shard, FIRST, "news")).collect();
        for payload in [b"one", b"two"] {
            driver.publish(&publisher, "news", payload);
            driver.publish(&publisher, "other", b"not this");
        }
        driver.settle();
        for peer in peers {
            assert_eq!(peer.payloads(), [b"one", b"two"]);
        }
        assert!(publisher.frames().is_empty());
    }
}

fn the_answer_precedes_the_first_message<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        driver.join(2, FIRST, "news");
        let peer = driver.open(2, FIRST);
        let publisher = driver.open(2, FIRST);
        driver.subscribe(&peer, "news").unwrap();
        driver.publish(&publisher, "news", b"one");
        driver.settle();
        // Without an answer there is no promise yet. The message may come or not, but never before its answer.
        assert_eq!(peer.frames()[0], Frame::answer("+news"));
        driver.answer(&peer, "pong");
        driver.publish(&publisher, "news", b"two");
        driver.settle();
        let frames = peer.frames();
        assert_eq!(frames[frames.len() - 2..], [Frame::answer("pong"), Frame::message("news", b"two")]);
    }
}

fn nothing_published_before_the_subscription_arrives<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(1);
    let publisher = driver.join(0, FIRST, "news");
    let peer = driver.open(0, FIRST);
    let publication = Publication { channel: "news", payload: b"before", no_echo: false };
    driver.shard(0).publish(publisher.id, &publication);
    driver.subscribe(&peer, "news").unwrap();
    driver.shard(0).commit(publisher.id);
    driver.settle();
    assert_eq!(peer.frames(), [Frame::answer("+news")]);
    assert_eq!(publisher.payloads(), [b"before"]);
}

fn each_publishers_messages_arrive_in_order_and_once<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with(shards, &limits(1 << 20), 1);
        let peers: Vec<_> = (0..3).map(|shard| driver.join(shard, FIRST, "news")).collect();
        let publishers: Vec<_> = (0..3).map(|shard| driver.open(shard, FIRST)).collect();
        for number in 0..20_u8 {
            for (name, publisher) in (0_u8..).zip(&publishers) {
                driver.publish(publisher, "news", &[name, number]);
            }
            let shard = number % 3;
            driver.dispatch(u16::from(shard) % shards);
            driver.receive(u16::from(shard / 2) % shards);
            driver.flush(u16::from(shard) % shards, 1);
        }
        driver.settle();
        for peer in peers {
            let payloads = peer.payloads();
            assert_eq!(payloads.len(), 60);
            for name in 0..3 {
                let numbers = payloads.iter().filter(|payload| payload[0] == name).map(|payload| payload[1]);
                assert!(numbers.eq(0..20), "of publisher {name}");
            }
        }
    }
}

fn messages_of_one_read_arrive_in_order_across_channels<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(1, FIRST, "a");
        driver.subscribe(&peer, "b").unwrap();
        driver.settle();
        let publisher = driver.open(0, SECOND);
        for number in 0..10_u8 {
            let channel = if number % 3 == 0 { "a" } else { "b" };
            driver.shard(0).publish(publisher.id, &Publication { channel, payload: &[number], no_echo: false });
        }
        driver.shard(0).commit(publisher.id);
        driver.settle();
        let frames = peer.frames();
        let of = |channel| {
            let frames = frames.iter().filter_map(move |frame| match frame {
                Frame::Message { channel: found, payload } if found == channel => Some(payload[0]),
                _ => None,
            });
            frames.collect::<Vec<_>>()
        };
        assert_eq!((of("a"), of("b")), (vec![0, 3, 6, 9], vec![1, 2, 4, 5, 7, 8]));
    }
}

fn nothing_arrives_behind_the_answer_to_unsubscribe<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(1, FIRST, "news");
        let publisher = driver.open(0, FIRST);
        driver.publish(&publisher, "news", b"one");
        driver.settle();
        driver.publish(&publisher, "news", b"in flight");
        driver.dispatch(0);
        driver.unsubscribe(&peer, "news");
        driver.publish(&publisher, "news", b"late");
        driver.settle();
        let frames = peer.frames();
        assert_eq!(frames.last(), Some(&Frame::answer("-news")));
        assert_eq!(peer.payloads()[0], b"one");
        driver.unsubscribe(&peer, "news");
        driver.unsubscribe(&peer, "unheard of");
        driver.settle();
        assert_eq!(peer.frames()[frames.len()..], [Frame::answer("-news"), Frame::answer("-unheard of")]);
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn subscribing_again_gives_the_answer_again_and_nothing_twice<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.open(0, FIRST);
        for _ in 0..3 {
            driver.subscribe(&peer, "news").unwrap();
        }
        driver.settle();
        driver.subscribe(&peer, "news").unwrap();
        driver.publish(&peer, "news", b"one");
        driver.settle();
        let mut expected = vec![Frame::answer("+news"); 4];
        expected.push(Frame::message("news", b"one"));
        assert_eq!(peer.frames(), expected);
        assert_eq!(driver.pending_bytes(&peer), 0);
        driver.unsubscribe(&peer, "news");
        driver.settle();
        driver.publish(&peer, "news", b"two");
        driver.settle();
        assert_eq!(peer.payloads(), [b"one"]);
    }
}

fn a_subscription_can_be_taken_up_again<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with(shards, &limits(1 << 20), 1);
        let peer = driver.open(1, FIRST);
        let publisher = driver.open(2, FIRST);
        for number in 0..5_u8 {
            driver.subscribe(&peer, "news").unwrap();
            driver.unsubscribe(&peer, "news");
            driver.subscribe(&peer, "news").unwrap();
            driver.settle();
            driver.publish(&publisher, "news", &[number]);
            driver.settle();
            driver.unsubscribe(&peer, "news");
            driver.settle();
            driver.publish(&publisher, "news", b"missed on purpose");
            driver.settle();
        }
        let once = |number| {
            let answers = ["+news", "-news", "+news"].map(Frame::answer);
            answers.into_iter().chain([Frame::message("news", &[number]), Frame::answer("-news")])
        };
        assert_eq!(peer.frames(), (0..5).flat_map(once).collect::<Vec<_>>());
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn no_echo_spares_only_the_publisher<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peers: Vec<_> = (0..3).map(|shard| driver.join(shard, FIRST, "news")).collect();
        let publisher = &peers[0];
        for (payload, no_echo) in [(b"a", false), (b"b", true), (b"c", true), (b"d", false), (b"e", true)] {
            driver.shard(0).publish(publisher.id, &Publication { channel: "news", payload, no_echo });
        }
        driver.shard(0).commit(publisher.id);
        driver.settle();
        assert_eq!(publisher.payloads(), [b"a", b"d"]);
        for peer in &peers[1..] {
            assert_eq!(peer.payloads(), [b"a", b"b", b"c", b"d", b"e"]);
        }
        driver.publish_as(publisher, &Publication { channel: "news", payload: b"f", no_echo: true });
        driver.settle();
        assert_eq!((publisher.payloads().len(), peers[2].payloads().len()), (2, 6));
    }
}

fn an_empty_payload_is_a_message<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(1, FIRST, "news");
        let publisher = driver.open(0, FIRST);
        for payload in [&b""[..], b"a", b"", b""] {
            driver.publish(&publisher, "news", payload);
        }
        driver.settle();
        assert_eq!(peer.payloads(), [&b""[..], b"a", b"", b""]);
    }
}

fn each_encoding_of_a_channel_is_delivered<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peers: Vec<_> =
            [FIRST, SECOND].map(|encoding| (0..3).map(move |shard| (shard, encoding))).into_iter().flatten().collect();
        let peers: Vec<_> = peers.into_iter().map(|(shard, encoding)| driver.join(shard, encoding, "news")).collect();
        for publisher in &peers {
            driver.publish(publisher, "news", b"hello");
        }
        driver.settle();
        for peer in &peers {
            // `payloads` fails on a frame of the other encoding.
            assert_eq!(peer.payloads(), vec![b"hello"; 6]);
        }
        let (first, second) = peers.split_at(3);
        for peer in first {
            driver.unsubscribe(peer, "news");
        }
        driver.settle();
        driver.publish(&first[0], "news", b"goodbye");
        driver.settle();
        assert!(second.iter().all(|peer| peer.payloads()[6] == b"goodbye"));
        assert!(first.iter().all(|peer| peer.payloads().len() == 6));
    }
}

fn a_message_on_its_way_survives_its_publisher<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(1, FIRST, "news");
        let publisher = driver.open(0, FIRST);
        driver.publish(&publisher, "news", b"last words");
        driver.close(&publisher);
        driver.settle();
        assert_eq!(peer.payloads(), [b"last words"]);
    }
}

fn publishing_where_nobody_listens_is_counted_and_forgotten<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let publisher = driver.open(0, FIRST);
        driver.publish(&publisher, "news", b"one");
        driver.settle();
        assert_eq!((driver.counters().published, driver.channel_logs()), (1, 0));
    }
}

fn one_subscription_more_than_the_limit_is_refused<F: PolicyFactory>() {
    for shards in SHARDS {
        let limits = FanoutLimits { max_subscriptions: 2, ..FanoutLimits::default() };
        let mut driver = Driver::<F>::with(shards, &limits, 8);
        let peer = driver.open(0, FIRST);
        driver.subscribe(&peer, "a").unwrap();
        driver.subscribe(&peer, "b").unwrap();
        assert_eq!(driver.subscribe(&peer, "c"), Err(TooManySubscriptions { limit: 2 }));
        driver.settle();
        assert_eq!(driver.subscribe(&peer, "c"), Err(TooManySubscriptions { limit: 2 }));
        driver.unsubscribe(&peer, "a");
        driver.subscribe(&peer, "c").unwrap();
        driver.settle();
        driver.publish(&peer, "a", b"a");
        driver.publish(&peer, "c", b"c");
        driver.settle();
        assert_eq!(peer.payloads(), [b"c"]);
    }
}

fn an_awaited_subscription_counts_once<F: PolicyFactory>() {
    for shards in SHARDS {
        let limits = FanoutLimits { max_subscriptions: 1, ..FanoutLimits::default() };
        let mut driver = Driver::<F>::with(shards, &limits, 8);
        let peer = driver.open(0, FIRST);
        driver.subscribe(&peer, "a").unwrap();
        let pending_bytes = driver.pending_bytes(&peer);
        driver.subscribe(&peer, "a").unwrap();
        // An answer that waits for the confirmation counts as pending like any other. Otherwise a peer could pile them
        // up unseen.
        assert_eq!((driver.pending_bytes(&peer), pending_bytes > 0), (2 * pending_bytes, true));
        driver.unsubscribe(&peer, "a");
        driver.settle();
        assert_eq!(peer.frames(), ["+a", "+a", "-a"].map(Frame::answer));
        assert_eq!(driver.pending_bytes(&peer), 0);
    }
}

fn a_subscription_taken_up_again_counts_before_it_has_ended<F: PolicyFactory>() {
    for shards in SHARDS {
        let limits = FanoutLimits { max_subscriptions: 1, ..FanoutLimits::default() };
        let mut driver = Driver::<F>::with(shards, &limits, 8);
        let peer = driver.join(0, FIRST, "a");
        // The message keeps the subscription from ending.
        peer.outlet.set_room(0);
        driver.publish(&peer, "a", b"1");
        driver.settle();
        driver.unsubscribe(&peer, "a");
        driver.subscribe(&peer, "a").unwrap();
        assert_eq!(driver.subscribe(&peer, "b"), Err(TooManySubscriptions { limit: 1 }));
        driver.unsubscribe(&peer, "a");
        driver.subscribe(&peer, "b").unwrap();
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        let mut expected = [Frame::answer("+a"), Frame::message("a", b"1")].to_vec();
        expected.extend(["-a", "+a", "-a"].map(Frame::answer));
        let mut frames = peer.frames();
        frames.retain(|frame| *frame != Frame::answer("+b"));
        assert_eq!(frames, expected);
        assert_eq!(peer.frames().len(), expected.len() + 1, "it is subscribed to the other channel");
    }
}

fn leaving_while_others_stay_keeps_the_messages_coming<F: PolicyFactory>() {
    // Other subscribers take the indices of those who leave, in the middle of a round as well.
    let mut driver = Driver::<F>::new(1);
    let publisher = driver.open(0, FIRST);
    let peers: Vec<_> = (0..8).map(|_| driver.join(0, FIRST, "news")).collect();
    for (leaver, number) in [(3, 0), (0, 1), (7, 2)] {
        driver.publish(&publisher, "news", &[number]);
        driver.flush(0, 3);
        driver.unsubscribe(&peers[leaver], "news");
        driver.publish(&publisher, "news", &[number + 100]);
        driver.settle();
    }
    for stayed in [1, 2, 4, 5, 6] {
        assert_eq!(peers[stayed].payloads(), [[0], [100], [1], [101], [2], [102]]);
    }
}

fn a_budget_of_one_still_reaches_everybody<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(1);
    let peers: Vec<_> = (0..5).map(|index| driver.join(0, FIRST, if index % 2 == 0 { "a" } else { "b" })).collect();
    driver.publish(&peers[0], "a", b"to a");
    driver.publish(&peers[0], "b", b"to b");
    let mut calls = 0;
    while driver.flush(0, 1) || driver.is_pending() {
        calls += 1;
        assert!(calls < 20, "a flush comes to an end");
    }
    for (index, peer) in peers.iter().enumerate() {
        assert_eq!(peer.payloads(), [if index % 2 == 0 { b"to a" } else { b"to b" }]);
    }
}

fn counters_count_messages_and_deliveries<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peers: Vec<_> = (0..4).map(|shard| driver.join(shard, FIRST, "news")).collect();
        for _ in 0..5 {
            driver.publish_as(&peers[0], &Publication { channel: "news", payload: b"x", no_echo: true });
        }
        driver.settle();
        let counters = driver.counters();
        assert_eq!((counters.published, counters.deliveries), (5, 15));
        assert!((3..=15).contains(&counters.sends));
        assert_eq!((counters.short_sends, counters.missed, counters.lagged), (0, 0, 0));
    }
}
