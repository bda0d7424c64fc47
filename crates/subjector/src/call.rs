//! The running call: the chain of calls that the current code is part of.
//!
//! The chain is kept for the deadlock detector, so only in debug builds. In other builds a [`Call`] is empty.
//!
//! Absent here: what calls hold and wait for, which is in `deadlock`.

use crate::identity::Identity;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// The call whose code this thread is running.
    static CURRENT: RefCell<Call> = const { RefCell::new(Call(None)) };
}

/// One call of one object.
pub(crate) struct Frame {
    pub(crate) id: u64,
    pub(crate) object: u64,
    pub(crate) name: String,
    pub(crate) at: &'static Location<'static>,
    /// The call that made this one and awaits it.
    parent: Option<Arc<Frame>>,
}

impl Frame {
    /// Returns this call and those that await it, from the innermost outwards.
    pub(crate) fn chain(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::successors(Some(self), |frame| frame.parent.as_ref())
    }
}

/// A call in progress.
#[derive(Clone)]
pub(crate) struct Call(pub(crate) Option<Arc<Frame>>);

impl Call {
    /// Creates a call made by the code that runs now, which will await it.
    pub(crate) fn begin(identity: &Identity, at: &'static Location<'static>) -> Self {
        Self::within(identity, at, || CURRENT.with_borrow(|current| current.0.clone()))
    }

    /// Creates a call that nobody awaits.
    pub(crate) fn cast(identity: &Identity, at: &'static Location<'static>) -> Self {
        Self::within(identity, at, || None)
    }

    fn within(identity: &Identity, at: &'static Location<'static>, parent: impl Fn() -> Option<Arc<Frame>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(cfg!(debug_assertions).then(|| {
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            Arc::new(Frame { id, object: identity.id, name: identity.name.clone(), at, parent: parent() })
        }))
    }

    /// Runs code as part of this call.
    pub(crate) fn enter<R>(&self, code: impl FnOnce() -> R) -> R {
        if self.0.is_none() {
            return code();
        }
        let _outer = Outer(CURRENT.replace(self.clone()));
        code()
    }

    /// Runs a future as part of this call.
    pub(crate) async fn scope<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| self.enter(|| future.as_mut().poll(context))).await
    }
}

/// The call to restore, even after a panic.
struct Outer(Call);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(Call(self.0.0.take()));
    }
}
