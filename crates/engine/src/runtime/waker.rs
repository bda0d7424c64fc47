//! Wakes a shard that sleeps, from any thread.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Wake;

/// Ends the sleep of one shard; costs a system call only while it sleeps.
///
/// Whoever has put something where the shard looks for it calls [`wake`](Self::wake) afterwards. The shard
/// says that it sleeps before it looks for the last time: so either it sees what was put there, or the other sees that it
/// sleeps.
#[derive(Debug)]
pub(crate) struct ShardWaker {
    event: OwnedFd,
    asleep: AtomicBool,
    /// Somebody has something that the shard finds only by looking at its policy.
    notified: AtomicBool,
}

impl ShardWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event, asleep: AtomicBool::new(false), notified: AtomicBool::new(false) })
    }

    /// The shard will sleep if it finds nothing when it looks once more.
    pub(crate) fn begin_sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The shard is awake.
    pub(crate) fn end_sleep(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Returns true if [`Wake`] was called since the last clear.
    pub(crate) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed)
    }

    /// Clears that: what it was called for is looked at next.
    pub(crate) fn clear_notification(&self) {
        if self.is_notified() {
            self.notified.swap(false, Ordering::SeqCst);
        }
    }

    /// Wakes the shard if it sleeps.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // The ring reports every write; the number in the descriptor means nothing, and cannot come to its end.
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
