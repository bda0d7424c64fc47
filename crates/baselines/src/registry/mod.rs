//! The registry of subscriptions, and the ways in which the process shares it.

mod mutex;
mod snapshot;
mod subjector;

pub use mutex::MutexDirectory;
pub use snapshot::SnapshotDirectory;
pub(crate) use subjector::MAX_WAITING;
pub use subjector::SubjectorDirectory;

use crate::{FanOut, Membership, Outcome};
use corecast_fanout::{ConnectionId, Encode, Outlet};
use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

/// The subscribers of a channel: one member for each connection.
pub type Members<O> = Vec<Arc<Membership<O>>>;

/// The registry of all subscribers of the process, as one shard reaches it. A clone is another shard's handle to the
/// same registry.
///
/// The requests of a shard are done in their order. The first three methods may do them at once or, if the registry is
/// asynchronous, leave them to [`advance`](Self::advance). The other methods are only for asynchronous registries.
pub trait Directory<O: Outlet>: Clone + Send + 'static {
    /// Adds a member that is not in the registry yet. `answer` leaves once that is done, before the first message.
    fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>, answer: &[u8]);

    /// Removes a member. Takes time proportional to the number of members.
    fn leave(&mut self, channel: &Arc<str>, id: ConnectionId);

    /// Delivers a batch to the members of its channels, and leaves it empty.
    fn fan_out<E: Encode>(&mut self, fan_out: &mut FanOut<E>, outcome: &mut Outcome);

    /// Continues with earlier requests, as far as that is possible now, and adds their outcome.
    fn advance(&mut self, _outcome: &mut Outcome) {}

    /// Returns the number of requests that have not been done.
    fn waiting(&self) -> usize {
        0
    }

    /// Returns the number of requests that have been done in all.
    fn done(&self) -> u64 {
        0
    }

    /// Registers the waker to wake when `advance` may continue.
    fn wake_with(&mut self, _waker: Waker) {}
}

/// The registry as a plain map, which must not be used by two threads at a time.
#[derive(Debug)]
pub struct Registry<O> {
    channels: HashMap<Arc<str>, Members<O>>,
}

impl<O> Default for Registry<O> {
    fn default() -> Self {
        Self { channels: HashMap::new() }
    }
}

impl<O: Outlet> Registry<O> {
    pub(crate) fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>) {
        self.channels.entry(Arc::clone(channel)).or_default().push(Arc::clone(member));
    }

    pub(crate) fn leave(&mut self, channel: &str, id: ConnectionId) {
        let Some(members) = self.channels.get_mut(channel) else { return };
        if let Some(index) = members.iter().position(|member| member.id() == id) {
            members.swap_remove(index);
        }
        if members.is_empty() {
            self.channels.remove(channel);
        }
    }

    /// Delivers a batch to the members of its channels. The caller lists the channels before anybody has to wait for
    /// it.
    pub(crate) fn fan_out<E: Encode>(&self, channels: &[Arc<str>], fan_out: &mut FanOut<E>, outcome: &mut Outcome) {
        for (index, channel) in channels.iter().enumerate() {
            if let Some(members) = self.channels.get(channel) {
                fan_out.bring_to(index, channel, members, outcome);
            }
        }
    }
}
