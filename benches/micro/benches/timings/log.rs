//! The log: messages appended at its head and dropped at its end.

use corecast_fanout::Log;
use criterion::{BenchmarkId, Criterion, Throughput};

/// A message as `native` encodes it has about this many bytes.
const MESSAGE: [u8; 80] = [b'x'; 80];

/// The number of messages that one tick appends.
const TICK: u64 = 64;

/// The number of messages that stay: none, as if every subscriber is up to date, or many, as if one subscriber is
/// behind.
const KEPT: [u64; 2] = [0, 16 * 1024];

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log/append_and_drop");
    group.throughput(Throughput::Elements(TICK));
    for kept in KEPT {
        let mut log = Log::default();
        append(&mut log, kept);
        group.bench_function(BenchmarkId::new("kept", kept), |bencher| {
            bencher.iter(|| {
                append(&mut log, TICK);
                log.drop_before(log.head() - kept);
            });
        });
        assert_eq!(log.head() - log.first(), kept);
    }
    group.finish();
}

fn append(log: &mut Log, messages: u64) {
    for _ in 0..messages {
        log.append(|out| out.extend_from_slice(&MESSAGE));
    }
}
