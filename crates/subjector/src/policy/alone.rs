//! One call at a time and in order, on the executors of the callers.

use super::{Policy, Site, Subject, caught, start};
use crate::access::{Access, Turns};
use crate::call::Call;
use crate::error::Error;
use crate::executor::{Executor, Task, current};
use crate::identity::Identity;
use crate::reply::reply;
use crate::strand::{Abandoned, Baton, Job, Strand};
use futures_lite::future::yield_now;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Calls run one at a time and in order, each on an executor that already runs one. A caller that finds the object idle
/// runs its own call and those that arrive meanwhile, up to [`MAX_STRETCH`](crate::MAX_STRETCH) of them, then leaves
/// the rest to its executor. There is no separate thread, and nobody waits while holding the object, so there is no
/// deadlock.
///
/// A call that awaits lets others in between its turns, so values that it has read may be out of date when it writes.
#[derive(Clone, Default)]
pub struct Alone(Option<Arc<dyn Executor>>);

impl Alone {
    /// Runs calls on that executor instead of on the callers'.
    pub fn on(executor: impl Executor) -> Self {
        Self(Some(Arc::new(executor)))
    }
}

/// An object and the strand of its calls.
pub struct Stranded<T>(Arc<Inner<T>>);

struct Inner<T> {
    identity: Arc<Identity>,
    executor: Option<Arc<dyn Executor>>,
    strand: Arc<Strand<T>>,
}

impl<T> Clone for Stranded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl super::sealed::Sealed for Alone {}

impl Policy for Alone {
    type Subject<T: Send + 'static> = Stranded<T>;

    fn wrap<T: Send + 'static>(self, object: T, identity: Arc<Identity>) -> Stranded<T> {
        Stranded(Arc::new(Inner { identity, executor: self.0, strand: Arc::new(Strand::new(object)) }))
    }
}

/// Runs the queued jobs, stretch by stretch, with the executor's other tasks in between.
fn relay<T: Send + 'static>(baton: Baton<T>) -> Task {
    Box::new(move || {
        Box::pin(async move {
            let mut baton = Some(baton);
            while let Some(held) = baton.take() {
                baton = held.stretch();
                if baton.is_some() {
                    yield_now().await;
                }
            }
        })
    })
}

/// Runs one stretch here and leaves the rest to this thread's executor. Without an executor, or if it has stopped, the
/// dropped baton runs the rest here.
fn run<T: Send + 'static>(baton: Baton<T>) {
    if let Some(rest) = baton.stretch()
        && let Some(executor) = current()
    {
        let _stopped = executor.spawn(relay(rest));
    }
}

impl<T: Send + 'static> Turns<T> for Stranded<T> {
    fn submit(&self, job: Job<T>) -> Result<(), Error> {
        let Some(executor) = &self.0.executor else {
            self.0.strand.push(job, Abandoned::Run).into_iter().for_each(run);
            return Ok(());
        };
        match self.0.strand.push(job, Abandoned::Dropped) {
            None => Ok(()),
            Some(baton) => executor.spawn(relay(baton)).map_err(|_| self.0.identity.stopped()),
        }
    }

    fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }
}

impl<T: Send + 'static> Stranded<T> {
    /// Returns the baton of the strand if calls run in their callers and the strand is idle. Then nothing needs to be
    /// queued.
    fn idle(&self) -> Option<Baton<T>> {
        if self.0.executor.is_some() { None } else { self.0.strand.try_begin(Abandoned::Run) }
    }
}

impl<T: Send + 'static> Subject<T> for Stranded<T> {
    fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    async fn call<R: Send + 'static>(
        &self,
        at: Site,
        code: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        if let Some(baton) = self.idle() {
            let outcome = baton.run(|object| call.enter(|| catch_unwind(AssertUnwindSafe(|| code(object)))));
            run(baton);
            return Ok(outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        let (reply, answer) = reply(&self.0.identity);
        self.submit(Box::new(move |object| {
            reply.send(catch_unwind(AssertUnwindSafe(|| call.enter(|| code(object)))));
        }))?;
        answer.receive(&self.0.identity).await
    }

    fn cast(&self, at: Site, code: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        let permit = self.0.identity.admit()?;
        let call = Call::cast(&self.0.identity, at);
        self.submit(Box::new(move |object| {
            permit.done(catch_unwind(AssertUnwindSafe(|| call.enter(|| code(object)))));
        }))
    }

    async fn call_async<R: Send + 'static>(
        &self,
        at: Site,
        code: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.0.identity, at);
        let Some(executor) = &self.0.executor else {
            return Ok(call.scope(async { code(Access::turns(self)).await }).await);
        };
        let (reply, answer) = reply(&self.0.identity);
        let subject = self.clone();
        let task: Task = Box::new(move || {
            Box::pin(async move {
                reply.send(caught(&call, async { code(Access::turns(&subject)).await }).await);
            })
        });
        executor.spawn(task).map_err(|_| self.0.identity.stopped())?;
        answer.receive(&self.0.identity).await
    }

    fn cast_async(&self, at: Site, code: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error> {
        let permit = self.0.identity.admit()?;
        let executor: Arc<dyn Executor> = match &self.0.executor {
            Some(executor) => Arc::clone(executor),
            None => Arc::new(current().ok_or_else(|| self.0.identity.no_executor())?),
        };
        let call = Call::cast(&self.0.identity, at);
        let subject = self.clone();
        start(&*executor, &self.0.identity, permit, move |permit| {
            Box::pin(async move {
                permit.done(caught(&call, async { code(Access::turns(&subject)).await }).await);
            })
        })
    }
}
