//! Why a call could not be made.

use crate::deadlock::Deadlock;

/// Why a call or cast could not be made. What the called method returns is not among it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Make it again later, or slower: so many casts to this object have not been done yet.
    #[error("{object}: {limit} casts wait already")]
    Full {
        /// The object's name.
        object: String,
        /// The limit that was reached.
        limit: usize,
    },
    /// Give the object up: the executor that its calls run on has stopped, or its mailbox is no longer served.
    /// A call may have begun.
    #[error("{object}: its executor has stopped")]
    Stopped {
        /// The object's name.
        object: String,
    },
    /// Make it from an executor of this crate, or choose a policy on a named one: the cast could not run at
    /// once, and this thread has nothing that would run it later.
    #[error("{object}: this thread has no executor for a cast that must wait")]
    NoExecutor {
        /// The object's name.
        object: String,
    },
    /// Mend the program: the call waits, through others, for itself. Found in debug builds only.
    #[error(transparent)]
    Deadlock(#[from] Deadlock),
}
