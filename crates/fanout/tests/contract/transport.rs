//! Transports that take less than they are offered, and transports whose peer is gone.

use crate::SHARDS;
use crate::common::{Driver, FIRST, Frame, PolicyFactory, SECOND, limits, message_bytes};
use corecast_fanout::{Effect, Hooks as _, Policy, Publication};

for_every_policy!(
    frames_stay_whole_wherever_a_send_stops,
    a_batch_is_kept_when_its_answers_fill_the_transport,
    a_full_transport_is_left_alone_until_it_is_writable,
    each_fill_and_each_drain_is_reported_once,
    a_blocked_connection_holds_up_nobody_else,
    a_slow_reader_gets_everything_byte_by_byte,
    what_is_held_back_leaves_no_memory_behind,
    a_lost_peer_is_reported_once_and_sent_nothing,
    a_lost_peer_is_found_by_an_answer_too,
);

fn frames_stay_whole_wherever_a_send_stops<F: PolicyFactory>() {
    for shards in SHARDS {
        let one_read = 3 * message_bytes("a", b"1234") + 2 * message_bytes("bb", b"56");
        for stop in 0..=one_read {
            let mut driver = Driver::<F>::new(shards);
            let peer = driver.join(0, FIRST, "a");
            driver.subscribe(&peer, "bb").unwrap();
            driver.settle();
            let publisher = driver.open(1, FIRST);
            peer.outlet.set_room(stop);
            let own = publisher.id;
            for (channel, payload) in
                [("a", &b"1234"[..]), ("bb", b"56"), ("a", b"1234"), ("a", b"1234"), ("bb", b"56")]
            {
                driver.shard(1).publish(own, &Publication { channel, payload, no_echo: false });
            }
            driver.shard(1).commit(own);
            driver.settle();
            assert_eq!(peer.outlet.room(), 0, "all that there was room for left at once");
            // Nothing comes between a message that was cut and the rest of it.
            driver.answer(&peer, "pong");
            driver.settle();
            driver.publish(&publisher, "bb", b"78");
            driver.settle();
            driver.make_room(&peer, usize::MAX);
            driver.settle();
            let frames = peer.frames();
            let of = |name| {
                frames.iter().filter(|frame| matches!(frame, Frame::Message { channel, .. } if channel == name)).count()
            };
            assert_eq!((of("a"), of("bb")), (3, 3), "stopped at {stop}");
            assert_eq!(frames.iter().filter(|frame| **frame == Frame::answer("pong")).count(), 1);
            let position = |wanted| frames.iter().position(|frame| *frame == wanted).unwrap();
            assert!(position(Frame::answer("pong")) < position(Frame::message("bb", b"78")), "stopped at {stop}");
            assert_eq!(driver.pending_bytes(&peer), 0);
        }
    }
}

fn a_batch_is_kept_when_its_answers_fill_the_transport<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 1 << 20);
        let peer = driver.join(0, FIRST, "news");
        driver.answer(&peer, "pong");
        peer.outlet.set_room(3);
        driver.publish(&peer, "news", b"one");
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Full(peer.id)]);
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(peer.frames()[1..], [Frame::answer("pong"), Frame::message("news", b"one")]);
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
    }
}

fn a_full_transport_is_left_alone_until_it_is_writable<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(0, FIRST, "news");
        let publisher = driver.open(1, FIRST);
        peer.outlet.set_room(0);
        for number in 0..10 {
            driver.publish(&publisher, "news", &[number]);
            driver.settle();
            driver.answer(&peer, "pong");
            driver.settle();
        }
        assert_eq!(peer.outlet.short_sends(), 1, "one try was enough");
        assert_eq!(driver.effects(), [Effect::Full(peer.id)]);
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(peer.payloads(), (0..10).map(|number| [number]).collect::<Vec<_>>());
        assert_eq!(peer.frames().len(), 1 + 10 + 10);
        assert_eq!(driver.effects(), [Effect::Drained(peer.id)]);
    }
}

