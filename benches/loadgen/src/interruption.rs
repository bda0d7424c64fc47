//! A request to end before the load is over, such as a signal of the user.
//!
//! There is one for the whole process, as with signals. Runs check it where they wait, at least every 10 ms.

use crate::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Returns the flag of the request. Once it is true, every run of this process ends early: in its measured window with
/// a report of the results so far, which is marked as invalid, and before the window with [`Error::Interrupted`].
/// Nothing new begins.
///
/// A signal handler may set it.
pub fn interruption() -> Arc<AtomicBool> {
    Arc::clone(&INTERRUPTED)
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Fails if an interruption was requested, at points at which there is nothing to report.
pub(crate) fn check() -> Result<(), Error> {
    if is_interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}
