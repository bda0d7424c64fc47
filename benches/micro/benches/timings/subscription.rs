//! Leaving a channel and subscribing again, with both answers sent, beside an increasing number of other subscribers.

use corecast_micro::Shard;
use criterion::{BenchmarkId, Criterion};

/// The numbers of other subscribers. The time must not grow with them, except for what the CPU's caches no longer hold.
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
