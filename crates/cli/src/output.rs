//! Where results go.

use std::io::Write as _;

use anyhow::Context;

/// Writes to standard output, at once. Unlike `print!` it does not panic if nobody reads it or there is no room.
///
/// # Errors
/// It was not taken.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}
