//! The mesh: bounded mailboxes, the only way from one shard to another.
//!
//! Messages that a full mailbox does not take stay in the policy's shard batch for that shard, which grows while
//! publishers are not read; so no shard waits for another, and two that are full for each other both go
//! on draining.

use crate::control::{ControlMailbox, Request};
use crate::shard::{Engine, Shard};
use crate::waker::ShardWaker;
use corecast_fanout::{ShardBatch, ShardId};
use flume::{Receiver, Sender, TrySendError};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The content of a shard's mailbox. `I` is what the policy's shards tell each other.
#[derive(Debug)]
pub(crate) enum MailboxMessage<I> {
    /// From another shard's policy.
    Batch(ShardId, ShardBatch<I>),
    /// Stop serving.
    Stop,
    /// A question from outside.
    Request(Request),
    /// This shard has posted everything that it will ever publish.
    Finished(ShardId),
}

/// Where a shard is sent to, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox<I> {
    sender: Sender<MailboxMessage<I>>,
    state: Arc<MailboxState>,
}

#[derive(Debug)]
struct MailboxState {
    waker: Arc<ShardWaker>,
    /// Another shard has something that the mailbox had no room for.
    room_wanted: AtomicBool,
}

impl<I> Mailbox<I> {
    /// Puts something into the mailbox, or gives it back if there is no room. A shard that has ended takes everything and
    /// does nothing with it.
    fn try_put(&self, message: MailboxMessage<I>) -> Result<(), MailboxMessage<I>> {
        let outcome = match self.sender.try_send(message) {
            Err(TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        };
        self.state.waker.wake();
        outcome
    }

    /// The same, but asks to be woken if there is no room.
    fn put_or_wait(&self, message: MailboxMessage<I>) -> Result<(), MailboxMessage<I>> {
        self.try_put(message).or_else(|message| {
            self.state.room_wanted.store(true, Ordering::SeqCst);
            // It may have been emptied before it could see that.
            self.try_put(message)
        })
    }

    /// Puts something into the mailbox, waiting for room until the deadline; whether it is there.
    fn put(&self, message: MailboxMessage<I>, deadline: Instant) -> bool {
        let sent = self.sender.send_deadline(message, deadline).is_ok();
        self.state.waker.wake();
        sent
    }
}

impl<I: fmt::Debug + Send + 'static> ControlMailbox for Mailbox<I> {
    fn stop(&self, deadline: Instant) -> bool {
        self.put(MailboxMessage::Stop, deadline)
    }

    fn stop_from_shard(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async {
            // An error means that the shard has ended.
            let _ = self.sender.send_async(MailboxMessage::Stop).await;
            self.state.waker.wake();
        })
    }

    fn ask(&self, request: Request, deadline: Instant) -> bool {
        self.put(MailboxMessage::Request(request), deadline)
    }
}

/// The mailboxes of all shards, as one shard sees them.
#[derive(Debug)]
pub(crate) struct Mesh<I> {
    shard: ShardId,
    mailboxes: Vec<Mailbox<I>>,
    inbox: Receiver<MailboxMessage<I>>,
    /// For each shard, a message that waits for room in its mailbox.
    waiting: Vec<RefCell<Option<MailboxMessage<I>>>>,
    /// For each shard, whether it was told that nothing more will be published here.
    finished: Vec<Cell<bool>>,
}

/// The mailboxes of all shards, and each shard's end of the mesh.
type Mailboxes<I> = (Vec<Mailbox<I>>, Vec<Mesh<I>>);

/// The mesh of so many shards. An error is a lack of descriptors.
pub(crate) fn mesh<I: Clone>(shards: ShardId, capacity: usize) -> io::Result<Mailboxes<I>> {
    let mut mailboxes: Vec<Mailbox<I>> = Vec::new();
    let mut inboxes = Vec::new();
    for _ in 0..shards {
        let (sender, inbox) = flume::bounded(capacity);
        let waker = Arc::new(ShardWaker::new()?);
        mailboxes
            .push(Mailbox { sender, state: Arc::new(MailboxState { waker, room_wanted: AtomicBool::new(false) }) });
        inboxes.push(inbox);
    }
    let ends = inboxes.into_iter().zip(0..).map(|(inbox, shard)| Mesh {
        shard,
        mailboxes: mailboxes.clone(),
        inbox,
        waiting: (0..shards).map(|_| RefCell::default()).collect(),
        finished: (0..shards).map(|_| Cell::new(false)).collect(),
    });
    let ends = ends.collect();
    Ok((mailboxes, ends))
}

impl<I> Mesh<I> {
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> ShardId {
        ShardId::try_from(self.mailboxes.len()).expect("made from a shard id")
    }

    /// The others.
    pub(crate) fn others(&self) -> impl Iterator<Item = ShardId> + use<I> {
        let own = self.shard;
        (0..self.shards()).filter(move |shard| *shard != own)
    }

    /// Ends this shard's sleep.
    pub(crate) fn waker(&self) -> &Arc<ShardWaker> {
        &self.own().state.waker
    }

    /// Whether something could not be posted yet.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.borrow().is_some())
    }

    /// The next message, without waiting.
    pub(crate) fn try_take(&self) -> Option<MailboxMessage<I>> {
        let message = self.inbox.try_recv().ok();
        if self.own().state.room_wanted.load(Ordering::SeqCst)
            && self.own().state.room_wanted.swap(false, Ordering::SeqCst)
        {
            self.others().for_each(|other| self.mailboxes[usize::from(other)].state.waker.wake());
        }
        message
    }

    /// Whether there is something to take.
    pub(crate) fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Returns true if a waiting message may have room now.
    pub(crate) fn has_room(&self) -> bool {
        let has_room = |(mailbox, waiting): (&Mailbox<I>, &RefCell<Option<MailboxMessage<I>>>)| {
            waiting.borrow().is_some() && !mailbox.sender.is_full()
        };
        self.mailboxes.iter().zip(&self.waiting).any(has_room)
    }

    fn own(&self) -> &Mailbox<I> {
        &self.mailboxes[usize::from(self.shard)]
    }
}

impl<P: Engine> Shard<P> {
    /// Posts what the policy has for other shards, as far as their mailboxes have room.
    pub(crate) fn dispatch(&self, policy: &mut P) {
        for to in self.mesh.others() {
            let mut waiting = self.mesh.waiting[usize::from(to)].borrow_mut();
            loop {
                let shard_batch = policy.shard_batch(to);
                let message = if let Some(message) = waiting.take() {
                    message
                } else if !shard_batch.is_empty() {
                    MailboxMessage::Batch(self.mesh.shard, std::mem::take(shard_batch))
                } else if self.is_stopping()
                    && !policy.is_pending()
                    && !self.mesh.finished[usize::from(to)].replace(true)
                {
                    MailboxMessage::Finished(self.mesh.shard)
                } else {
                    break;
                };
                if let Err(message) = self.mesh.mailboxes[usize::from(to)].put_or_wait(message) {
                    *waiting = Some(message);
                    break;
                }
            }
        }
    }
}
