//! The primitives that loom replaces: the standard library's, or loom's with `--cfg loom`.

#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

/// Locks a mutex of this crate. Nothing that may panic runs while one is locked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under a lock of this crate")
}
