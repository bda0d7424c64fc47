//! The statistics of a shard.

use crate::harness::{Settings, join, publish, settle, shards};
use corecast_fanout::Policy as _;

#[test]
fn statistics_count_connections_and_messages() {
    let [mut here, mut there] = shards(&Settings::default());
    let _subscriber = join(&mut [&mut here, &mut there], "news");
    let mut publisher = there.greeted();
    there.send(&mut publisher, &[publish("news", "one"), publish("news", "two")]);
    settle(&mut [&mut here, &mut there]);
    let (receiving, sending) = (here.shard.stats(), there.shard.stats());
    assert_eq!((receiving.accepted, sending.accepted), (1, 1));
    assert_eq!((receiving.counters.deliveries, receiving.counters.batches_received), (2, 1));
    assert_eq!((sending.counters.published, sending.counters.deliveries), (2, 0));
    assert_eq!(sending.counters, there.shard.policy().counters());
    assert_eq!((receiving.drained, receiving.cut_off, receiving.undelivered_before), (0, 0, 0));
}
