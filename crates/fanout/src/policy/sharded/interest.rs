//! Interest: a shard is posted a channel's messages only while it has subscribers of it.
//!
//! The first subscriber asks every other shard, and is answered when all have confirmed. From then on it misses nothing
//! that is published anywhere. The confirmation is a barrier after the question: a shard that has passed it has
//! recorded the interest.

use super::Sharded;
use super::outbound::Awaiting;
use super::registry::{Interest, Waiting};
use crate::{Encode, Encoding, Item, LagRule, Outlet, ShardId};
use std::sync::Arc;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Returns true if all other shards post a channel log's messages here. If not, asks them to.
    pub(super) fn ask_for(&mut self, key: u32) -> bool {
        if self.registry.channel_logs[key].interest == Interest::Absent {
            if self.outbound.is_alone() {
                self.registry.channel_logs[key].interest = Interest::Confirmed;
            } else {
                let channel_log = &self.registry.channel_logs[key];
                let (channel, encoding) = (Arc::clone(&channel_log.channel), channel_log.encoding);
                self.outbound.tell_others(&Item::Interest { channel, encoding });
                let barrier = self.outbound.await_barrier(Awaiting::Interest { channel_log: key });
                self.registry.channel_logs[key].interest = Interest::Asked { barrier };
            }
        }
        self.registry.channel_logs[key].interest == Interest::Confirmed
    }

    /// Keeps an answer until the interest is confirmed.
    pub(super) fn wait_for(&mut self, key: u32, slot: u32, lag: LagRule, answer: &[u8]) {
        self.registry.channel_logs[key].waiting.push(Waiting { slot, lag, answer: answer.into() });
        let (_, connection) = self.connections.at(slot);
        connection.waiting_bytes += answer.len();
        if !connection.waiting.contains(&key) {
            connection.waiting.push(key);
        }
    }

    /// Stops waiting for the interest. Returns the answers that were kept.
    pub(super) fn stop_waiting(&mut self, slot: u32, key: u32) -> Vec<Box<[u8]>> {
        let (_, connection) = self.connections.at(slot);
        connection.waiting.retain(|waiting| *waiting != key);
        let removed = self.registry.channel_logs[key].waiting.extract_if(.., |waiting| waiting.slot == slot);
        let answers: Vec<_> = removed.map(|waiting| waiting.answer).collect();
        connection.waiting_bytes -= answers.iter().map(|answer| answer.len()).sum::<usize>();
        self.leave_channel_log(key);
        answers
    }

    /// Tells the other shards if the last subscriber has left.
    pub(super) fn leave_channel_log(&mut self, key: u32) {
        let channel_log = &mut self.registry.channel_logs[key];
        if !channel_log.is_deserted() {
            return;
        }
        if channel_log.interest != Interest::Absent {
            channel_log.interest = Interest::Absent;
            let (channel, encoding) = (Arc::clone(&channel_log.channel), channel_log.encoding);
            self.outbound.tell_others(&Item::Withdrawn { channel, encoding });
        }
        self.registry.channel_logs.retire(key);
    }

    /// Records that another shard has subscribers now.
    pub(super) fn add_interest(&mut self, from: ShardId, channel: &str, encoding: Encoding) {
        let key = self.registry.channel_logs.find_or_create(channel, encoding);
        let channel_log = &mut self.registry.channel_logs[key];
        debug_assert!(!channel_log.to_post, "everything is posted before anything is received");
        if !channel_log.interested.contains(&from) {
            channel_log.interested.push(from);
        }
    }

    /// Records that another shard has no subscribers any more.
    pub(super) fn remove_interest(&mut self, from: ShardId, channel: &str, encoding: Encoding) {
        let Some(key) = self.registry.channel_logs.find(channel, encoding) else { return };
        self.registry.channel_logs[key].interested.retain(|shard| *shard != from);
        self.registry.channel_logs.retire(key);
    }

    /// Subscribes the connections that waited until the other shards recorded the interest.
    pub(super) fn let_in(&mut self, key: u32) {
        let channel_log = &mut self.registry.channel_logs[key];
        channel_log.interest = Interest::Confirmed;
        for Waiting { slot, lag, answer } in std::mem::take(&mut channel_log.waiting) {
            let (_, connection) = self.connections.at(slot);
            connection.waiting.retain(|waiting| *waiting != key);
            connection.waiting_bytes -= answer.len();
            self.add_subscription(slot, key, lag);
            self.answer_slot(slot, &answer);
        }
    }
}
