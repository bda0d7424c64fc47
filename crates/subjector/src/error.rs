//! The reasons why a call could not be made.

use crate::deadlock::Deadlock;

/// The reason why a call or cast could not be made. The result of the called method is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Try again later, or call less often: as many casts to this object as its limit allows have not been done yet.
    #[error("{object}: {limit} casts wait already")]
    Full {
        /// The object's name.
        object: String,
        /// The limit that was reached.
        limit: usize,
    },
    /// Abandon the object: the executor that its calls run on has stopped, or its mailbox is no longer served. A call
    /// may have begun.
    #[error("{object}: its executor has stopped")]
    Stopped {
        /// The object's name.
        object: String,
    },
    /// Make the cast from an executor of this crate, or choose a policy on a named one: it could not run at once, and
    /// this thread has nothing that would run it later.
    #[error("{object}: this thread has no executor for a cast that must wait")]
    NoExecutor {
        /// The object's name.
        object: String,
    },
    /// Fix the program: the call waits, through others, for itself. Found in debug builds only.
    #[error(transparent)]
    Deadlock(#[from] Deadlock),
}
