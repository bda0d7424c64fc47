//! Instructions of the hot path, counted by callgrind: the same in every run, whatever else the machine does.
//!
//! Each benchmark runs once. Its setup is not counted. `benches/micro/README.md` explains how to run the benchmarks and
//! how to read the counts; their names are those of `benches/micro/baseline.toml`.

mod objects;
mod sharded;
mod verifier;
mod wire;

use gungraun::{Callgrind, LibraryBenchmarkConfig, main};
use objects::object;
use sharded::{fanout, subscription};
use verifier::loadgen;
use wire::decode;

// This counts instructions only. Simulating a cache takes longer, and does not predict a modern cache.
main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [decode, fanout, subscription, object, loadgen]
);
