//! The timers of one shard; the reactor wakes their tasks and bounds its sleep by them.
//!
//! Few tasks sleep (a connection over its rate, a listener short of descriptors), so a tree of wakers is enough.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Instant;

/// The key of a timer: its deadline, and a number that distinguishes timers with the same deadline.
type Key = (Instant, u64);

/// The tasks that sleep, by deadline.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    wakers: RefCell<BTreeMap<Key, Waker>>,
    next: Cell<u64>,
}

impl Timers {
    /// Returns the next deadline, if any task sleeps.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.wakers.borrow().first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Completes at the deadline, once [`wake_due`](Self::wake_due) has been called after it.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        let timer = Timer { timers: self, key: (deadline, self.next.replace(self.next.get() + 1)) };
        poll_fn(|context| {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().insert(timer.key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Wakes the tasks whose deadlines have come. Reads the clock only if any task sleeps.
    pub(crate) fn wake_due(&self) {
        let mut wakers = self.wakers.borrow_mut();
        if wakers.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(entry) = wakers.first_entry().filter(|entry| entry.key().0 <= now) {
            entry.remove().wake();
        }
    }
}

/// Removes a timer when its task no longer waits.
struct Timer<'a> {
    timers: &'a Timers,
    key: Key,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.timers.wakers.borrow_mut().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, or, poll_once};
    use std::time::Duration;

    #[test]
    fn a_timer_ends_at_its_deadline_and_is_gone_when_nobody_waits() {
        let timers = Timers::default();
        let (soon, later) = (Instant::now(), Instant::now() + Duration::from_hours(1));
        block_on(timers.sleep_until(soon));
        block_on(async {
            let mut sleep = Box::pin(timers.sleep_until(later));
            assert!(poll_once(&mut sleep).await.is_none());
            assert_eq!(timers.first(), Some(later));
            timers.wake_due();
            assert_eq!(timers.first(), Some(later));
            or(async {}, sleep).await;
        });
        assert_eq!(timers.first(), None);
    }
}
