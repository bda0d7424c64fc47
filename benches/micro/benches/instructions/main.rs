//! Instructions of the hot path, counted by callgrind: the same in every run, whatever else the machine does.
//!
//! Each benchmark runs once, on what its setup made, which is not counted. `benches/micro/README.md` says how to run
//! them and how to read the counts; their names are those of `benches/micro/baseline.toml`.

mod objects;
mod sharded;
mod verifier;
mod wire;

use gungraun::{Callgrind, LibraryBenchmarkConfig, main};
use objects::object;
use sharded::{fanout, subscription};
use verifier::loadgen;
use wire::decode;

// Instructions only: simulating a cache takes longer and is no prediction for a cache of today.
main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [decode, fanout, subscription, object, loadgen]
);
