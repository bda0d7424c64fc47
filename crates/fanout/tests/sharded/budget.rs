//! A flush visits no more subscribers than its budget allows.

use crate::Driver;
use crate::common::{FIRST, Peer};
use corecast_fanout::Policy;

fn count_served(peers: &[Peer]) -> usize {
    peers.iter().filter(|peer| !peer.payloads().is_empty()).count()
}

#[test]
fn subscribers_of_one_channel_are_served_as_far_as_the_budget_goes() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let peers: Vec<_> = (0..20).map(|_| driver.join(0, FIRST, "news")).collect();
    driver.publish(&publisher, "news", b"1");
    for (budget, served) in [(0, 0), (7, 7), (1, 8), (12, 20)] {
        assert_eq!(driver.flush(0, budget), served < 20, "after {served}");
        assert_eq!(count_served(&peers), served);
    }
    assert!(!driver.flush(0, 1), "nothing is left to do");
}

#[test]
fn connections_that_are_served_behind_their_channels_count_likewise() {
    let mut driver = Driver::new(1);
    let publisher = driver.open(0, FIRST);
    let channels: Vec<String> = (0..10).map(|number| format!("channel {number}")).collect();
    let peers: Vec<_> = channels.iter().map(|channel| driver.join(0, FIRST, channel)).collect();
    for channel in &channels {
        driver.publish(&publisher, channel, b"1");
    }
    assert!(driver.flush(0, 10), "every channel is visited");
    assert_eq!(count_served(&peers), 0);
    for (budget, served) in [(3, 3), (1, 4), (6, 10)] {
        driver.flush(0, budget);
        assert_eq!(count_served(&peers), served);
    }
    assert!(driver.shard(0).is_between_rounds());
}
