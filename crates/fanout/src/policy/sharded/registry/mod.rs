//! The registry of one shard: its channel logs and their subscriptions.
//!
//! Invariants: a connection has at most one subscription to a channel log. A subscription is listed once by its channel
//! log, at the index that it stores; the caller maintains the list of its connection likewise. A channel log that is
//! listed anywhere, or that somebody here or elsewhere wants, is not retired.

mod channel_log;
mod channel_logs;
mod pass;
mod ranges;
mod subscription;

pub(super) use channel_log::{ChannelLog, Interest, Waiting};
pub(super) use channel_logs::ChannelLogs;
pub(super) use pass::Pass;
pub(super) use subscription::Subscription;

use crate::{Encoding, LagRule};
use slab::Slab;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// The channel logs and the subscriptions of a shard, each by its key.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) channel_logs: ChannelLogs,
    pub(super) subscriptions: Slab<Subscription>,
    /// The subscription of a connection (by slot) to a channel log (by key).
    by_pair: HashMap<u64, u32>,
}

/// Combines a connection (by slot) and a channel log (by key) into one number, which takes half as long to hash as two.
fn pair(slot: u32, channel_log: u32) -> u64 {
    u64::from(slot) << 32 | u64::from(channel_log)
}

impl Registry {
    /// Returns the subscription of a connection to a channel log.
    #[inline]
    pub(super) fn subscription_to(&self, slot: u32, channel_log: u32) -> Option<u32> {
        self.by_pair.get(&pair(slot, channel_log)).copied()
    }

    /// Returns the subscription of a connection to a channel in its encoding.
    #[inline]
    pub(super) fn find(&self, slot: u32, channel: &str, encoding: Encoding) -> Option<u32> {
        self.subscription_to(slot, self.channel_logs.find(channel, encoding)?)
    }

    /// Adds a subscription that begins at the head of the log, unless there is one. Its connection lists it at this
    /// index.
    #[inline]
    pub(super) fn add(&mut self, slot: u32, channel_log: u32, index_in_connection: usize, lag: LagRule) -> Option<u32> {
        let Entry::Vacant(vacant) = self.by_pair.entry(pair(slot, channel_log)) else { return None };
        let of = &mut self.channel_logs[channel_log];
        let key = self.subscriptions.insert(Subscription {
            slot,
            channel_log,
            index_in_channel_log: u32::try_from(of.subscribers.len()).expect("below 2^32 subscribers"),
            index_in_connection: u32::try_from(index_in_connection).expect("below 2^32 subscriptions"),
            lag,
            cursor: of.log.head(),
            missed: 0,
            coalesced: false,
            own: ranges::Ranges::default(),
            leaving: None,
        });
        let key = u32::try_from(key).expect("below 2^32 subscriptions");
        of.subscribers.push(key);
        vacant.insert(key);
        Some(key)
    }

    /// Removes a subscription. The round under way skips nobody because of it.
    #[inline]
    pub(super) fn remove(&mut self, key: u32) -> Subscription {
        let gone = self.subscriptions.remove(key as usize);
        self.by_pair.remove(&pair(gone.slot, gone.channel_log));
        self.channel_logs[gone.channel_log].remove_subscriber(gone.index_in_channel_log, &mut self.subscriptions);
        gone
    }

    /// Returns the end of a subscription: the message after the last that it must receive of what its log holds.
    pub(super) fn end_of(&self, key: u32) -> u64 {
        let subscription = &self.subscriptions[key as usize];
        subscription.end(self.channel_logs[subscription.channel_log].log.head())
    }

    /// Returns the bytes that a subscription must receive and has not.
    pub(super) fn unsent(&self, key: u32) -> &[u8] {
        let subscription = &self.subscriptions[key as usize];
        let log = &self.channel_logs[subscription.channel_log].log;
        log.slice(subscription.cursor, subscription.end(log.head()))
    }

