//! The load generator's cost of a delivery after the system call, and the cost that its decoders would add on that
//! path.

use corecast_loadgen::{Protocol, ReceiveBenchmark};
use gungraun::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

const SUBSCRIBERS: usize = 100;
/// The number of messages in one receive: some 17 to 27 KiB in each protocol, as with 256 in flight.
const RUN: usize = 256;
/// The number of messages in 64 KiB of RESP.
const BUFFER: usize = 640;

/// Returns a benchmark with messages for all subscribers, who have received some before, so that all memory is
/// allocated.
fn next(protocol: Protocol) -> ReceiveBenchmark {
    let mut benchmark = ReceiveBenchmark::new(protocol, SUBSCRIBERS, RUN);
    benchmark.prepare();
    benchmark.receive();
    benchmark.prepare();
    benchmark
}

/// Returns a benchmark with about 64 KiB of messages.
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
