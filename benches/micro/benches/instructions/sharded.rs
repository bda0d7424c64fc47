//! The `sharded` policy's work for a message and for a subscription, with a transport that takes everything.

use corecast_fanout::ShardBatch;
use corecast_micro::Shard;
use gungraun::{library_benchmark, library_benchmark_group};

/// The number of messages in one shard batch.
const RUN: usize = 16;

/// The number of times that a subscriber leaves and returns. A single time differs by some percent between runs,
/// because the keys of the standard library's hash tables are random. The sum of so many hardly does.
const RETURNS: usize = 1_024;

#[library_benchmark]
#[bench::subscribers_1(Shard::alone(1))]
#[bench::subscribers_100(Shard::alone(100))]
#[bench::subscribers_1000(Shard::alone(1_000))]
fn publish_and_flush(mut shard: Shard) -> Shard {
    shard.publish();
    shard.flush();
    shard
}

/// Returns the second shard of two, and the batch that the first has posted to it.
fn posted(subscribers: usize) -> (Shard, ShardBatch) {
    let (mut first, second) = Shard::pair(subscribers);
    (0..RUN).for_each(|_| first.publish());
    (second, first.take_shard_batch(1))
}

#[library_benchmark]
#[bench::subscribers_100(posted(100))]
fn receive_and_flush((mut shard, shard_batch): (Shard, ShardBatch)) -> Shard {
    shard.receive(0, shard_batch);
    shard.flush();
    shard
}

// There is no case beside 100: their table is then nine tenths full, and is rehashed more or less often depending on
// the keys.
#[library_benchmark]
#[bench::beside_1(Shard::alone(2))]
#[bench::beside_1000(Shard::alone(1_001))]
#[bench::beside_10000(Shard::alone(10_001))]
fn leave_and_return(mut shard: Shard) -> Shard {
    (0..RETURNS).for_each(|_| shard.leave_and_return());
    shard
}

library_benchmark_group!(name = fanout, benchmarks = [publish_and_flush, receive_and_flush]);
library_benchmark_group!(name = subscription, benchmarks = [leave_and_return]);
