//! A program of the workspace beside the one under test.

use std::path::{Path, PathBuf};

/// The program of this name in the directory of another one. `cargo test --workspace` builds all of them.
///
/// # Panics
/// If it is not there, which a test of one package alone finds; the message has the command that builds it.
#[track_caller]
pub fn beside(binary: impl AsRef<Path>, name: &str) -> PathBuf {
    let path = binary.as_ref().with_file_name(name);
    assert!(path.is_file(), "{} is not built; run: cargo build --bin {name}", path.display());
    path
}
