//! The attributes of an object besides its state: a name, a hook for panics, a limit on casts.

use crate::error::Error;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The payload of a panic.
pub type Payload = Box<dyn Any + Send>;

/// A hook that takes the object's name and the panic of a call that nobody awaits.
pub(crate) type PanicHook = Arc<dyn Fn(&str, Payload) + Send + Sync>;

/// The name of an object and its counts.
pub struct Identity {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) on_panic: PanicHook,
    pub(crate) max_casts: usize,
    casts: AtomicUsize,
}

impl Identity {
    pub(crate) fn new(name: String, on_panic: PanicHook, max_casts: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, name, on_panic, max_casts, casts: AtomicUsize::new(0) }
    }

    /// Passes on a panic that no caller will see. If the hook itself panics, that is only reported, because it must
    /// affect neither the object nor the executor.
    pub(crate) fn report(&self, panic: Payload) {
        if catch_unwind(AssertUnwindSafe(|| (self.on_panic)(&self.name, panic))).is_err() {
            tracing::error!(object = self.name, "the panic hook panicked");
        }
    }

    pub(crate) fn stopped(&self) -> Error {
        Error::Stopped { object: self.name.clone() }
    }

    pub(crate) fn full(&self) -> Error {
        Error::Full { object: self.name.clone(), limit: self.max_casts }
    }

    pub(crate) fn no_executor(&self) -> Error {
        Error::NoExecutor { object: self.name.clone() }
    }

    pub(crate) fn pending_casts(&self) -> usize {
        self.casts.load(Ordering::Relaxed)
    }

    /// Counts a cast, up to the limit.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, Error> {
        if self.casts.fetch_add(1, Ordering::Relaxed) >= self.max_casts {
            self.casts.fetch_sub(1, Ordering::Relaxed);
            return Err(self.full());
        }
        Ok(Permit { identity: Arc::clone(self), is_done: false })
    }
}

/// A cast that is counted until it is done. If it is dropped before that, the loss is reported.
pub(crate) struct Permit {
    identity: Arc<Identity>,
    is_done: bool,
}

impl Permit {
    /// Marks the cast as done. Its panic, if it had one, goes to the hook.
    pub(crate) fn done(mut self, outcome: std::thread::Result<()>) {
        self.is_done = true;
        if let Err(panic) = outcome {
            self.identity.report(panic);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.identity.casts.fetch_sub(1, Ordering::Relaxed);
        if !self.is_done {
            tracing::warn!(object = self.identity.name, "a cast was not done: it was refused, or its executor stopped");
        }
    }
}

/// Reports a panic through `tracing`, with the message of the usual payloads.
pub(crate) fn report_through_tracing(object: &str, panic: &Payload) {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a payload that is not text");
    tracing::error!(object, panic = message, "a call that nobody awaits panicked");
}
