//! The baselines: one registry of subscribers for the process; the publisher's thread writes.
//!
//! What the two have in common is here: batching per read, encoding once, short writes, answers. How
//! they share the registry is their [`Directory`]. They cross shards by other ways than parcels, which
//! only they may: a [`Writer`] is written to by every publisher's thread.
//!
//! A fan-out costs one send per subscriber and read batch. What a full transport does not take is kept
//! with the connection, up to [`Limits::log_bytes`]; its owner goes on when it is writable.

mod batch;
mod mutex;
mod snapshot;
mod writer;

pub use mutex::MutexDirectory;
pub use snapshot::SnapshotDirectory;

use crate::{
    ConnectionId, Counters, Effect, Encode, Encoding, Item, Lag, Limits, Notice, Outlet, Parcel, Policy, Publication,
    ShardId, Slots, Standing, TooManySubscriptions,
};
use batch::Batch;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
pub use writer::{Membership, Writer};

/// The baseline with one registry behind a lock that is held for the whole fan-out.
pub type Mutex<O, E> = Shared<O, E, MutexDirectory<O>>;
/// The baseline with one copy-on-write registry.
pub type Snapshot<O, E> = Shared<O, E, SnapshotDirectory<O>>;

/// Who subscribes to a channel: a member for each connection.
pub type Members<O> = Vec<Arc<Membership<O>>>;

/// The registry of all subscribers of the process: clones are the same registry.
pub trait Directory<O: Outlet>: Clone + Send + 'static {
    /// An empty registry.
    fn new() -> Self;

    /// Adds a member, which is not one yet.
    fn join(&self, channel: &Arc<str>, member: &Arc<Membership<O>>);

    /// Removes a member. Takes time proportional to the number of members.
    fn leave(&self, channel: &str, id: ConnectionId);

    /// Calls `fan_out` with the members of each channel that has some, and the channel's index.
    fn visit<'a>(&self, channels: impl Iterator<Item = &'a str>, fan_out: impl FnMut(usize, &Members<O>));
}

/// One shard's side of a baseline.
#[derive(Debug)]
pub struct Shared<O, E, D> {
    shard: ShardId,
    encode: E,
    limits: Limits,
    directory: D,
    connections: Slots<Local<O>>,
    /// What the current read of a publisher has brought so far.
    batch: Batch,
    /// Whose read that is.
    batch_from: Option<ConnectionId>,
    /// Connections with answers that have not left.
    to_answer: Vec<ConnectionId>,
    parcels: Vec<Parcel>,
    effects: VecDeque<Effect>,
    counters: Counters,
}

/// What the owning shard keeps of a connection.
#[derive(Debug)]
struct Local<O> {
    writer: Arc<Writer<O>>,
    subscriptions: HashMap<Arc<str>, Arc<Membership<O>>>,
    listed: bool,
    ending: bool,
    /// How it stood when it was ended.
    stood: Option<Standing>,
}

impl<O: Outlet> Local<O> {
    fn standing(&self) -> Standing {
        let now = || Standing { channels: self.subscriptions.len(), bytes_behind: self.writer.backlog() };
        self.stood.unwrap_or_else(now)
    }
}

