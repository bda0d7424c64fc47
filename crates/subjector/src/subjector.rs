//! The handle to an object under a policy.

use crate::access::Access;
use crate::error::Error;
use crate::identity::{Identity, PanicHook, Payload, report_through_tracing};
use crate::policy::{Indivisible, Policy, Subject};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// The number of casts to an object that may wait, unless [`Builder::max_casts`] says otherwise. One more fails with
/// [`Error::Full`].
pub const MAX_CASTS: usize = 1024;

/// An object `T`, called under a policy `P`. A clone is another handle to the same object.
///
/// | | awaits the result | does not wait |
/// | --- | --- | --- |
/// | a function | [`call`](Self::call) | [`cast`](Self::cast) |
/// | asynchronous, in turns, under every policy | [`call_async`](Self::call_async) | [`cast_async`](Self::cast_async) |
/// | asynchronous, object borrowed throughout: [`Indivisible`] policies | [`call_held`](Self::call_held) | [`cast_held`](Self::cast_held) |
///
/// A `call` that cannot be made panics, so that it looks like the method it calls; `try_call` and its variants return
/// the [`Error`]. A panic of the called code continues in the caller. The result of a cast is dropped, and its panic
/// goes to the object's hook ([`Builder::on_panic`]), as does that of a call whose caller has gone. The object stays
/// usable, in the state in which the panic left it.
///
/// A call starts when its future is first polled. If the future of a call is dropped, it gives up its position in a
/// queue. Code that runs in the caller stops at its await; code that was handed to another executor runs to its end.
pub struct Subjector<T: Send + 'static, P: Policy> {
    subject: P::Subject<T>,
}

impl<T: Send + 'static, P: Policy> Subjector<T, P> {
    /// Creates an object under the policy's default.
    pub fn new(object: T) -> Self
    where
        P: Default,
    {
        Self::with(object, P::default())
    }

    /// Creates an object under a policy.
    pub fn with(object: T, policy: P) -> Self {
        Self::build(object).policy(policy)
    }

    /// Creates a builder, for an object with a policy, a name, a hook and a limit.
    pub fn build(object: T) -> Builder<T, P> {
        Builder {
            object,
            name: std::any::type_name::<T>().to_owned(),
            on_panic: Arc::new(|object, panic| report_through_tracing(object, &panic)),
            max_casts: MAX_CASTS,
            policy: PhantomData,
        }
    }

    /// Returns the object's name.
    pub fn name(&self) -> &str {
        &self.subject.identity().name
    }

    /// Returns the number of casts that wait or run.
    pub fn pending_casts(&self) -> usize {
        self.subject.identity().pending_casts()
    }

    /// Calls a function with the object.
    ///
    /// # Panics
    /// With the panic of `call`, or if the call cannot be made; see [`try_call`](Self::try_call).
    #[track_caller]
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = R> + Send {
        let result = self.try_call(call);
        async move { result.await.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// Calls a function with the object.
    ///
    /// # Errors
    /// The object's executor has stopped. In debug builds also: the call would wait for itself.
    ///
    /// # Panics
    /// With the panic of `call`.
    #[track_caller]
    pub fn try_call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> + Send {
        self.subject.call(Location::caller(), call)
    }

    /// Casts a function: calls it with the object and does not wait. Under `Spin`, `Mutex` and `Alone` it runs here if
    /// the object is free.
    ///
    /// # Errors
    /// Too many casts wait; the object's executor has stopped; the cast must wait and this thread has no executor.
    #[track_caller]
    pub fn cast(&self, call: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        self.subject.cast(Location::caller(), call)
    }

    /// Calls asynchronous code, which reaches the object in turns.
    ///
    /// # Panics
    /// With the panic of `call`, or if the call cannot be made; see [`try_call_async`](Self::try_call_async).
    #[track_caller]
    pub fn call_async<R: Send + 'static>(
        &self,
        call: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> impl Future<Output = R> {
        let result = self.try_call_async(call);
        async move { result.await.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// Calls asynchronous code, which reaches the object in turns.
    ///
    /// # Errors
    /// The same as those of [`try_call`](Self::try_call).
    ///
    /// # Panics
    /// With the panic of `call`.
    #[track_caller]
    pub fn try_call_async<R: Send + 'static>(
        &self,
        call: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> {
        self.subject.call_async(Location::caller(), call)
    }

    /// Casts asynchronous code, which reaches the object in turns: calls it and does not wait.
    ///
    /// # Errors
    /// Too many casts wait; the executor has stopped; the policy names no executor and this thread has none.
    #[track_caller]
    pub fn cast_async(&self, call: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error> {
        self.subject.cast_async(Location::caller(), call)
    }
}

impl<T: Send + 'static, P: Indivisible> Subjector<T, P> {
    /// Calls asynchronous code that borrows the object throughout.
    ///
    /// # Panics
    /// With the panic of `call`, or if the call cannot be made; see [`try_call_held`](Self::try_call_held).
    #[track_caller]
    pub fn call_held<R: Send + 'static>(
        &self,
        call: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = R> {
        let result = self.try_call_held(call);
        async move { result.await.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// Calls asynchronous code that borrows the object throughout.
    ///
    /// # Errors
    /// The same as those of [`try_call`](Self::try_call).
    ///
    /// # Panics
    /// With the panic of `call`.
    #[track_caller]
    pub fn try_call_held<R: Send + 'static>(
        &self,
        call: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> {
        P::call_held(&self.subject, Location::caller(), call)
    }

    /// Casts asynchronous code that borrows the object throughout: calls it and does not wait.
    ///
    /// # Errors
    /// The same as those of [`cast_async`](Self::cast_async).
    #[track_caller]
    pub fn cast_held(&self, call: impl AsyncFnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        P::cast_held(&self.subject, Location::caller(), call)
    }
}

impl<T: Send + 'static, P: Policy> Clone for Subjector<T, P> {
    fn clone(&self) -> Self {
        Self { subject: self.subject.clone() }
    }
}

impl<T: Send + 'static, P: Policy> fmt::Debug for Subjector<T, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subjector").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The builder of an object under a policy.
#[must_use]
pub struct Builder<T, P> {
    object: T,
    name: String,
    on_panic: PanicHook,
    max_casts: usize,
    policy: PhantomData<P>,
}

impl<T: Send + 'static, P: Policy> Builder<T, P> {
    /// Sets the name that errors and reports use; by default the name of the object's type.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Sets the hook that takes the object's name and the panic of a call that nobody awaits. By default the panic is
    /// reported through `tracing`. The hook runs where the call ran.
    pub fn on_panic(self, hook: impl Fn(&str, Payload) + Send + Sync + 'static) -> Self {
        Self { on_panic: Arc::new(hook), ..self }
    }

    /// Sets the number of casts that may wait or run. One more fails with [`Error::Full`].
    pub fn max_casts(self, casts: usize) -> Self {
        Self { max_casts: casts, ..self }
    }

    /// Puts the object under that policy.
    pub fn policy(self, policy: P) -> Subjector<T, P> {
        let identity = Arc::new(Identity::new(self.name, self.on_panic, self.max_casts));
        Subjector { subject: policy.wrap(self.object, identity) }
    }
}
