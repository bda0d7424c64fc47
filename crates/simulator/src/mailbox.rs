//! The mailboxes between shards: flume's, as in the engine.

use crate::observer::Observer;
use corecast_fanout::ShardId;
use corecast_shard::{MailboxMessage, Mailboxes, ShardMessage};
use flume::{Receiver, Sender, TrySendError};

/// The content of a mailbox.
struct Letter<I> {
    message: MailboxMessage<I, ()>,
    /// The number of messages that the server had accepted when this was posted. Those that the sender accepted are in it,
    /// or were posted before.
    horizon: usize,
}

/// One shard's end of the mesh.
pub(crate) struct Mesh<I> {
    own: ShardId,
    senders: Vec<Sender<Letter<I>>>,
    inbox: Receiver<Letter<I>>,
    /// The horizon of the message that waits for room, for each shard.
    horizons: Vec<Option<usize>>,
}

/// Creates the mesh of `shards` shards. Returns the end of each shard.
pub(crate) fn mesh<I>(shards: ShardId, capacity: usize) -> Vec<Mesh<I>> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| flume::bounded(capacity)).unzip();
    let end = |(own, inbox)| Mesh { own, senders: senders.clone(), inbox, horizons: vec![None; usize::from(shards)] };
    (0..).zip(inboxes).map(end).collect()
}

impl<I> Mesh<I> {
    pub(crate) fn shards(&self) -> ShardId {
        ShardId::try_from(self.senders.len()).expect("made from a shard id")
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Asks a shard to stop; returns false if there is no room.
    pub(crate) fn try_stop(&self, shard: ShardId) -> bool {
        self.senders[usize::from(shard)].try_send(Letter { message: MailboxMessage::Stop, horizon: 0 }).is_ok()
    }

    /// Returns the mailboxes as the shard sees them in one half of a tick, in which it takes at most `messages` messages.
    pub(crate) fn for_tick<'a, M>(&'a mut self, messages: usize, model: &'a mut M) -> TickMailboxes<'a, I, M> {
        TickMailboxes { mesh: self, messages, model }
    }
}

pub(crate) struct TickMailboxes<'a, I, M> {
    mesh: &'a mut Mesh<I>,
    messages: usize,
    model: &'a mut M,
}

impl<I, M: Observer> Mailboxes for TickMailboxes<'_, I, M> {
    type Item = I;
    type Request = ();

    fn post(&mut self, to: ShardId, message: ShardMessage<I>) -> Result<(), ShardMessage<I>> {
        let own = self.mesh.own;
        let horizon = self.mesh.horizons[usize::from(to)].take();
        let horizon = horizon.unwrap_or_else(|| match message {
            ShardMessage::Batch(_) => self.model.posted(own, to),
            ShardMessage::Finished => 0,
        });
        let letter = Letter { message: MailboxMessage::Shard(own, message), horizon };
        match self.mesh.senders[usize::from(to)].try_send(letter) {
            Err(TrySendError::Full(Letter { message: MailboxMessage::Shard(_, message), horizon })) => {
                self.mesh.horizons[usize::from(to)] = Some(horizon);
                Err(message)
            }
            _ => Ok(()),
        }
    }

    fn receive(&mut self) -> Option<MailboxMessage<I, ()>> {
        self.messages = self.messages.checked_sub(1)?;
        let Letter { message, horizon } = self.mesh.inbox.try_recv().ok()?;
        if let MailboxMessage::Shard(from, ShardMessage::Batch(_)) = &message {
            self.model.received(self.mesh.own, *from, horizon);
        }
        Some(message)
    }

    fn is_empty(&self) -> bool {
        !self.mesh.has_message()
    }

    fn has_room(&self, to: ShardId) -> bool {
        !self.mesh.senders[usize::from(to)].is_full()
    }
}
