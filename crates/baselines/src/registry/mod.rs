//! Who subscribes to what, and the ways in which the process shares that.

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

/// Who subscribes to a channel: a member for each connection.
pub type Members<O> = Vec<Arc<Membership<O>>>;

/// The registry of all subscribers of the process, as one shard reaches it: a clone is another shard's way to the
/// same registry.
///
/// What a shard asks is done in the order in which it asks. The first three methods may do it at once, or, where the
/// registry is asynchronous, leave it to [`advance`](Self::advance); the other methods are for those only.
pub trait Directory<O: Outlet>: Clone + Send + 'static {
    /// Adds a member, which is not one yet. `answer` leaves when that is done, before the first message.
    fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>, answer: &[u8]);

    /// Removes a member. Takes time proportional to the number of members.
    fn leave(&mut self, channel: &Arc<str>, id: ConnectionId);

    /// Brings a batch to the members of its channels; it is empty then.
    fn fan_out<E: Encode>(&mut self, fan_out: &mut FanOut<E>, outcome: &mut Outcome);

    /// Goes on with what was asked, as far as that is possible now; what came of it.
    fn advance(&mut self, _outcome: &mut Outcome) {}

    /// How many things that were asked have not been done.
    fn waiting(&self) -> usize {
        0
    }

    /// How many things that were asked have been done, in all.
    fn done(&self) -> u64 {
        0
    }

    /// Takes the waker to wake when `advance` may go on.
    fn wake_with(&mut self, _waker: Waker) {}
}

/// The registry as a plain map, to be kept from being used by two at a time.
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

    /// Brings a batch to the members of its channels, which the caller lists before anybody has to wait for it.
    pub(crate) fn fan_out<E: Encode>(&self, channels: &[Arc<str>], fan_out: &mut FanOut<E>, outcome: &mut Outcome) {
        for (index, channel) in channels.iter().enumerate() {
            if let Some(members) = self.channels.get(channel) {
                fan_out.bring_to(index, channel, members, outcome);
            }
        }
    }
}
