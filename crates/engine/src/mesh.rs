//! The mesh: bounded mailboxes, the only way from one shard to another.
//!
//! What a full mailbox does not take stays in the policy's parcel for that shard and grows there, while
//! publishers are not read; so no shard waits for another, and two that are full for each other both go
//! on draining.

use crate::control::Request;
use crate::shard::{Engine, Shard};
use corecast_fanout::{Parcel, ShardId};
use flume::{Receiver, Sender, TrySendError};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// What is put into a shard's mailbox.
#[derive(Debug)]
pub(crate) enum Post {
    /// From another shard's policy.
    Parcel(ShardId, Parcel),
    /// Stop serving.
    Stop,
    /// A question from outside.
    Request(Request),
    /// This shard has posted everything that it will ever publish.
    Finished(ShardId),
}

/// The mailboxes of all shards, as one shard sees them.
#[derive(Debug)]
pub(crate) struct Mesh {
    shard: ShardId,
    senders: Vec<Sender<Post>>,
    inbox: Receiver<Post>,
    /// For each shard, whether a post to it waits for room.
    waiting: Vec<Cell<bool>>,
    /// For each shard, whether it was told that nothing more will be published here.
    finished: Vec<Cell<bool>>,
    /// What the task that waits for the mailbox has taken out of it.
    taken: RefCell<VecDeque<Post>>,
}

/// The mesh of so many shards: each one's end.
pub(crate) fn mesh(shards: ShardId, capacity: usize) -> (Vec<Sender<Post>>, Vec<Mesh>) {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| flume::bounded(capacity)).unzip();
    let ends = inboxes.into_iter().zip(0..).map(|(inbox, shard)| Mesh {
        shard,
        senders: senders.clone(),
        inbox,
        waiting: (0..shards).map(|_| Cell::new(false)).collect(),
        finished: (0..shards).map(|_| Cell::new(false)).collect(),
        taken: RefCell::default(),
    });
    let ends = ends.collect();
    (senders, ends)
}

impl Mesh {
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> ShardId {
        ShardId::try_from(self.senders.len()).expect("made from a shard id")
    }

    /// The others.
    pub(crate) fn others(&self) -> impl Iterator<Item = ShardId> + use<> {
        let own = self.shard;
        (0..self.shards()).filter(move |shard| *shard != own)
    }

    /// Whether something could not be posted yet.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.iter().any(Cell::get)
    }

    /// The next post, without waiting.
    pub(crate) fn try_take(&self) -> Option<Post> {
        self.taken.borrow_mut().pop_front().or_else(|| self.inbox.try_recv().ok())
    }

    /// Whether there is something to take.
    pub(crate) fn has_post(&self) -> bool {
        !self.taken.borrow().is_empty() || !self.inbox.is_empty()
    }

    /// Posts to a shard now, or gives back what its mailbox has no room for.
    fn try_post(&self, to: ShardId, post: Post) -> Result<(), Post> {
        match self.senders[usize::from(to)].try_send(post) {
            Err(TrySendError::Full(post)) => Err(post),
            // A shard that is disconnected has ended, and with it all its subscribers.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}

impl<P: Engine> Shard<P> {
    /// Posts what the policy has for other shards, as far as their mailboxes have room.
    pub(crate) fn dispatch(self: &Rc<Self>, policy: &mut P) {
        for to in self.mesh.others() {
            if self.mesh.waiting[usize::from(to)].get() {
                continue;
            }
            let parcel = policy.parcel(to);
            let post = if !parcel.is_empty() {
                Post::Parcel(self.mesh.shard, std::mem::take(parcel))
            } else if self.is_stopping() && !policy.is_pending() && !self.mesh.finished[usize::from(to)].replace(true) {
                Post::Finished(self.mesh.shard)
            } else {
                continue;
            };
            if let Err(post) = self.mesh.try_post(to, post) {
                self.post_later(to, post);
            }
        }
    }

    fn post_later(self: &Rc<Self>, to: ShardId, post: Post) {
        self.mesh.waiting[usize::from(to)].set(true);
        let shard = Rc::clone(self);
        glommio::spawn_local(async move {
            // An error means that the shard has ended, and with it all its subscribers.
            let _ = shard.mesh.senders[usize::from(to)].send_async(post).await;
            shard.mesh.waiting[usize::from(to)].set(false);
            shard.work.set();
        })
        .detach();
    }
}

/// Wakes an idle shard for its mailbox; a busy one looks into it in every tick.
pub(crate) async fn watch<P: Engine>(shard: Rc<Shard<P>>) {
    while let Ok(post) = shard.mesh.inbox.recv_async().await {
        shard.mesh.taken.borrow_mut().push_back(post);
        shard.work.set();
        shard.mailbox_drained.wait().await;
    }
}