    /// Returns the number of messages that a subscription must receive and has not. Forgets which of them it published
    /// itself.
    pub(super) fn take_unsent_count(&mut self, key: u32) -> u64 {
        let end = self.end_of(key);
        let subscription = &mut self.subscriptions[key as usize];
        subscription.own.count_allowed(subscription.cursor, end)
    }

    /// Returns the lowest cursor of these subscribers of a channel log, by index, or the head of the log.
    pub(super) fn lowest_cursor(&self, channel_log: u32, indices: Range<usize>) -> u64 {
        let channel_log = &self.channel_logs[channel_log];
        let cursors = channel_log.subscribers[indices].iter().map(|key| self.subscriptions[*key as usize].cursor);
        cursors.min().unwrap_or(channel_log.log.head())
    }

    /// Returns the lowest cursor of all subscribers of a channel log, or the head of the log.
    pub(super) fn lowest_cursor_of_all(&self, channel_log: u32) -> u64 {
        self.lowest_cursor(channel_log, 0..self.channel_logs[channel_log].subscribers.len())
    }

    /// Returns true if a subscription is not asked to end, or its connection has asked to subscribe again after that.
    pub(super) fn stays(&self, key: u32) -> bool {
        self.subscriptions[key as usize].leaving.as_ref().is_none_or(|leaving| leaving.comes_back())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODING: Encoding = Encoding::new(0);

    fn append(registry: &mut Registry, channel_log: u32, message: &[u8]) {
        registry.channel_logs[channel_log].log.append(|out| out.extend_from_slice(message));
    }

    #[test]
    fn a_subscription_begins_at_the_head_and_has_what_comes_behind() {
        let mut registry = Registry::default();
        let log = registry.channel_logs.find_or_create("news", ENCODING);
        append(&mut registry, log, b"early");
        let key = registry.add(7, log, 0, LagRule::Skip).expect("there is none");
        assert_eq!(registry.add(7, log, 0, LagRule::Skip), None, "a connection has one subscription to a channel log");
        assert_eq!(registry.unsent(key), b"");
        assert_eq!(registry.take_unsent_count(key), 0);
        append(&mut registry, log, b"one");
        append(&mut registry, log, b"two");
        registry.subscriptions[key as usize].own.push(2);
        assert_eq!(registry.unsent(key), b"onetwo");
        assert_eq!(registry.take_unsent_count(key), 1, "it published the other itself");
        assert_eq!((registry.find(7, "news", ENCODING), registry.find(8, "news", ENCODING)), (Some(key), None));
    }

    #[test]
    fn whoever_takes_a_place_in_the_list_knows_it() {
        let mut registry = Registry::default();
        let log = registry.channel_logs.find_or_create("news", ENCODING);
        let keys: Vec<u32> = (0..5).filter_map(|slot| registry.add(slot, log, 0, LagRule::Skip)).collect();
        assert_eq!(registry.remove(keys[1]).slot, 1);
        assert_eq!(registry.remove(keys[4]).slot, 4);
        let subscribers = &registry.channel_logs[log].subscribers;
        assert_eq!(subscribers.len(), 3);
        for (key, index) in subscribers.iter().zip(0..) {
            assert_eq!(registry.subscriptions[*key as usize].index_in_channel_log, index);
        }
        assert_eq!(
            [0, 1, 2, 3, 4].map(|slot| registry.subscription_to(slot, log).is_some()),
            [true, false, true, true, false]
        );
    }

    #[test]
    fn the_lowest_cursor_is_that_of_whoever_has_had_the_least() {
        let mut registry = Registry::default();
        let log = registry.channel_logs.find_or_create("news", ENCODING);
        assert_eq!(registry.lowest_cursor_of_all(log), 0);
        let first = registry.add(0, log, 0, LagRule::Skip).expect("there is none");
        append(&mut registry, log, b"one");
        registry.add(1, log, 0, LagRule::Skip);
        assert_eq!((registry.lowest_cursor_of_all(log), registry.lowest_cursor(log, 1..2)), (0, 1));
        registry.remove(first);
        assert_eq!(registry.lowest_cursor_of_all(log), 1);
    }
}
