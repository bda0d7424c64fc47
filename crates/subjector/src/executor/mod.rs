//! Executors on which calls run if they do not run in their caller: "run this there".
//!
//! | there | how to get it |
//! | --- | --- |
//! | a separate thread | [`thread`](fn@thread) |
//! | the glommio executor that this code runs on (feature `glommio`) | `glommio` |
//! | the current-thread tokio runtime that this code runs on, in a `LocalSet` (feature `tokio`) | `tokio` |
//! | anywhere else | implement [`Executor`], or serve a [`mailbox`] |
//!
//! Absent here: executors. Each of these is a [`Mailbox`] and a task that serves it on an existing one.

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

/// A future that stays on the executor that created it.
pub type LocalTask = Pin<Box<dyn Future<Output = ()>>>;

/// Creates a [`LocalTask`] on the other thread; only this moves there.
pub type Task = Box<dyn FnOnce() -> LocalTask + Send>;

/// Runs tasks, all of them on one thread.
///
/// A policy relies on that: if two tasks run at the same time, a call panics (memory stays sound).
pub trait Executor: Send + Sync + 'static {
    /// Starts `task` on the executor, after the tasks that were given to it before.
    ///
    /// # Errors
    /// The executor has stopped; the task is dropped.
    fn spawn(&self, task: Task) -> Result<(), Stopped>;
}

/// The error of an executor that has stopped and takes no more tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the executor has stopped")]
pub struct Stopped;
