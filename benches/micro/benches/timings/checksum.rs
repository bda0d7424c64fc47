//! CRC-32, which `native` computes for each incoming frame, and once for each outgoing message.

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
