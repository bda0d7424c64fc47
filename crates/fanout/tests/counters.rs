//! Counters of several shards add up, field by field.

use corecast_fanout::Counters;

#[test]
fn each_counter_is_the_sum_of_its_own() {
    let counters = |factor: u64| Counters {
        published: factor,
        deliveries: 2 * factor,
        sends: 3 * factor,
        sent_bytes: 4 * factor,
        short_sends: 5 * factor,
        missed: 6 * factor,
        undelivered: 7 * factor,
        lagged: 8 * factor,
        batches_received: 9 * factor,
    };
    let mut total = Counters::default();
    for factor in [1, 10, 100] {
        total += counters(factor);
    }
    assert_eq!(total, counters(111));
}
