//! What only the sharded policy does: it flushes in rounds, so that its owner can pause between them.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
mod common;

use common::{FIRST, FakeEncode, FakeOutlet};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{ConnectionId, Encode, Limits, Policy, Publication};

struct Shard {
    policy: Sharded<FakeOutlet, FakeEncode>,
}

impl Shard {
    fn new() -> Self {
        Self { policy: Sharded::new(0, 1, Limits::default(), FakeEncode) }
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
        self.policy.commit(from);
    }
}

fn messages(channel: &str, payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        FakeEncode.message(FIRST, channel, payload, &mut bytes);
    }
    bytes
}

#[test]
fn who_was_visited_in_a_round_gets_more_in_the_next() {
    let mut shard = Shard::new();
    let (publisher, _) = shard.join("news");
    let (_, last) = shard.join("news");
    shard.publish(publisher, "news", b"1");
    // From the last to the first: one of two is visited.
    assert!(shard.policy.flush(1) && !shard.policy.is_between_rounds());
    shard.publish(publisher, "news", b"2");
    assert!(shard.policy.flush(100), "the one that was visited misses the second");
    assert!(shard.policy.is_between_rounds());
    assert_eq!(last.taken(), messages("news", &[b"1"]));
    assert_eq!(shard.policy.counters().sends, 2);

    // What comes in the pause leaves with the same send.
    shard.publish(publisher, "news", b"3");
    assert!(!shard.policy.flush(100) && shard.policy.is_between_rounds());
    assert_eq!(last.taken(), messages("news", &[b"1", b"2", b"3"]));
    assert_eq!(shard.policy.counters().sends, 4);
}

#[test]
fn a_channel_that_was_not_visited_does_not_wait_for_the_next_round() {
    let mut shard = Shard::new();
    let (heavy, _) = shard.join("heavy");
    let (light, outlet) = shard.join("light");
    shard.join("heavy");
    shard.publish(heavy, "heavy", b"1");
    assert!(shard.policy.flush(1));
    shard.publish(light, "light", b"1");
    shard.publish(heavy, "heavy", b"2");
    assert!(shard.policy.flush(100) && shard.policy.is_between_rounds());
    assert_eq!(outlet.taken(), messages("light", &[b"1"]));
}
