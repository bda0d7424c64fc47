//! A flag that callers try to take again and again, with a yield between two tries.
//!
//! There is no order: the first caller to try when the flag is free gets in. After [`MAX_YIELDS`] a caller waits to be
//! woken. Some executors poll their I/O only when no task is runnable, and endless yields would keep away the very
//! event that the caller inside awaits.

use crate::latch::Latch;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Mutex, lock};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The number of times that a caller yields before it waits to be woken. Loom explores each of them, so it uses fewer.
pub const MAX_YIELDS: u32 = if cfg!(loom) { 1 } else { 16 };

/// A flag, and the callers that wait to be woken.
pub struct Spinning {
    taken: AtomicBool,
    /// The length of `parked`, readable without its lock.
    parked_count: AtomicUsize,
    /// The wakers of these callers: at most one per waiting caller and yield round. Leaving empties the list.
    parked: Mutex<Vec<Waker>>,
}

impl Default for Spinning {
    fn default() -> Self {
        Self { taken: AtomicBool::new(false), parked_count: AtomicUsize::new(0), parked: Mutex::new(Vec::new()) }
    }
}

impl Spinning {
    fn try_take(&self) -> bool {
        self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn park(&self, waker: Waker) {
        let mut parked = lock(&self.parked);
        parked.push(waker);
        self.parked_count.store(parked.len(), Ordering::Relaxed);
        drop(parked);
        // Pairs with the fence of `leave`: either it sees the count, or the next try here sees the flag free.
        fence(Ordering::SeqCst);
    }

    fn leave(&self) {
        self.taken.store(false, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.parked_count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut parked = lock(&self.parked);
        let woken = std::mem::take(&mut *parked);
        self.parked_count.store(0, Ordering::Relaxed);
        drop(parked);
        // All of them are woken, because one that has been dropped would not pass it on.
        woken.into_iter().for_each(Waker::wake);
    }
}

/// A caller's attempt to get in.
pub struct Attempt {
    spinning: Arc<Spinning>,
    is_in: bool,
    yields: u32,
}

impl Latch for Spinning {
    type Place = Attempt;

    fn place(latch: &Arc<Self>) -> Attempt {
        Attempt { spinning: Arc::clone(latch), is_in: latch.try_take(), yields: 0 }
    }

    fn is_in(place: &Attempt) -> bool {
        place.is_in
    }
}

impl Future for Attempt {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.is_in = self.is_in || self.spinning.try_take();
        if !self.is_in && self.yields < MAX_YIELDS {
            self.yields += 1;
            context.waker().wake_by_ref();
        } else if !self.is_in {
            self.spinning.park(context.waker().clone());
            self.is_in = self.spinning.try_take();
            self.yields = 0;
        }
        if self.is_in { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_in {
            self.spinning.leave();
        }
    }
}
