//! The flush: one message is published, and its recipients are determined; nothing is sent.

use corecast_micro::Shard;
use criterion::{BenchmarkId, Criterion, Throughput};

const SUBSCRIBERS: [usize; 4] = [1, 100, 1_000, 10_000];

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish_and_flush");
    for subscribers in SUBSCRIBERS {
        let mut shard = Shard::alone(subscribers);
        group.throughput(Throughput::Elements(subscribers as u64));
        group.bench_function(BenchmarkId::new("subscribers", subscribers), |bencher| {
            bencher.iter(|| {
                shard.publish();
                shard.flush();
            });
        });
    }
    group.finish();
}