fn each_fill_and_each_drain_is_reported_once<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(0, FIRST, "news");
        let (full, drained) = (Effect::Full(peer.id), Effect::Drained(peer.id));
        driver.shard(0).writable(peer.id);
        assert_eq!(driver.effects(), [], "it was not full");
        peer.outlet.set_room(1);
        driver.publish(&peer, "news", b"one");
        driver.settle();
        assert_eq!(driver.effects(), [full]);
        driver.make_room(&peer, 1);
        driver.settle();
        assert_eq!(driver.effects(), [full], "it filled again");
        driver.make_room(&peer, usize::MAX);
        driver.settle();
        assert_eq!(driver.effects(), [drained]);
        driver.shard(0).writable(peer.id);
        driver.settle();
        assert_eq!(driver.effects(), []);
        assert_eq!(driver.counters().short_sends, 1);
    }
}

fn a_blocked_connection_holds_up_nobody_else<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peers: Vec<_> = (0..6).map(|shard| driver.join(shard, FIRST, "news")).collect();
        peers[0].outlet.set_room(5);
        peers[4].outlet.break_off();
        for number in 0..5 {
            driver.publish(&peers[1], "news", &[number]);
            driver.settle();
        }
        for index in [1, 2, 3, 5] {
            assert_eq!(peers[index].payloads().len(), 5);
        }
        driver.make_room(&peers[0], usize::MAX);
        driver.settle();
        assert_eq!(peers[0].payloads().len(), 5);
    }
}

fn a_slow_reader_gets_everything_byte_by_byte<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with(shards, &limits(1 << 20), 1);
        let peer = driver.join(0, SECOND, "a");
        driver.subscribe(&peer, "b").unwrap();
        driver.settle();
        let publisher = driver.open(2, FIRST);
        peer.outlet.set_room(0);
        for number in 0..10 {
            driver.publish(&publisher, if number % 2 == 0 { "a" } else { "b" }, &[number]);
            driver.settle();
            driver.make_room(&peer, 1);
        }
        let mut calls = 0;
        while driver.effects().last() != Some(&Effect::Drained(peer.id)) {
            driver.make_room(&peer, 1);
            calls += 1;
            assert!(calls < 1000, "it comes to an end");
        }
        let payloads = peer.payloads();
        assert_eq!(payloads.len(), 10);
        for remainder in 0..2 {
            let numbers = payloads.iter().map(|payload| payload[0]).filter(|number| number % 2 == remainder);
            assert!(numbers.is_sorted());
        }
    }
}

fn what_is_held_back_leaves_no_memory_behind<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::new(shards);
        let peer = driver.join(0, FIRST, "news");
        peer.outlet.set_room(message_bytes("news", b"one") + 2);
        driver.publish(&peer, "news", b"one");
        driver.publish(&peer, "news", b"two");
        driver.answer(&peer, "pong");
        driver.settle();
        assert!(driver.pending_bytes(&peer) > 0);
        driver.make_room(&peer, usize::MAX);
        assert_eq!(driver.pending_bytes(&peer), 0);
        assert_eq!(peer.payloads(), [b"one", b"two"]);
        driver.close(&peer);
        assert_eq!(driver.pending_bytes(&peer), 0);
    }
}

fn a_lost_peer_is_reported_once_and_sent_nothing<F: PolicyFactory>() {
    for shards in SHARDS {
        let mut driver = Driver::<F>::with_log(shards, 100);
        let peer = driver.join(0, SECOND, "news");
        let publisher = driver.open(1, FIRST);
        let before = peer.outlet.taken();
        peer.outlet.break_off();
        for number in 0..100 {
            // This is far more than the log holds, but the connection does not lag: it is gone.
            driver.publish(&publisher, "news", &[number]);
            driver.answer(&peer, "pong");
            driver.settle();
        }
        driver.shard(0).writable(peer.id);
        driver.end(&peer, "bye");
        driver.settle();
        assert_eq!(driver.effects(), [Effect::Gone(peer.id)]);
        assert_eq!((driver.pending_bytes(&peer), driver.counters().deliveries), (0, 0));
        assert_eq!(peer.outlet.taken(), before);
        driver.close(&peer);
        driver.settle();
        assert_eq!(driver.channel_logs(), 0);
    }
}

fn a_lost_peer_is_found_by_an_answer_too<F: PolicyFactory>() {
    let mut driver = Driver::<F>::new(1);
    let peer = driver.open(0, FIRST);
    peer.outlet.break_off();
    driver.answer(&peer, "pong");
    driver.settle();
    driver.answer(&peer, "pong");
    driver.settle();
    assert_eq!(driver.effects(), [Effect::Gone(peer.id)]);
    assert_eq!(driver.pending_bytes(&peer), 0);
}
