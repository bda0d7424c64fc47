//! CRC-32: what `native` pays for each frame that comes in, and once for each message that goes out.

use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;

const SIZES: [usize; 3] = [64, 1024, 64 * 1024];

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crc32");
    for size in SIZES {
        let bytes = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| crc32fast::hash(black_box(&bytes)));
        });
    }
    group.finish();
}
