//! Where calls run, when not where they are made: "run this there".
//!
//! | there | how to get it |
//! | --- | --- |
//! | a thread of its own | [`thread`](fn@thread) |
//! | the glommio executor that this code runs on (feature `glommio`) | `glommio` |
//! | the current-thread tokio runtime that this code runs on, in a `LocalSet` (feature `tokio`) | `tokio` |
//! | anywhere else | implement [`Executor`], or serve a [`mailbox`] |
//!
//! Absent here: executors. Each of these is a [`Mailbox`] and a task that serves it on one that exists.

mod current;
#[cfg(feature = "glommio")]
mod glommio;
mod mailbox;
#[cfg(not(loom))]
mod thread;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "glommio")]
pub use self::glommio::{MAILBOX_SWEEP, glommio};
#[cfg(feature = "tokio")]
pub use self::tokio::tokio;
pub(crate) use current::current;
pub use mailbox::{Mailbox, Service, mailbox};
#[cfg(not(loom))]
pub use thread::thread;

use std::pin::Pin;

/// A future that stays on the executor it was made on.
pub type LocalTask = Pin<Box<dyn Future<Output = ()>>>;

/// Makes a [`LocalTask`] there: only this crosses to the other thread.
pub type Task = Box<dyn FnOnce() -> LocalTask + Send>;

/// Runs tasks, all of them on one thread.
///
/// A policy relies on the one thread: if two tasks run at the same time, a call panics (memory stays sound).
pub trait Executor: Send + Sync + 'static {
    /// Starts `task` there, after those that were given to it before.
    ///
    /// # Errors
    /// It has stopped; the task is dropped.
    fn spawn(&self, task: Task) -> Result<(), Stopped>;
}

/// An executor has stopped and takes no more tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the executor has stopped")]
pub struct Stopped;
