//! The mailboxes between shards, as `corecast_engine`'s mesh has them: flume's, with the tasks that wait for
//! room polled by hand.

use corecast_fanout::{ShardBatch, ShardId};
use flume::r#async::SendFut;
use flume::{Receiver, Sender, TrySendError};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Waker};

/// The content of a mailbox. `I` is what the policy's shards tell each other.
#[derive(Debug)]
pub(crate) enum MailboxMessage<I> {
    Batch {
        from: ShardId,
        shard_batch: ShardBatch<I>,
        /// Messages that the server had accepted when it was posted: what the sender accepted of them is in
        /// it, or was posted before.
        horizon: usize,
    },
    Stop,
    Finished {
        from: ShardId,
    },
}

type Waiting<I> = Pin<Box<SendFut<'static, MailboxMessage<I>>>>;

/// One shard's end of the mesh.
pub(crate) struct Mailboxes<I: 'static> {
    senders: Vec<Sender<MailboxMessage<I>>>,
    inbox: Receiver<MailboxMessage<I>>,
    /// For each shard, the message that waits for room.
    waiting: Vec<Option<Waiting<I>>>,
    /// What the task that watches the mailbox has taken out of it.
    taken: VecDeque<MailboxMessage<I>>,
}

/// The mesh of so many shards: each one's end.
pub(crate) fn mesh<I>(shards: ShardId, capacity: usize) -> Vec<Mailboxes<I>> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| flume::bounded(capacity)).unzip();
    let end = |inbox| Mailboxes {
        senders: senders.clone(),
        inbox,
        waiting: (0..shards).map(|_| None).collect(),
        taken: VecDeque::new(),
    };
    inboxes.into_iter().map(end).collect()
}

impl<I> Mailboxes<I> {
    pub(crate) fn shards(&self) -> ShardId {
        ShardId::try_from(self.senders.len()).expect("made from a shard id")
    }

    pub(crate) fn is_waiting(&self, to: ShardId) -> bool {
        self.waiting[usize::from(to)].is_some()
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.iter().any(Option::is_some)
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.taken.is_empty() || !self.inbox.is_empty()
    }

    pub(crate) fn try_take(&mut self) -> Option<MailboxMessage<I>> {
        self.taken.pop_front().or_else(|| self.inbox.try_recv().ok())
    }

    /// Posts, or waits for room.
    pub(crate) fn post(&mut self, to: ShardId, message: MailboxMessage<I>) {
        let sender = &self.senders[usize::from(to)];
        if let Err(TrySendError::Full(message)) = sender.try_send(message) {
            self.waiting[usize::from(to)] = Some(Box::pin(sender.clone().into_send_async(message)));
            self.deliver();
        }
    }

    /// What asks this shard to stop, from outside the mesh, when it is polled.
    pub(crate) fn stop(&self, shard: ShardId) -> Stop<I> {
        Stop(Some(Box::pin(self.senders[usize::from(shard)].clone().into_send_async(MailboxMessage::Stop))))
    }

    /// Has the tasks that wait for room look for it; whether one found some.
    pub(crate) fn deliver(&mut self) -> bool {
        let mut any = false;
        for waiting in &mut self.waiting {
            any |= poll(waiting);
        }
        any
    }

    /// Has the task that watches take one message, as it does for an idle shard.
    pub(crate) fn watch(&mut self) {
        if self.taken.is_empty() {
            self.taken.extend(self.inbox.try_recv().ok());
        }
    }
}

/// What asks a shard to stop.
pub(crate) struct Stop<I: 'static>(Option<Waiting<I>>);

impl<I> Stop<I> {
    /// Looks for room in the mailbox; whether there was some, for the first time.
    pub(crate) fn deliver(&mut self) -> bool {
        poll(&mut self.0)
    }
}

fn poll<I>(waiting: &mut Option<Waiting<I>>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    let found = waiting.as_mut().is_some_and(|send| send.as_mut().poll(&mut context).is_ready());
    if found {
        *waiting = None;
    }
    found
}
