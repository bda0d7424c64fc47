//! The load generator: a delivery after the system call, and one through the protocol's decoder alone.

use corecast_loadgen::{Protocol, ReceiveBenchmark};
use criterion::{Criterion, Throughput};
use std::time::Instant;

const SUBSCRIBERS: usize = 100;
/// The number of messages in one receive.
const RUN: usize = 256;

pub(crate) fn measure(criterion: &mut Criterion) {
    for protocol in [Protocol::Plain, Protocol::Native, Protocol::Redis, Protocol::Nats] {
        let mut group = criterion.benchmark_group("loadgen");
        group.throughput(Throughput::Elements((SUBSCRIBERS * RUN) as u64));
        let mut benchmark = ReceiveBenchmark::new(protocol, SUBSCRIBERS, RUN);
        group.bench_function(format!("receive/{protocol}"), |bencher| {
            bencher.iter_custom(|times| {
                let receive = |_| {
                    benchmark.prepare();
                    let begin = Instant::now();
                    benchmark.receive();
                    begin.elapsed()
                };
                (0..times).map(receive).sum()
            });
        });
        assert!(benchmark.held(), "{protocol}");
        group.throughput(Throughput::Elements(RUN as u64));
        group.bench_function(format!("decode/{protocol}"), |bencher| {
            bencher.iter(|| assert_eq!(benchmark.decode(), RUN));
        });
    }
}
