//! Leaving a channel and subscribing again, both answers sent, beside more and more others.

use corecast_micro::Shard;
use criterion::{BenchmarkId, Criterion};

/// The others. The time must not grow with them but for what the caches of the CPU no longer hold.
const BESIDE: [usize; 3] = [1, 100, 10_000];

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("leave_and_return");
    for others in BESIDE {
        let mut shard = Shard::alone(others + 1);
        group.bench_function(BenchmarkId::new("beside", others), |bencher| {
            bencher.iter(|| shard.leave_and_return());
        });
    }
    group.finish();
}
