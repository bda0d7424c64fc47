//! A mailbox of tasks for an executor that can start tasks only on its own thread.

use super::{Executor, LocalTask, Stopped, Task, current};
use flume::{Receiver, Sender, WeakSender};
use futures_lite::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Posts tasks to an executor; see [`mailbox`].
///
/// The mailbox itself is not bounded: each post is a call that somebody awaits, or a cast within its object's limit.
#[derive(Clone, Debug)]
pub struct Mailbox(Sender<Task>);

/// The other end of a [`Mailbox`].
#[derive(Debug)]
pub struct Service {
    tasks: Receiver<Task>,
    own: WeakSender<Task>,
}

/// Creates a mailbox, and the service that runs its tasks on an executor that this crate does not know.
///
/// ```
/// use futures_lite::future::block_on;
/// use std::rc::Rc;
/// use subjector::{Portal, Subjector, executor};
///
/// let (mailbox, service) = executor::mailbox();
/// let server = std::thread::spawn(move || {
///     let local = Rc::new(async_executor::LocalExecutor::new());
///     let spawner = Rc::clone(&local);
///     block_on(local.run(service.serve(move |task| spawner.spawn(task).detach())));
/// });
/// let numbers = Subjector::with(vec![1], Portal::on(mailbox));
/// assert_eq!(block_on(numbers.call(|numbers| { numbers.push(2); numbers.len() })), 2);
/// drop(numbers);
/// server.join().unwrap();
/// ```
pub fn mailbox() -> (Mailbox, Service) {
    let (sender, tasks) = flume::unbounded();
    let own = sender.downgrade();
    (Mailbox(sender), Service { tasks, own })
}

impl Executor for Mailbox {
    fn spawn(&self, task: Task) -> Result<(), Stopped> {
        self.0.send(task).map_err(|_| Stopped)
    }
}

impl Service {
    /// Starts every posted task with `spawn`, which must run it on this thread, until no [`Mailbox`] is left. A task
    /// that panics is reported through `tracing` and ends alone.
    ///
    /// Call this on that thread: from now on until the future ends, casts from it that must wait are posted here.
    pub fn serve(self, spawn: impl Fn(LocalTask)) -> impl Future<Output = ()> {
        let until_the_end = current::register(self.own());
        async move {
            let _until_the_end = until_the_end;
            while let Ok(task) = self.tasks.recv_async().await {
                spawn(started(task));
            }
        }
    }

    /// Returns a weak reference to the mailbox of this service.
    pub(super) fn own(&self) -> WeakMailbox {
        WeakMailbox(self.own.clone())
    }
}

/// Runs the task in a future that does not panic.
fn started(task: Task) -> LocalTask {
    Box::pin(async move {
        let outcome = match catch_unwind(AssertUnwindSafe(task)) {
            Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        if outcome.is_err() {
            tracing::error!("a task of an executor's mailbox panicked");
        }
    })
}

/// A [`Mailbox`] that does not keep its service running.
pub(super) struct WeakMailbox(WeakSender<Task>);

impl WeakMailbox {
    pub(super) fn upgrade(&self) -> Option<Mailbox> {
        self.0.upgrade().map(Mailbox)
    }
}
