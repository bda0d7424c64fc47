//! The effect on subscribers that are behind by more than is kept for them.
//!
//! There are two bounds: of one log, and of all logs together. Both are checked only after every subscriber that takes
//! bytes is up to date. So only a subscriber that does not take bytes loses messages, and no publisher waits for it.

use super::Sharded;
use crate::{ConnectionId, Effect, Encode, LagRule, Outlet};
use std::cmp::Reverse;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Drops the messages of a channel log before `oldest`, at the cost of subscribers that have not received them.
    pub(super) fn trim_log(&mut self, key: u32, oldest: u64) {
        let (mut lagged, mut leaving) = (Vec::new(), Vec::new());
        for index in 0..self.registry.channel_logs[key].subscribers.len() {
            let subscription = self.registry.channel_logs[key].subscribers[index];
            if self.registry.subscriptions[subscription as usize].cursor < oldest {
                lagged.extend(self.skip(subscription, oldest));
                leaving
                    .extend(self.registry.subscriptions[subscription as usize].is_complete().then_some(subscription));
            }
        }
        self.registry.channel_logs[key].log.drop_before(oldest);
        for id in lagged {
            self.evict(id);
        }
        leaving.retain(|subscription| self.registry.subscriptions.contains(*subscription as usize));
        for subscription in leaving {
            self.complete(subscription);
        }
    }

    /// Makes the subscribers that are behind by the most bytes lose their backlogs, until all logs together are within
    /// their bound. When the bound is exceeded, this looks at every subscription of the shard and sorts those that are
    /// behind.
    pub(super) fn bound_all_logs(&mut self) {
        if !self.budget.is_exceeded() {
            return;
        }
        let behind = self.registry.subscriptions.iter().filter_map(|(key, subscription)| {
            let key = u32::try_from(key).expect("below 2^32 subscriptions");
            let bytes = self.registry.unsent(key).len();
            // Ties are broken by key, so that the same run always takes the same course.
            (subscription.cursor < self.registry.end_of(key)).then_some((Reverse(bytes), key))
        });
        let mut behind: Vec<_> = behind.collect();
        behind.sort_unstable();
        for (_, key) in behind {
            if !self.budget.is_exceeded() {
                return;
            }
            // The subscription may have ended together with another one of its connection.
            if let Some(subscription) = self.registry.subscriptions.get(key as usize) {
                self.skip_all(key, subscription.channel_log);
            }
        }
    }

    /// Makes a subscriber of a channel log lose its backlog, and drops the messages that nobody else needs.
    fn skip_all(&mut self, key: u32, channel_log_key: u32) {
        let head = self.registry.channel_logs[channel_log_key].log.head();
        let lagged = self.skip(key, head);
        let lowest = self.registry.lowest_cursor_of_all(channel_log_key);
        self.registry.channel_logs[channel_log_key].log.drop_before(lowest);
        self.budget.tidy(&mut self.registry.channel_logs[channel_log_key]);
        if let Some(id) = lagged {
            self.evict(id);
        } else {
            self.complete(key);
        }
    }

    /// Moves a subscriber past the messages before `oldest`. Returns its connection if that has to end for it.
    fn skip(&mut self, key: u32, oldest: u64) -> Option<ConnectionId> {
        let (slot, lag) = {
            let subscription = &self.registry.subscriptions[key as usize];
            (subscription.slot, subscription.lag)
        };
        let (id, connection) = self.connections.at(slot);
        let is_gone = connection.is_gone();
        let subscription = &mut self.registry.subscriptions[key as usize];
        let missed = subscription.own.count_allowed(subscription.cursor, subscription.end(oldest).min(oldest));
        if missed > 0 && lag == LagRule::Disconnect && !is_gone {
            self.note_backlog(id);
        }
        let subscription = &mut self.registry.subscriptions[key as usize];
        subscription.cursor = oldest;
        if missed == 0 {
            return None;
        }
        if is_gone {
            self.counters.undelivered += missed;
            return None;
        }
        match lag {
            LagRule::Skip => {
                subscription.missed += missed;
                self.counters.missed += missed;
                None
            }
            LagRule::Disconnect => {
                self.counters.undelivered += missed;
                Some(id)
            }
        }
    }

    /// Ends all subscriptions of a connection at once, because a message after those that it missed would hide the gap.
    fn evict(&mut self, id: ConnectionId) {
        self.remove_all_subscriptions(id);
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.has_lagged() {
            return;
        }
        connection.lag();
        self.counters.lagged += 1;
        self.effects.push_back(Effect::Lagged(id));
    }
}
