//! The policies that synchronise the calls of an object: one file for each policy.
//!
//! A policy is a setting; applied to an object, it makes a [`Subject`].

mod alone;
mod channel;
mod locked;
mod mutex;
mod portal;
mod spin;

pub use alone::Alone;
pub use channel::{Channel, MAILBOX_CAPACITY};
pub use mutex::Mutex;
pub use portal::Portal;
pub use spin::Spin;

use crate::access::Access;
use crate::call::Call;
use crate::error::Error;
use crate::executor::{Executor, LocalTask};
use crate::identity::{Identity, Permit};
use futures_lite::FutureExt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::Arc;
use std::thread;

/// The place in the program at which a call is made.
pub(crate) type Site = &'static Location<'static>;

/// A way to synchronise the calls of an object. Implemented by the policies of this crate only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    note = "the policies are `Spin`, `Mutex`, `Portal`, `Alone` and `Channel`"
)]
pub trait Policy: sealed::Sealed + Sized + 'static {
    /// An object under this policy.
    #[doc(hidden)]
    type Subject<T: Send + 'static>: Subject<T>;

    /// Puts an object under the policy.
    #[doc(hidden)]
    fn wrap<T: Send + 'static>(self, object: T, identity: Arc<Identity>) -> Self::Subject<T>;
}

/// A policy under which a call that awaits excludes others from its beginning to its end: `Spin`, `Mutex` and
/// `Channel`. Only under these can a call borrow the object across an await.
#[diagnostic::on_unimplemented(
    message = "under `{Self}` a call lets others in while it awaits, so it cannot borrow the object meanwhile",
    label = "this method is asynchronous and takes `self`",
    note = "take `Access<'_, Self>` instead of `self`, or choose `Spin`, `Mutex` or `Channel`"
)]
pub trait Indivisible: Policy {
    /// Calls code that borrows the object to its end.
    #[doc(hidden)]
    fn call_held<T: Send + 'static, R: Send + 'static>(
        subject: &Self::Subject<T>,
        at: Site,
        call: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>>;

    /// Does the same without waiting.
    #[doc(hidden)]
    fn cast_held<T: Send + 'static>(
        subject: &Self::Subject<T>,
        at: Site,
        call: impl AsyncFnOnce(&mut T) + Send + 'static,
    ) -> Result<(), Error>;
}

/// An object under a policy, with the ways to call it.
pub trait Subject<T: Send + 'static>: Clone + Send + Sync + 'static {
    fn identity(&self) -> &Arc<Identity>;

    fn call<R: Send + 'static>(
        &self,
        at: Site,
        call: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> + Send;

    fn cast(&self, at: Site, call: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error>;

    fn call_async<R: Send + 'static>(
        &self,
        at: Site,
        call: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>>;

    fn cast_async(&self, at: Site, call: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error>;
}

mod sealed {
    /// Restricts the policies to those of this crate, because the soundness argument and the tables cover only these.
    pub trait Sealed {}
}

/// Runs a future of a call, as part of that call, and catches its panic.
async fn caught<R>(call: &Call, future: impl Future<Output = R>) -> thread::Result<R> {
    AssertUnwindSafe(call.scope(future)).catch_unwind().await
}

/// Starts a cast on an executor.
fn start(
    executor: &dyn Executor,
    identity: &Identity,
    permit: Permit,
    cast: impl FnOnce(Permit) -> LocalTask + Send + 'static,
) -> Result<(), Error> {
    executor.spawn(Box::new(move || cast(permit))).map_err(|_| identity.stopped())
}
