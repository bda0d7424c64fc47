//! Fuzz targets for the input of a peer: one function for each, which takes any bytes and panics at a broken rule.
//!
//! Owns the rules for each decoder and for a whole connection. `fuzz_targets/` passes these functions to libFuzzer (`make fuzz`).
//! In every `make test`, `tests/corpora.rs` runs them on the committed corpora, and `tests/fresh.rs` on mutations of the corpora.
//!
//! Invariants: a target is deterministic and keeps nothing between two inputs.
//!
//! Absent here: sockets, and expectations of particular bytes; those are in `crates/wire/tests/vectors.json`.
#![forbid(unsafe_code)]

mod client;
mod decoders;
mod pieces;

pub use client::client;
pub use decoders::{channel_name, native, plain, reassembly};

use pieces::Pieces;

/// A target: its name, which is also the name of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("channel_name", channel_name),
    ("client", client),
    ("connection", connection),
    ("native", native),
    ("plain", plain),
    ("reassembly", reassembly),
];

/// Runs a whole connection: the sessions, policy and mailboxes of two shards, with another client that listens.
///
/// The first bit of the input says whether the connection is `native`, and its first bytes say how it is split.
///
/// # Panics
/// If a promise is broken.
pub fn connection(input: &[u8]) {
    let Some(pieces) = Pieces::of(input) else { return };
    let outcome = corecast_simulator::converse(!pieces.is_native, pieces.cut());
    assert!(outcome.is_ok(), "{outcome:?}");
}
