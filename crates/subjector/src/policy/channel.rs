//! A mailbox that a task serves: the actor model.

use super::{Indivisible, Policy, Site, Subject, caught};
use crate::access::Access;
use crate::call::Call;
use crate::error::Error;
use crate::executor::Executor;
use crate::identity::Identity;
use crate::reply::reply;
use flume::{Receiver, Sender, TrySendError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

/// The number of messages that may wait for an object, unless [`Channel::capacity`] says otherwise. A call to a full
/// mailbox waits for room; a cast fails with [`Error::Full`].
pub const MAILBOX_CAPACITY: usize = 1024;

/// Each call is a message in the object's mailbox. A task takes one message after the other and runs each to its end.
///
/// The object lives with that task and is dropped there. A call that awaits keeps the others waiting in the mailbox, so
/// objects that call each other can deadlock, as under [`Mutex`](super::Mutex).
#[derive(Clone)]
pub struct Channel {
    executor: Arc<dyn Executor>,
    capacity: usize,
}

impl Channel {
    /// Serves the mailbox on that executor.
    pub fn on(executor: impl Executor) -> Self {
        Self { executor: Arc::new(executor), capacity: MAILBOX_CAPACITY }
    }

    /// Sets the number of messages that the mailbox holds.
    #[must_use]
    pub fn capacity(self, messages: usize) -> Self {
        Self { capacity: messages, ..self }
    }
}

/// Serves the mailbox on a thread that is started for it and ends with the last handle.
#[cfg(not(loom))]
impl Default for Channel {
    /// # Panics
    /// If the system cannot start another thread.
    fn default() -> Self {
        Self::on(crate::executor::thread("channel").expect("a thread for a channel"))
    }
}

/// A call that borrows the object to its end.
type Borrowing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A call in transit to the object.
enum Message<T> {
    Turn(Box<dyn FnOnce(&mut T) + Send>),
    Held(Box<dyn for<'a> FnOnce(&'a mut T) -> Borrowing<'a> + Send>),
}

/// A handle to an object's mailbox.
pub struct Mailed<T> {
    identity: Arc<Identity>,
    mailbox: Sender<Message<T>>,
    /// The executor, kept alive as long as somebody may call.
    executor: Arc<dyn Executor>,
}

impl<T> Clone for Mailed<T> {
    fn clone(&self) -> Self {
        let Self { identity, mailbox, executor } = self;
        Self { identity: Arc::clone(identity), mailbox: mailbox.clone(), executor: Arc::clone(executor) }
    }
}

async fn serve<T>(mut object: T, mailbox: Receiver<Message<T>>) {
    while let Ok(message) = mailbox.recv_async().await {
        match message {
            Message::Turn(turn) => turn(&mut object),
            Message::Held(call) => call(&mut object).await,
        }
    }
}

impl super::sealed::Sealed for Channel {}

impl Policy for Channel {
    type Subject<T: Send + 'static> = Mailed<T>;

    fn wrap<T: Send + 'static>(self, object: T, identity: Arc<Identity>) -> Mailed<T> {
        let (mailbox, messages) = flume::bounded(self.capacity);
        // Without the task the mailbox is closed, and every call reports that the executor has stopped.
        let _stopped = self.executor.spawn(Box::new(move || Box::pin(serve(object, messages))));
        Mailed { identity, mailbox, executor: self.executor }
    }
}

impl<T: Send + 'static> Mailed<T> {
    async fn send(&self, message: Message<T>) -> Result<(), Error> {
        self.mailbox.send_async(message).await.map_err(|_| self.identity.stopped())
    }

    fn try_send(&self, message: Message<T>) -> Result<(), Error> {
        if self.mailbox.is_full() {
            return Err(self.identity.full());
        }
        self.mailbox.try_send(message).map_err(|refused| match refused {
            TrySendError::Full(_) => self.identity.full(),
            TrySendError::Disconnected(_) => self.identity.stopped(),
        })
    }
}

impl<T: Send + 'static> Subject<T> for Mailed<T> {
    fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    async fn call<R: Send + 'static>(
        &self,
        at: Site,
        code: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&self.identity, at);
        let _waiting = call.wait()?;
        let (reply, answer) = reply(&self.identity);
        let turn = move |object: &mut T| {
            let holding = call.hold();
            let outcome = call.enter(|| catch_unwind(AssertUnwindSafe(|| code(object))));
            drop(holding);
            reply.send(outcome);
        };
        self.send(Message::Turn(Box::new(turn))).await?;
        answer.receive(&self.identity).await
    }

    fn cast(&self, at: Site, code: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Error> {
        let permit = self.identity.admit()?;
        let call = Call::cast(&self.identity, at);
        let turn = move |object: &mut T| {
            let holding = call.hold();
            let outcome = call.enter(|| catch_unwind(AssertUnwindSafe(|| code(object))));
            drop(holding);
            permit.done(outcome);
        };
        self.try_send(Message::Turn(Box::new(turn)))
    }

    async fn call_async<R: Send + 'static>(
        &self,
        at: Site,
        code: impl AsyncFnOnce(Access<'_, T>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        Channel::call_held(self, at, async move |object: &mut T| code(Access::held(object)).await).await
    }

    fn cast_async(&self, at: Site, code: impl AsyncFnOnce(Access<'_, T>) + Send + 'static) -> Result<(), Error> {
        Channel::cast_held(self, at, async move |object: &mut T| code(Access::held(object)).await)
    }
}

impl Indivisible for Channel {
    async fn call_held<T: Send + 'static, R: Send + 'static>(
        subject: &Mailed<T>,
        at: Site,
        code: impl AsyncFnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let call = Call::begin(&subject.identity, at);
        let _waiting = call.wait()?;
        let (reply, answer) = reply(&subject.identity);
        let message = Message::Held(Box::new(move |object| {
            Box::pin(async move {
                let holding = call.hold();
                let outcome = caught(&call, async { code(object).await }).await;
                drop(holding);
                reply.send(outcome);
            })
        }));
        subject.send(message).await?;
        answer.receive(&subject.identity).await
    }

    fn cast_held<T: Send + 'static>(
        subject: &Mailed<T>,
        at: Site,
        code: impl AsyncFnOnce(&mut T) + Send + 'static,
    ) -> Result<(), Error> {
        let permit = subject.identity.admit()?;
        let call = Call::cast(&subject.identity, at);
        let message = Message::Held(Box::new(move |object| {
            Box::pin(async move {
                let holding = call.hold();
                let outcome = caught(&call, async { code(object).await }).await;
                drop(holding);
                permit.done(outcome);
            })
        }));
        subject.try_send(message)
    }
}
