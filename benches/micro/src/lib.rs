//! The fixtures of the micro-benchmarks: shards with subscribers, and frames.
//!
//! This crate owns [`Shard`], a shard of the `sharded` policy whose transport takes everything and keeps nothing, and
//! [`frames`], which creates the bytes that a decoder is given.
//!
//! Invariants: everything is the same in every run, except the keys of the standard library's hash tables. A shard is warm when it is
//! handed out, so a benchmark measures the steady state.
//!
//! Absent here: sockets, clocks, and the measuring itself, which criterion and callgrind do.
#![forbid(unsafe_code)]

pub mod frames;
mod shard;
mod sink;

pub use shard::Shard;
pub use sink::Sink;
