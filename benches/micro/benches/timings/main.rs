//! Times of the hot path's parts on one core, with criterion.
//!
//! There is one file for each part. `cargo test` runs each benchmark once, without measuring. `benches/micro/README.md`
//! explains how to run the benchmarks and how to read the times.

mod checksum;
mod codec;
mod flush;
mod loadgen;
mod log;
mod subscription;

use criterion::Criterion;
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    checksum::measure(&mut criterion);
    codec::measure(&mut criterion);
    log::measure(&mut criterion);
    flush::measure(&mut criterion);
    subscription::measure(&mut criterion);
    loadgen::measure(&mut criterion);
    criterion.final_summary();
}
