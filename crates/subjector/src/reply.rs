//! The channel by which a result returns to its caller, from another executor or from the caller that ran the call.

use crate::error::Error;
use crate::identity::Identity;
use futures_channel::oneshot;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

/// The sending side, where the call ran.
pub(crate) struct Reply<R>(oneshot::Sender<thread::Result<R>>, Arc<Identity>);

/// The receiving side, where its caller waits.
pub(crate) struct Answer<R>(oneshot::Receiver<thread::Result<R>>);

pub(crate) fn reply<R>(identity: &Arc<Identity>) -> (Reply<R>, Answer<R>) {
    let (sender, receiver) = oneshot::channel();
    (Reply(sender, Arc::clone(identity)), Answer(receiver))
}

impl<R> Reply<R> {
    /// Sends the outcome of the call. Without a caller, a result is dropped and a panic goes to the hook.
    pub(crate) fn send(self, outcome: thread::Result<R>) {
        if let Err(Err(panic)) = self.0.send(outcome) {
            self.1.report(panic);
        }
    }
}

impl<R> Answer<R> {
    /// Receives the result. A panic continues here.
    pub(crate) async fn receive(self, identity: &Identity) -> Result<R, Error> {
        match self.0.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(oneshot::Canceled) => Err(identity.stopped()),
        }
    }
}
