//! A flag that a task can wait for, within one thread.

use futures_lite::future::yield_now;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

thread_local! {
    /// The number of times that signals have woken a task of this thread.
    static WOKEN: Cell<u64> = const { Cell::new(0) };
}

/// Lets all runnable tasks run until none of them has woken another. The executor runs tasks in the order in which they
/// were woken, so this task comes after them.
pub(crate) async fn settle() {
    loop {
        let before = WOKEN.get();
        yield_now().await;
        if WOKEN.get() == before {
            return;
        }
    }
}

/// A flag that any task may set and one task waits for. Setting it twice before it is seen counts once.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    set: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Signal {
    /// Sets the flag and wakes the task that waits.
    pub(crate) fn set(&self) {
        if !self.set.replace(true)
            && let Some(waiter) = self.waiter.take()
        {
            WOKEN.set(WOKEN.get().wrapping_add(1));
            waiter.wake();
        }
    }

    /// Clears the flag. Returns true if it was set.
    pub(crate) fn take(&self) -> bool {
        self.set.replace(false)
    }

    /// Returns true if the flag is set.
    pub(crate) fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until the flag is set, and clears it.
    pub(crate) async fn wait(&self) {
        poll_fn(|context| {
            if self.set.replace(false) {
                return Poll::Ready(());
            }
            *self.waiter.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
