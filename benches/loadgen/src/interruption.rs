//! The wish to end before the load is over, such as a signal of the user's.
//!
//! One for the whole process, as signals are. Runs look at it where they wait, at least every 10 ms.

use crate::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Once this is true, every run of this process ends early: in its measured window with a report of what it has,
/// which is marked as invalid, and before it with [`Error::Interrupted`]. Nothing new is begun.
///
/// A signal handler may set it.
pub fn interruption() -> Arc<AtomicBool> {
    Arc::clone(&INTERRUPTED)
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// For what gives nothing that could be reported.
pub(crate) fn check() -> Result<(), Error> {
    if is_interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}
