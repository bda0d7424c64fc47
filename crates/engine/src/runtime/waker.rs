//! The shard waker, which wakes a sleeping shard from any thread.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Wake;

/// Ends the sleep of one shard. Costs a system call only while the shard sleeps.
///
/// A thread that has put something where the shard looks for it calls [`wake`](Self::wake) afterwards. The shard announces
/// its sleep before it looks for the last time. So either the shard sees what was put there, or the other thread sees that
/// the shard sleeps.
#[derive(Debug)]
pub(crate) struct ShardWaker {
    event: OwnedFd,
    asleep: AtomicBool,
    /// True if the shard has something to do that it finds only by looking at its policy.
    notified: AtomicBool,
}

impl ShardWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event, asleep: AtomicBool::new(false), notified: AtomicBool::new(false) })
    }

    /// Announces that the shard will sleep if it finds nothing when it looks once more.
    pub(crate) fn begin_sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Notes that the shard is awake.
    pub(crate) fn end_sleep(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Returns true if [`Wake`] was called since the last clear.
    pub(crate) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed)
    }

    /// Clears the notification; the shard looks next at what it was for.
    pub(crate) fn clear_notification(&self) {
        if self.is_notified() {
            self.notified.swap(false, Ordering::SeqCst);
        }
    }

    /// Wakes the shard if it sleeps.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // The ring reports every write. The counter in the descriptor has no meaning, and cannot overflow.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }
}

impl AsRawFd for ShardWaker {
    fn as_raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

impl Wake for ShardWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notified.store(true, Ordering::SeqCst);
        Self::wake(self);
    }
}
