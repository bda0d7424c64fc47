//! What becomes of subscribers that are behind by more than is kept for them.
//!
//! There are two bounds: of a log, and of all logs together. Both are looked at only when every subscriber that takes
//! bytes has had what there was, so whoever pays is one that does not take them; no publisher waits for it.

use super::Sharded;
use crate::{ConnectionId, Effect, Encode, Lag, Outlet};
use std::cmp::Reverse;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Drops the messages of a feed before `oldest`, at the cost of those who have not had them.
    pub(super) fn evict(&mut self, key: u32, oldest: u64) {
        let (mut lagged, mut leaving) = (Vec::new(), Vec::new());
        for index in 0..self.feeds[key].subscribers.len() {
            let subscription = self.feeds[key].subscribers[index];
            if self.subscriptions[subscription as usize].cursor < oldest {
                lagged.extend(self.forgo(subscription, oldest));
                leaving.extend(self.subscriptions[subscription as usize].is_complete().then_some(subscription));
            }
        }
        self.feeds[key].log.drop_before(oldest);
        for id in lagged {
            self.give_up(id);
        }
        leaving.retain(|subscription| self.subscriptions.contains(*subscription as usize));
        for subscription in leaving {
            self.complete(subscription);
        }
    }

    /// Has those who are behind the most bytes do without them, until all logs together are within their bound.
    /// Looks at every subscription of the shard, and sorts those that are behind; only when it is reached.
    pub(super) fn bound_all_logs(&mut self) {
        if self.log_bytes <= self.limits.shard_log_bytes {
            return;
        }
        let behind = self.subscriptions.iter().filter_map(|(key, subscription)| {
            let log = &self.feeds[subscription.feed].log;
            let end = subscription.end(log.head());
            let bytes = log.slice(subscription.cursor, end).len();
            // In the order of their keys where they are equal, so that the same run always goes the same way.
            (subscription.cursor < end).then_some((Reverse(bytes), key))
        });
        let mut behind: Vec<_> = behind.collect();
        behind.sort_unstable();
        for (_, key) in behind {
            if self.log_bytes <= self.limits.shard_log_bytes {
                return;
            }
            // It may have gone with another subscription of its connection.
            if let Some(subscription) = self.subscriptions.get(key) {
                self.forgo_all(u32::try_from(key).expect("below 2^32 subscriptions"), subscription.feed);
            }
        }
    }

    /// Has a subscriber of a feed do without all that it has not had, and drops what nobody else needs.
    fn forgo_all(&mut self, key: u32, feed_key: u32) {
        let head = self.feeds[feed_key].log.head();
        let lagged = self.forgo(key, head);
        let lowest = self.lowest_cursor(feed_key, 0..self.feeds[feed_key].subscribers.len());
        self.feeds[feed_key].log.drop_before(lowest);
        self.tidy(feed_key);
        if let Some(id) = lagged {
            self.give_up(id);
        } else {
            self.complete(key);
        }
    }

    /// Has a subscriber do without the messages before `oldest`; its connection, if that must end for it.
    fn forgo(&mut self, key: u32, oldest: u64) -> Option<ConnectionId> {
        let (slot, lag) = {
            let subscription = &self.subscriptions[key as usize];
            (subscription.slot, subscription.lag)
        };
        let (id, connection) = self.connections.at(slot);
        let is_gone = connection.is_gone();
        if lag == Lag::Disconnect && !is_gone {
            self.note_standing(id);
        }
        let subscription = &mut self.subscriptions[key as usize];
        let missed = subscription.own.count_allowed(subscription.cursor, subscription.end(oldest).min(oldest));
        subscription.cursor = oldest;
        if missed == 0 {
            return None;
        }
        if is_gone {
            self.counters.undelivered += missed;
            return None;
        }
        match lag {
            Lag::Skip => {
                subscription.missed += missed;
                self.counters.missed += missed;
                None
            }
            Lag::Disconnect => {
                self.counters.undelivered += missed;
                Some(id)
            }
        }
    }

    /// Ends all subscriptions of a connection at once: a message behind what it missed would hide the gap.
    fn give_up(&mut self, id: ConnectionId) {
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
