//! The load generator's cost of a delivery behind the system call, and the cost that its decoders would have on that path.

use corecast_loadgen::{Protocol, ReceiveBenchmark};
use gungraun::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

const SUBSCRIBERS: usize = 100;
/// Messages of one receive: in each protocol some 17 to 27 KiB, as 256 in flight are.
const RUN: usize = 256;
/// Messages: 64 KiB of RESP.
const BUFFER: usize = 640;

/// A run that is to be received by all, who have had one before, so that all memory is there.
fn next(protocol: Protocol) -> ReceiveBenchmark {
    let mut benchmark = ReceiveBenchmark::new(protocol, SUBSCRIBERS, RUN);
    benchmark.prepare();
    benchmark.receive();
    benchmark.prepare();
    benchmark
}

/// A run of some 64 KiB.
fn buffer(protocol: Protocol) -> ReceiveBenchmark {
    let mut benchmark = ReceiveBenchmark::new(protocol, 1, BUFFER);
    benchmark.prepare();
    benchmark
}

#[library_benchmark]
#[bench::plain(next(Protocol::Plain))]
#[bench::native(next(Protocol::Native))]
#[bench::redis(next(Protocol::Redis))]
#[bench::nats(next(Protocol::Nats))]
fn receive(mut benchmark: ReceiveBenchmark) -> ReceiveBenchmark {
    benchmark.receive();
    benchmark
}

#[library_benchmark]
#[bench::plain(buffer(Protocol::Plain))]
#[bench::native(buffer(Protocol::Native))]
#[bench::redis(buffer(Protocol::Redis))]
#[bench::nats(buffer(Protocol::Nats))]
fn decode(benchmark: ReceiveBenchmark) -> ReceiveBenchmark {
    black_box(benchmark.decode());
    benchmark
}

library_benchmark_group!(name = loadgen, benchmarks = [receive, decode]);
