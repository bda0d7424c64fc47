//! Programs of the workspace beside the one under test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the path of the program with this name in the directory of another one. `cargo test --workspace` builds all
/// of them.
///
/// # Panics
/// If the program is missing, as in a test of one package alone. The message has the command that builds it.
#[track_caller]
pub fn beside(binary: impl AsRef<Path>, name: &str) -> PathBuf {
    let path = binary.as_ref().with_file_name(name);
    assert!(path.is_file(), "{} is not built; run: cargo build --bin {name}", path.display());
    path
}

/// Writes a program, such as a script that stands in for a server, and makes it executable.
///
/// Another process writes the file. If the test wrote it, the program could not always be started: a child that another
/// thread starts at that moment inherits the open file until its `exec`, and the kernel refuses to execute a file that
/// is open for writing (`ETXTBSY`).
///
/// # Panics
/// If the file cannot be written.
pub fn write_program(path: &Path, text: &str) {
    let writing = "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\"";
    let status = Command::new("sh").arg("-c").arg(writing).arg(path).arg(text).status().expect("a shell");
    assert!(status.success(), "{} can be written", path.display());
}
