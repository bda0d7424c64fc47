//! The flags of SUBSCRIBE that choose the effect of lagging.

use super::{encoded, frames, greet, message, name, publish, subscribe};
use crate::harness::Shard;
use corecast_fanout::{FanoutLimits, LagRule};
use corecast_wire::native::{self, Frame};

/// The messages published while the subscriber does not read.
const MESSAGES: [[u8; 1]; 20] = {
    let mut messages = [[0; 1]; 20];
    let mut number: u8 = 0;
    while number < 20 {
        messages[number as usize] = [number];
        number += 1;
    }
    messages
};

#[test]
fn the_flag_of_the_subscription_counts_and_else_the_servers_setting() {
    for (flag, of_server, closes) in [
        (Some(native::Lag::Skip), LagRule::Disconnect, false),
        (Some(native::Lag::Disconnect), LagRule::Skip, true),
        (None, LagRule::Skip, false),
        (None, LagRule::Disconnect, true),
    ] {
        let mut shard = Shard::with(FanoutLimits { log_bytes: 200, lag: [of_server; 4], ..FanoutLimits::default() });
        let mut slow = greet(&mut shard);
        shard.receive(&mut slow, &encoded(&[subscribe("lobby", flag)])).unwrap();
        slow.take_received();
        slow.stall();
        let mut publisher = greet(&mut shard);
        for payload in &MESSAGES {
            shard.receive(&mut publisher, &encoded(&[publish("lobby", payload)])).unwrap();
        }
        assert_eq!(shard.has_lagged(&slow), closes, "{flag:?} {of_server:?}");
        shard.resume(&slow);
        let received = slow.take_received();
        let received = frames(&received);
        if closes {
            assert_eq!(received, [], "{flag:?} {of_server:?}");
        } else {
            let kept = received.len() - 1;
            assert!((1..MESSAGES.len()).contains(&kept), "{kept} of {}", MESSAGES.len());
            let missed = MESSAGES.len() - kept;
            let gap = Frame::Gap { count: missed as u64, channel: name("lobby") };
            let messages = MESSAGES[missed..].iter().map(|payload| message("lobby", payload));
            assert_eq!(received, [gap].into_iter().chain(messages).collect::<Vec<_>>(), "{flag:?} {of_server:?}");
        }
    }
}
