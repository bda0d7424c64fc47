//! The policy `Sharded`, with the hooks of a policy that does part of its work elsewhere.

use super::Transport;
use corecast_fanout::policy::{Hooks, Sharded};
use corecast_fanout::{
    Backlog, ConnectionId, Counters, Effect, Encoding, Item, LagRule, Policy, Publication, ShardBatch, ShardId,
    TooManySubscriptions,
};
use corecast_session::Codec;

/// Forwards everything to `Sharded` but the hooks.
#[derive(Debug)]
pub(crate) struct HookedPolicy {
    sharded: Sharded<Transport, Codec>,
    /// Something is still to be done elsewhere.
    pub(crate) is_pending: bool,
    /// The connections whose batches were ended, in order.
    pub(crate) commits: Vec<ConnectionId>,
}

impl HookedPolicy {
    pub(crate) fn new(sharded: Sharded<Transport, Codec>) -> Self {
        Self { sharded, is_pending: false, commits: Vec::new() }
    }
}

impl Hooks for HookedPolicy {
    fn commit(&mut self, from: ConnectionId) {
        self.commits.push(from);
    }

    fn is_pending(&self) -> bool {
        self.is_pending
    }
}

/// Forwards methods to `Sharded`.
macro_rules! forward {
    ($(fn $method:ident(& $($mutable:ident)?; $($argument:ident: $type:ty),*) $(-> $result:ty)?;)+) => {
        $(fn $method(& $($mutable)? self, $($argument: $type),*) $(-> $result)? { self.sharded.$method($($argument),*) })+
    };
}

impl Policy<Transport> for HookedPolicy {
    type Item = Item;

    forward! {
        fn open(&mut; outlet: Transport, encoding: Encoding) -> ConnectionId;
        fn end(&mut; id: ConnectionId, close_frame: &[u8]);
        fn awaits_others(&; id: ConnectionId) -> bool;
        fn close(&mut; id: ConnectionId);
        fn answer(&mut; id: ConnectionId, frame: &[u8]);
        fn pending_bytes(&; id: ConnectionId) -> usize;
        fn backlog(&; id: ConnectionId) -> Backlog;
        fn subscribe_with(&mut; id: ConnectionId, channel: &str, lag: Option<LagRule>, answer: &[u8])
            -> Result<(), TooManySubscriptions>;
        fn awaits_subscription(&; id: ConnectionId) -> bool;
        fn unsubscribe(&mut; id: ConnectionId, channel: &str, answer: &[u8]);
        fn publish(&mut; from: ConnectionId, publication: &Publication<'_>);
        fn writable(&mut; id: ConnectionId);
        fn post(&mut;);
        fn shard_batch(&mut; to: ShardId) -> &mut ShardBatch;
        fn receive(&mut; from: ShardId, shard_batch: ShardBatch);
        fn finished(&mut; from: ShardId);
        fn flush(&mut; budget: usize) -> bool;
        fn is_between_rounds(&;) -> bool;
        fn is_saturated(&;) -> bool;
        fn take_effect(&mut;) -> Option<Effect>;
        fn counters(&;) -> Counters;
    }
}
