//! The mesh: bounded flume mailboxes, the only way from one shard to another.
//!
//! The sending shard keeps the messages that a full mailbox does not take (`corecast_shard`). The owner of the mailbox
//! wakes it when there is room.

use crate::control::{ControlMailbox, Request};
use crate::runtime::ShardWaker;
use corecast_fanout::ShardId;
use corecast_shard::{Mailboxes, ShardMessage};
use flume::{Receiver, Sender, TrySendError};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A message for a shard. `I` is the item that the policy's shards exchange.
pub(crate) type MailboxMessage<I> = corecast_shard::MailboxMessage<I, Request>;

/// The sending end of a shard's mailbox, for any thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox<I> {
    sender: Sender<MailboxMessage<I>>,
    state: Arc<MailboxState>,
}

#[derive(Debug)]
struct MailboxState {
    waker: Arc<ShardWaker>,
    /// True if another shard has a message for which the mailbox had no room.
    room_wanted: AtomicBool,
}

impl<I> Mailbox<I> {
    /// Puts a message into the mailbox, or returns it if there is no room. The mailbox of a shard that has ended accepts
    /// every message and drops it.
    fn try_post(&self, message: MailboxMessage<I>) -> Result<(), MailboxMessage<I>> {
        let outcome = match self.sender.try_send(message) {
            Err(TrySendError::Full(message)) => Err(message),
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        };
        self.state.waker.wake();
        outcome
    }

    /// Does the same, but has this shard woken once there is room.
    fn post_or_wait(&self, message: MailboxMessage<I>) -> Result<(), MailboxMessage<I>> {
        self.try_post(message).or_else(|message| {
            self.state.room_wanted.store(true, Ordering::SeqCst);
            // The owner may have emptied the mailbox before it could see the flag.
            self.try_post(message)
        })
    }

    /// Puts a message into the mailbox, waiting for room until the deadline. Returns true if there was room.
    fn post(&self, message: MailboxMessage<I>, deadline: Instant) -> bool {
        let sent = self.sender.send_deadline(message, deadline).is_ok();
        self.state.waker.wake();
        sent
    }
}

impl<I: fmt::Debug + Send + 'static> ControlMailbox for Mailbox<I> {
    fn stop(&self, deadline: Instant) -> bool {
        self.post(MailboxMessage::Stop, deadline)
    }

    fn stop_from_shard(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async {
            // An error means that the shard has ended.
            let _ = self.sender.send_async(MailboxMessage::Stop).await;
            self.state.waker.wake();
        })
    }

    fn ask(&self, request: Request, deadline: Instant) -> bool {
        self.post(MailboxMessage::Request(request), deadline)
    }
}

/// The mailboxes of all shards, as one shard sees them.
#[derive(Debug)]
pub(crate) struct Mesh<I> {
    shard: ShardId,
    mailboxes: Vec<Mailbox<I>>,
    inbox: Receiver<MailboxMessage<I>>,
}

/// The mailboxes of all shards, and each shard's end of the mesh.
type Ends<I> = (Vec<Mailbox<I>>, Vec<Mesh<I>>);

/// Creates the mesh of `shards` shards. An error is a lack of descriptors.
pub(crate) fn mesh<I: Clone>(shards: ShardId, capacity: usize) -> io::Result<Ends<I>> {
    let mut mailboxes: Vec<Mailbox<I>> = Vec::new();
    let mut inboxes = Vec::new();
    for _ in 0..shards {
        let (sender, inbox) = flume::bounded(capacity);
        let waker = Arc::new(ShardWaker::new()?);
        mailboxes
            .push(Mailbox { sender, state: Arc::new(MailboxState { waker, room_wanted: AtomicBool::new(false) }) });
        inboxes.push(inbox);
    }
    let ends = inboxes.into_iter().zip(0..).map(|(inbox, shard)| Mesh { shard, mailboxes: mailboxes.clone(), inbox });
    let ends = ends.collect();
    Ok((mailboxes, ends))
}

impl<I> Mesh<I> {
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }

    /// Returns the number of shards.
    pub(crate) fn shards(&self) -> ShardId {
        ShardId::try_from(self.mailboxes.len()).expect("made from a shard id")
    }

    /// Returns the other shards.
    pub(crate) fn others(&self) -> impl Iterator<Item = ShardId> + use<I> {
        let own = self.shard;
        (0..self.shards()).filter(move |shard| *shard != own)
    }

    /// Returns the waker, which ends this shard's sleep.
    pub(crate) fn waker(&self) -> &Arc<ShardWaker> {
        &self.own().state.waker
    }

    /// Takes the next message, without waiting.
    fn try_take(&self) -> Option<MailboxMessage<I>> {
        let message = self.inbox.try_recv().ok();
        if self.own().state.room_wanted.load(Ordering::SeqCst)
            && self.own().state.room_wanted.swap(false, Ordering::SeqCst)
        {
            self.others().for_each(|other| self.mailboxes[usize::from(other)].state.waker.wake());
        }
        message
    }

    /// Returns true if there is a message to take.
    pub(crate) fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    fn own(&self) -> &Mailbox<I> {
        &self.mailboxes[usize::from(self.shard)]
    }
}

impl<I> Mailboxes for &Mesh<I> {
    type Item = I;
    type Request = Request;

    fn post(&mut self, to: ShardId, message: ShardMessage<I>) -> Result<(), ShardMessage<I>> {
        let message = MailboxMessage::Shard(self.shard, message);
        match self.mailboxes[usize::from(to)].post_or_wait(message) {
            Err(MailboxMessage::Shard(_, message)) => Err(message),
            Err(_) => unreachable!("a mailbox gives back what it was given"),
            Ok(()) => Ok(()),
        }
    }

    fn receive(&mut self) -> Option<MailboxMessage<I>> {
        self.try_take()
    }

    fn is_empty(&self) -> bool {
        !self.has_message()
    }

    fn has_room(&self, to: ShardId) -> bool {
        !self.mailboxes[usize::from(to)].sender.is_full()
    }
}
