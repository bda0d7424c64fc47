//! The only place where an object is reached through a shared reference, and the crate's only `unsafe`.
//!
//! Invariant: between a successful [`Exclusive::try_enter`] and the drop of its result, every other attempt fails. The
//! policies decide when to try. If one of them is wrong, an attempt fails and a call panics, but memory stays sound.
//!
//! Absent here: waiting.
#![allow(unsafe_code, reason = "interior mutability that a flag guards, which no safe type gives across awaits")]

use crate::sync::atomic::{AtomicBool, Ordering};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(not(loom))]
use std::cell::UnsafeCell;

/// An object that only one call at a time may enter.
pub(crate) struct Exclusive<T> {
    entered: AtomicBool,
    object: UnsafeCell<T>,
}

// SAFETY: a shared `Exclusive` gives out the object only through `try_enter`, to one at a time, and the flag's
// acquire and release order one visit before the next. So sharing it is no more than sending the object from
// thread to thread, which `T: Send` permits; `T: Sync` is not needed, as two never see it at once.
unsafe impl<T: Send> Sync for Exclusive<T> {}

/// The entered object. Dropping this leaves it.
pub(crate) struct Entered<'a, T> {
    exclusive: &'a Exclusive<T>,
    /// `Entered` may be sent and shared between threads only where `&mut T` may be. The reference above alone would
    /// allow a `T` that is `Send` but not `Sync` to be shared.
    object: PhantomData<&'a mut T>,
}

impl<T> Exclusive<T> {
    pub(crate) fn new(object: T) -> Self {
        Self { entered: AtomicBool::new(false), object: UnsafeCell::new(object) }
    }

    /// Enters the object, unless another call has entered it.
    pub(crate) fn try_enter(&self) -> Option<Entered<'_, T>> {
        self.entered
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then_some(Entered { exclusive: self, object: PhantomData })
    }

    /// Enters the object when the policy has ensured that no other call has entered it.
    ///
    /// # Panics
    /// If another call has: the policy, or an executor that runs tasks on more than one thread, broke its promise.
    pub(crate) fn enter(&self) -> Entered<'_, T> {
        self.try_enter().expect("two calls are in one object: its executor must run on one thread")
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this `Entered` is the only one of its object (the flag), and its mutable reference comes only
        // from `deref_mut`, which borrows it mutably; so no mutable reference lives while this one does. The
        // borrow of `self` keeps the object alive and in its place.
        #[cfg(not(loom))]
        unsafe {
            &*self.exclusive.object.get()
        }
        // SAFETY: as above; loom's pointer checks at this moment that no other visit overlaps.
        #[cfg(loom)]
        self.exclusive.object.with(|object| unsafe { &*object })
    }
}

impl<T> DerefMut for Entered<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this `Entered` is the only one of its object (the flag), and it is borrowed mutably for as long
        // as the reference lives; so that is the only reference to the object.
        #[cfg(not(loom))]
        unsafe {
            &mut *self.exclusive.object.get()
        }
        // SAFETY: as above; loom's pointer checks at this moment that no other visit overlaps.
        #[cfg(loom)]
        self.exclusive.object.with_mut(|object| unsafe { &mut *object })
    }
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        self.exclusive.entered.store(false, Ordering::Release);
    }
}
