//! The shared part of the locking policies: the call runs in its caller, behind a latch.

use super::{Site, Subject, caught, start};
use crate::access::Access;
use crate::call::Call;
use crate::deadlock::Holding;
use crate::error::Error;
use crate::exclusive::{Entered, Exclusive};
use crate::executor::current;
use crate::identity::Identity;
use crate::latch::Latch;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An object behind a latch.
pub struct Locked<T, L>(Arc<Inner<T, L>>);

struct Inner<T, L> {
    identity: Arc<Identity>,
    latch: Arc<L>,
    object: Exclusive<T>,
}

/// The held object, from which all others are excluded. The fields are released in this order.
struct Held<'a, T, P> {
    _holding: Holding,
    object: Entered<'a, T>,
    _place: P,
}

impl<T, L> Clone for Locked<T, L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static, L: Latch> Locked<T, L> {
    pub(super) fn new(object: T, identity: Arc<Identity>) -> Self {
        Self(Arc::new(Inner { identity, latch: Arc::default(), object: Exclusive::new(object) }))
    }

    /// Waits until the position is in.
    async fn hold(&self, mut place: L::Place, call: &Call) -> Result<Held<'_, T, L::Place>, Error> {
        let waiting = if L::is_in(&place) {
            None
        } else {
            let waiting = call.wait()?;
            (&mut place).await;
            Some(waiting)
        };
        let holding = call.hold();
        drop(waiting);
        Ok(Held { _holding: holding, object: self.0.object.enter(), _place: place })
    }

    pub(super) async fn call_held<R>(
        &self,
        at: Site,
        code: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        let mut held = self.hold(L::place(&self.0.latch), &call).await?;
        Ok(call.scope(async { code(&mut held.object).await }).await)
    }

    pub(super) fn cast_held(&self, at: Site, code: impl AsyncFnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        let permit = self.0.identity.admit()?;
        let executor = current().ok_or_else(|| self.0.identity.no_executor())?;
        let call = Call::cast(&self.0.identity, at);
        // The position is taken now, not when the task runs, so that casts keep their order among the calls.
        let place = L::place(&self.0.latch);
        let subject = self.clone();
        start(&executor, &self.0.identity, permit, move |permit| {
            Box::pin(async move {
                match subject.hold(place, &call).await {
                    Ok(mut held) => permit.done(caught(&call, async { code(&mut held.object).await }).await),
                    Err(error) => unreachable!("nobody awaits a cast, so it closes no cycle: {error}"),
                }
            })
        })
    }
}

impl<T: Send + 'static, L: Latch> Subject<T> for Locked<T, L> {
    fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    async fn call<R: Send + 'static>(
        &self,
        at: Site,
        code: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        let mut held = self.hold(L::place(&self.0.latch), &call).await?;
        Ok(call.enter(|| code(&mut held.object)))
    }

    fn cast(&self, at: Site, code: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        let place = L::place(&self.0.latch);
        if !L::is_in(&place) {
            drop(place);
            return self.cast_held(at, async move |object: &mut T| code(object));
        }
        let permit = self.0.identity.admit()?;
        let call = Call::cast(&self.0.identity, at);
        let mut held = Held { _holding: call.hold(), object: self.0.object.enter(), _place: place };
        let outcome = call.enter(|| catch_unwind(AssertUnwindSafe(|| code(&mut held.object))));
        // The hook is foreign code, which may call this object.
        drop(held);
        permit.done(outcome);
        Ok(())
    }

    async fn call_async<R: Send + 'static>(
        &self,
        at: Site,
        code: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        self.call_held(at, async move |object: &mut T| code(Access::held(object)).await).await
    }

    fn cast_async(&self, at: Site, code: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error> {
        self.cast_held(at, async move |object: &mut T| code(Access::held(object)).await)
    }
}

/// Defines a locking policy, which consists of its latch alone.
macro_rules! locking_policy {
    ($policy:ident, $latch:ty) => {
        impl super::sealed::Sealed for $policy {}

        impl super::Policy for $policy {
            type Subject<T: Send + 'static> = super::locked::Locked<T, $latch>;

            fn wrap<T: Send + 'static>(
                self,
                object: T,
                identity: ::std::sync::Arc<crate::identity::Identity>,
            ) -> Self::Subject<T> {
                super::locked::Locked::new(object, identity)
            }
        }

        impl super::Indivisible for $policy {
            async fn call_held<T: Send + 'static, R: Send + 'static>(
                subject: &Self::Subject<T>,
                at: super::Site,
                call: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
            ) -> Result<R, crate::error::Error> {
                subject.call_held(at, call).await
            }

            fn cast_held<T: Send + 'static>(
                subject: &Self::Subject<T>,
                at: super::Site,
                call: impl AsyncFnOnce(&mut T) + Send + 'static,
            ) -> Result<(), crate::error::Error> {
                subject.cast_held(at, call)
            }
        }
    };
}
pub(super) use locking_policy;
