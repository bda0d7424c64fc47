//! The mailboxes of a few shards.

use corecast_fanout::{Item, ShardId};
use corecast_shard::{MailboxMessage, Mailboxes, ShardMessage};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A question from outside, by number.
pub(crate) type Request = u32;

type Message = MailboxMessage<Item, Request>;

/// A use of the mailboxes by a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It posted to this shard.
    Posted(ShardId),
    /// The mailbox of this shard had no room.
    Refused(ShardId),
    /// It received a message.
    Received,
}

/// The mailboxes as one shard sees them.
#[derive(Debug)]
pub(crate) struct Mesh {
    own: ShardId,
    capacity: usize,
    mailboxes: Rc<RefCell<Vec<VecDeque<Message>>>>,
    accesses: Vec<Access>,
}

impl Mesh {
    /// Mailboxes that hold so many messages each.
    pub(crate) fn new(shards: ShardId, capacity: usize) -> Vec<Self> {
        let mailboxes: Rc<RefCell<Vec<VecDeque<Message>>>> = Rc::default();
        mailboxes.borrow_mut().resize_with(shards.into(), VecDeque::new);
        let end = |own| Self { own, capacity, mailboxes: Rc::clone(&mailboxes), accesses: Vec::new() };
        (0..shards).map(end).collect()
    }

    /// Returns true if the mailbox of a shard has room.
    pub(crate) fn has_room(&self, of: ShardId) -> bool {
        self.mailboxes.borrow()[usize::from(of)].len() < self.capacity
    }

    /// Puts a message from outside into the own mailbox.
    pub(crate) fn push(&self, message: Message) {
        assert!(self.has_room(self.own), "the mailbox is full");
        self.mailboxes.borrow_mut()[usize::from(self.own)].push_back(message);
    }

    /// Fills the own mailbox with requests.
    pub(crate) fn fill(&self) {
        while self.has_room(self.own) {
            self.push(MailboxMessage::Request(0));
        }
    }

    /// Takes a message out of the own mailbox before its shard does; its name.
    pub(crate) fn pop(&self) -> Option<&'static str> {
        let message = self.mailboxes.borrow_mut()[usize::from(self.own)].pop_front()?;
        Some(match message {
            MailboxMessage::Shard(_, ShardMessage::Batch(_)) => "batch",
            MailboxMessage::Shard(_, ShardMessage::Finished) => "finished",
            MailboxMessage::Stop => "stop",
            MailboxMessage::Request(_) => "request",
        })
    }

    /// Returns the shard's accesses to the mailboxes since the last call.
    pub(crate) fn take_accesses(&mut self) -> Vec<Access> {
        std::mem::take(&mut self.accesses)
    }
}

impl Mailboxes for Mesh {
    type Item = Item;
    type Request = Request;

    fn post(&mut self, to: ShardId, message: ShardMessage<Item>) -> Result<(), ShardMessage<Item>> {
        assert_ne!(to, self.own, "no shard posts to itself");
        if !self.has_room(to) {
            self.accesses.push(Access::Refused(to));
            return Err(message);
        }
        self.accesses.push(Access::Posted(to));
        self.mailboxes.borrow_mut()[usize::from(to)].push_back(MailboxMessage::Shard(self.own, message));
        Ok(())
    }

    fn has_room(&self, to: ShardId) -> bool {
        Self::has_room(self, to)
    }

    fn receive(&mut self) -> Option<Message> {
        let message = self.mailboxes.borrow_mut()[usize::from(self.own)].pop_front()?;
        self.accesses.push(Access::Received);
        Some(message)
    }

    fn is_empty(&self) -> bool {
        self.mailboxes.borrow()[usize::from(self.own)].is_empty()
    }
}