impl<O: Outlet, E: Encode, D: Directory<O>> Shared<O, E, D> {
    /// The side of shard `shard` of `shards`; all of them are given clones of one directory.
    ///
    /// # Panics
    /// If there is no such shard.
    pub fn new(shard: ShardId, shards: ShardId, limits: Limits, encode: E, directory: D) -> Self {
        assert!(shard < shards, "shard {shard} of {shards}");
        Self {
            shard,
            encode,
            connections: Slots::with_capacity(shard, limits.reserved_connections),
            limits,
            directory,
            batch: Batch::default(),
            batch_from: None,
            to_answer: Vec::new(),
            parcels: (0..shards).map(|_| Parcel::default()).collect(),
            effects: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    fn list(&mut self, id: ConnectionId) {
        if let Some(local) = self.connections.get_mut(id)
            && !std::mem::replace(&mut local.listed, true)
        {
            self.to_answer.push(id);
        }
    }

    /// Sends what the current read has brought so far.
    fn commit_batch(&mut self) {
        let Some(from) = self.batch_from.take() else { return };
        let batch = &mut self.batch;
        let names: Vec<Arc<str>> = batch.channels().cloned().collect();
        self.directory.visit(names.iter().map(AsRef::as_ref), |index, members| {
            for member in members {
                let run = batch.run(index, member.writer.encoding(), member.id() == from, &self.encode);
                if let Err(notice) = member.write(&names[index], run, &self.limits, &mut self.counters) {
                    Self::notify(&mut self.parcels, &mut self.effects, self.shard, member.id(), notice);
                }
            }
        });
        batch.clear();
    }

    /// What befell a connection, told to its owner.
    fn notify(parcels: &mut [Parcel], effects: &mut VecDeque<Effect>, own: ShardId, id: ConnectionId, notice: Notice) {
        if id.shard == own {
            effects.push_back(effect(id, notice));
        } else {
            parcels[usize::from(id.shard)].push(Item::Notice(id, notice));
        }
    }

    fn notify_own(&mut self, id: ConnectionId, notice: Notice) {
        Self::notify(&mut self.parcels, &mut self.effects, self.shard, id, notice);
    }
}

fn effect(id: ConnectionId, notice: Notice) -> Effect {
    match notice {
        Notice::Full => Effect::Full(id),
        Notice::Lagged => Effect::Lagged(id),
        Notice::Gone => Effect::Gone(id),
    }
}

impl<O: Outlet, E: Encode, D: Directory<O>> Policy<O> for Shared<O, E, D> {
    fn open(&mut self, outlet: O, encoding: Encoding) -> ConnectionId {
        self.connections.insert_with(|id| Local {
            writer: Arc::new(Writer::new(id, encoding, outlet)),
            subscriptions: HashMap::new(),
            listed: false,
            ending: false,
            stood: None,
        })
    }

    fn end(&mut self, id: ConnectionId, farewell: &[u8]) {
        self.commit_batch();
        let Some(local) = self.connections.get_mut(id) else { return };
        if std::mem::replace(&mut local.ending, true) {
            return;
        }
        local.stood = Some(local.standing());
        for (channel, _) in local.subscriptions.drain() {
            self.directory.leave(&channel, id);
        }
        local.writer.end(farewell);
        // That it was drained before is no news any more, and must not be taken for the farewell's leaving.
        self.effects.retain(|effect| *effect != Effect::Drained(id));
        self.list(id);
    }

    fn close(&mut self, id: ConnectionId) {
        self.commit_batch();
        let Some(local) = self.connections.remove(id) else { return };
        for channel in local.subscriptions.keys() {
            self.directory.leave(channel, id);
        }
        local.writer.close();
    }

    fn answer(&mut self, id: ConnectionId, frame: &[u8]) {
        let Some(local) = self.connections.get(id) else { return };
        if !local.ending && !frame.is_empty() {
            local.writer.hold(frame);
            self.list(id);
        }
    }

    fn backlog(&self, id: ConnectionId) -> usize {
        self.connections.get(id).map_or(0, |local| local.writer.backlog())
    }

    fn standing(&self, id: ConnectionId) -> Standing {
        self.connections.get(id).map(Local::standing).unwrap_or_default()
    }

    fn subscribe_with(
        &mut self,
        id: ConnectionId,
        channel: &str,
        lag: Option<Lag>,
        answer: &[u8],
    ) -> Result<(), TooManySubscriptions> {
        self.commit_batch();
        let Some(local) = self.connections.get_mut(id) else { return Ok(()) };
        if local.writer.is_ended() {
            return Ok(());
        }
        let known = local.subscriptions.contains_key(channel);
        let limit = self.limits.max_subscriptions;
        if !known && local.subscriptions.len() >= limit {
            return Err(TooManySubscriptions { limit });
        }
        local.writer.hold(answer);
        if !known {
            let channel: Arc<str> = Arc::from(channel);
            let lag = lag.unwrap_or_else(|| self.limits.lag(local.writer.encoding()));
            let membership = Arc::new(Membership::new(Arc::clone(&local.writer), lag));
            self.directory.join(&channel, &membership);
            local.subscriptions.insert(channel, membership);
        }
        self.list(id);
        Ok(())
    }

    fn awaits_subscription(&self, _id: ConnectionId) -> bool {
        false
    }

    fn unsubscribe(&mut self, id: ConnectionId, channel: &str, answer: &[u8]) {
        self.commit_batch();
        let Some(local) = self.connections.get_mut(id) else { return };
        if let Some(membership) = local.subscriptions.remove(channel) {
            self.directory.leave(channel, id);
            membership.leave(channel);
        }
        self.answer(id, answer);
    }

    fn publish(&mut self, from: ConnectionId, publication: &Publication<'_>) {
        if self.batch_from != Some(from) {
            self.commit_batch();
        }
        let Some(local) = self.connections.get(from) else { return };
        self.counters.published += 1;
        self.batch_from = Some(from);
        self.batch.add(publication, local.writer.encoding(), &self.encode);
    }

    fn commit(&mut self, _from: ConnectionId) {
        self.commit_batch();
    }

    fn writable(&mut self, id: ConnectionId) {
        let Some(local) = self.connections.get(id) else { return };
        match local.writer.resume(&self.encode) {
            Ok(true) => self.effects.push_back(Effect::Drained(id)),
            Ok(false) => {}
            Err(notice) => self.notify_own(id, notice),
        }
    }

    fn post(&mut self) {}

    fn parcel(&mut self, to: ShardId) -> &mut Parcel {
        &mut self.parcels[usize::from(to)]
    }

    fn receive(&mut self, _from: ShardId, parcel: Parcel) {
        for item in parcel.into_items() {
            match item {
                Item::Notice(id, notice) => {
                    let local = self.connections.get(id);
                    if local.is_some_and(|local| !local.ending || notice != Notice::Lagged) {
                        self.effects.push_back(effect(id, notice));
                    }
                }
                Item::Run(_) | Item::Interest { .. } | Item::Confirmed { .. } | Item::Withdrawn { .. } => {
                    unreachable!("the registry is shared: there is no interest to post for")
                }
            }
        }
    }

    fn flush(&mut self, _budget: usize) -> bool {
        let mut to_answer = std::mem::take(&mut self.to_answer);
        for id in to_answer.drain(..) {
            let Some(local) = self.connections.get_mut(id) else { continue };
            local.listed = false;
            match local.writer.flush_held() {
                Ok(true) => self.effects.push_back(Effect::Drained(id)),
                Ok(false) => {}
                Err(notice) => self.notify_own(id, notice),
            }
        }
        self.to_answer = to_answer;
        false
    }

    fn is_between_rounds(&self) -> bool {
        true
    }

    fn is_saturated(&self) -> bool {
        false
    }

    fn take_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
