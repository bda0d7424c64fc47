//! A policy whose calls go to the object's executor and come back.

use super::{Policy, Site, Subject, caught, start};
use crate::access::{Access, Turns};
use crate::call::Call;
use crate::error::Error;
use crate::exclusive::Exclusive;
use crate::executor::{Executor, Task};
use crate::identity::Identity;
use crate::reply::reply;
use crate::strand::Job;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Each call is a task on the object's executor, whose single thread keeps calls apart.
///
/// This is for code that must run on one thread, such as a user interface. A call that awaits lets others in.
#[derive(Clone)]
pub struct Portal(Arc<dyn Executor>);

impl Portal {
    /// Runs calls on that executor.
    pub fn on(executor: impl Executor) -> Self {
        Self(Arc::new(executor))
    }
}

/// Runs calls on a thread that is started for it and ends with the last handle.
#[cfg(not(loom))]
impl Default for Portal {
    /// # Panics
    /// If the system cannot start another thread.
    fn default() -> Self {
        Self::on(crate::executor::thread("portal").expect("a thread for a portal"))
    }
}

/// An object that is reached only on its executor.
pub struct Ported<T>(Arc<Inner<T>>);

struct Inner<T> {
    identity: Arc<Identity>,
    executor: Arc<dyn Executor>,
    object: Exclusive<T>,
}

impl<T> Clone for Ported<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl super::sealed::Sealed for Portal {}

impl Policy for Portal {
    type Subject<T: Send + 'static> = Ported<T>;

    fn wrap<T: Send + 'static>(self, object: T, identity: Arc<Identity>) -> Ported<T> {
        Ported(Arc::new(Inner { identity, executor: self.0, object: Exclusive::new(object) }))
    }
}

impl<T: Send + 'static> Ported<T> {
    fn spawn(&self, task: Task) -> Result<(), Error> {
        self.0.executor.spawn(task).map_err(|_| self.0.identity.stopped())
    }
}

/// Such a call is on the executor already, so its turns are granted at once.
impl<T: Send + 'static> Turns<T> for Ported<T> {
    fn submit(&self, job: Job<T>) -> Result<(), Error> {
        job(&mut self.0.object.enter());
        Ok(())
    }

    fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }
}

impl<T: Send + 'static> Subject<T> for Ported<T> {
    fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    async fn call<R: Send + 'static>(
        &self,
        at: Site,
        code: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        let (reply, answer) = reply(&self.0.identity);
        let subject = self.clone();
        self.spawn(Box::new(move || {
            Box::pin(async move {
                let turn = || call.enter(|| code(&mut subject.0.object.enter()));
                reply.send(catch_unwind(AssertUnwindSafe(turn)));
            })
        }))?;
        answer.receive(&self.0.identity).await
    }

    fn cast(&self, at: Site, code: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        let permit = self.0.identity.admit()?;
        let call = Call::cast(&self.0.identity, at);
        let subject = self.clone();
        start(&*self.0.executor, &self.0.identity, permit, move |permit| {
            Box::pin(async move {
                let turn = || call.enter(|| code(&mut subject.0.object.enter()));
                permit.done(catch_unwind(AssertUnwindSafe(turn)));
            })
        })
    }

    async fn call_async<R: Send + 'static>(
        &self,
        at: Site,
        code: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        let (reply, answer) = reply(&self.0.identity);
        let subject = self.clone();
        self.spawn(Box::new(move || {
            Box::pin(async move {
                reply.send(caught(&call, async { code(Access::turns(&subject)).await }).await);
            })
        }))?;
        answer.receive(&self.0.identity).await
    }

    fn cast_async(&self, at: Site, code: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error> {
        let permit = self.0.identity.admit()?;
        let call = Call::cast(&self.0.identity, at);
        let subject = self.clone();
        start(&*self.0.executor, &self.0.identity, permit, move |permit| {
            Box::pin(async move {
                permit.done(caught(&call, async { code(Access::turns(&subject)).await }).await);
            })
        })
    }
}
