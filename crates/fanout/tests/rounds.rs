//! A property of the sharded policy alone: it flushes in rounds, so that its owner can pause between them.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
mod common;

use common::{FIRST, FakeEncode, FakeOutlet};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{ConnectionId, Effect, Encode, FanoutLimits, Hooks as _, Policy, Publication};

struct Shard {
    policy: Sharded<FakeOutlet, FakeEncode>,
}

impl Shard {
    fn new() -> Self {
        Self { policy: Sharded::new(0, 1, FanoutLimits::default(), FakeEncode) }
    }

    fn join(&mut self, channel: &str) -> (ConnectionId, FakeOutlet) {
        let outlet = FakeOutlet::new();
        let id = self.policy.open(outlet.clone(), FIRST);
        self.policy.subscribe(id, channel, b"").unwrap();
        self.policy.flush(0);
        (id, outlet)
    }

    fn publish(&mut self, from: ConnectionId, channel: &str, payload: &[u8]) {
        self.policy.publish(from, &Publication { channel, payload, no_echo: false });
    }
}

fn messages(channel: &str, payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        FakeEncode.message(FIRST, channel, payload, &mut bytes);
    }
    bytes
}

/// Enough subscribers that they are sent to while their channel is visited.
const MANY: u64 = 20;

#[test]
fn who_was_visited_in_a_round_gets_more_in_the_next() {
    let mut shard = Shard::new();
    let (publisher, _) = shard.join("news");
    let outlets: Vec<_> = (1..MANY).map(|_| shard.join("news").1).collect();
    shard.publish(publisher, "news", b"1");
    assert!(shard.policy.flush(1) && !shard.policy.is_between_rounds());
    let visited: Vec<_> = outlets.iter().filter(|outlet| !outlet.taken().is_empty()).collect();
    let [first] = visited[..] else { panic!("{} were visited", visited.len()) };
    shard.publish(publisher, "news", b"2");
    assert!(shard.policy.flush(100), "the one that was visited misses the second");
    assert!(shard.policy.is_between_rounds());
    assert_eq!(first.taken(), messages("news", &[b"1"]));
    assert_eq!(shard.policy.counters().sends, MANY);

    // Messages that come in the pause leave with the same send.
    assert!(shard.policy.merges(), "so a pause is worth it");
    shard.publish(publisher, "news", b"3");
    assert!(!shard.policy.flush(100) && shard.policy.is_between_rounds());
    assert_eq!(first.taken(), messages("news", &[b"1", b"2", b"3"]));
    assert_eq!(shard.policy.counters().sends, 2 * MANY);
}

#[test]
fn nobody_is_always_last() {
    let mut shard = Shard::new();
    let (publisher, own) = shard.join("news");
    let outlets: Vec<_> = std::iter::once(own).chain((1..MANY).map(|_| shard.join("news").1)).collect();
    let mut sum_of_places = vec![0_u64; outlets.len()];
    let rounds = 50 * MANY;
    for _ in 0..rounds {
        shard.publish(publisher, "news", b"1");
        let mut received: Vec<_> = outlets.iter().map(|outlet| outlet.taken().len()).collect();
        for place in 0.. {
            let more = shard.policy.flush(1);
            for (index, outlet) in outlets.iter().enumerate() {
                if outlet.taken().len() > std::mem::replace(&mut received[index], outlet.taken().len()) {
                    sum_of_places[index] += place;
                }
            }
            if !more {
                break;
            }
        }
    }
    let mean = rounds * (MANY - 1) / 2;
    for sum in sum_of_places {
        assert!(sum.abs_diff(mean) < mean / 10, "{sum} is far from {mean}");
    }
}

#[test]
fn a_channel_that_was_not_visited_does_not_wait_for_the_next_round() {
    let mut shard = Shard::new();
    let (heavy, _) = shard.join("heavy");
    let (light, outlet) = shard.join("light");
    for _ in 1..MANY {
        shard.join("heavy");
    }
    shard.publish(heavy, "heavy", b"1");
    assert!(shard.policy.flush(1));
    shard.publish(light, "light", b"1");
    shard.publish(heavy, "heavy", b"2");
    assert!(shard.policy.flush(100) && shard.policy.is_between_rounds());
    assert_eq!(outlet.taken(), messages("light", &[b"1"]));
}

#[test]
fn what_a_connection_gets_of_several_channels_leaves_with_one_send() {
    let mut shard = Shard::new();
    let (publisher, _) = shard.join("other");
    let (subscriber, outlet) = shard.join("a");
    for channel in ["b", "c"] {
        shard.policy.subscribe(subscriber, channel, b"").unwrap();
    }
    for channel in ["b", "a", "c", "a"] {
        shard.publish(publisher, channel, channel.as_bytes());
    }
    assert!(!shard.policy.flush(100));
    let expected = [messages("b", &[b"b"]), messages("a", &[b"a", b"a"]), messages("c", &[b"c"])];
    assert_eq!(outlet.taken(), expected.concat());
    assert_eq!((shard.policy.counters().sends, shard.policy.counters().deliveries), (1, 4));
}

#[test]
fn a_short_send_of_several_channels_is_made_good() {
    let channels = ["a", "b", "c"];
    let all: Vec<u8> = channels.iter().flat_map(|channel| messages(channel, &[b"1", b"2"])).collect();
    for room in 0..all.len() {
        let mut shard = Shard::new();
        let (publisher, _) = shard.join("other");
        let (subscriber, outlet) = shard.join("a");
        for channel in &channels[1..] {
            shard.policy.subscribe(subscriber, channel, b"").unwrap();
        }
        outlet.set_room(room);
        for channel in channels {
            shard.publish(publisher, channel, b"1");
            shard.publish(publisher, channel, b"2");
        }
        while shard.policy.flush(100) {}
        assert_eq!(outlet.taken(), all[..room]);
        assert_eq!(shard.policy.take_effect(), Some(Effect::Full(subscriber)));
        outlet.set_room(usize::MAX);
        shard.policy.writable(subscriber);
        while shard.policy.flush(100) {}
        assert_eq!(outlet.taken(), all, "room for {room} bytes at first");
        assert_eq!(shard.policy.counters().deliveries, 6);
    }
}

#[test]
fn who_leaves_before_the_round_ends_is_sent_what_came_before_and_who_is_closed_is_not() {
    let mut shard = Shard::new();
    let (publisher, _) = shard.join("other");
    let (leaver, left) = shard.join("a");
    let (closed, gone) = shard.join("a");
    for id in [leaver, closed] {
        shard.policy.subscribe(id, "b", b"").unwrap();
    }
    shard.publish(publisher, "a", b"1");
    shard.publish(publisher, "b", b"1");
    // Both are noted as behind in the first of the channels, and nothing has been sent.
    assert!(shard.policy.flush(1) && left.taken().is_empty());
    shard.policy.unsubscribe(leaver, "a", b"");
    shard.policy.close(closed);
    while shard.policy.flush(100) {}
    assert_eq!(left.taken(), [messages("a", &[b"1"]), messages("b", &[b"1"])].concat());
    assert!(gone.taken().is_empty() && gone.is_released());
}
