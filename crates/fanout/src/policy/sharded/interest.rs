//! Interest: a shard is posted a channel's messages only while it has subscribers of it.
//!
//! The first subscriber asks every other shard, and is answered when all have confirmed: from then on
//! nothing published anywhere can pass it by. The confirmation is a barrier behind the question: a shard that has
//! passed it has taken note.

use super::Sharded;
use super::feed::{Interest, Waiting};
use super::leave::Awaiting;
use crate::{Encode, Encoding, Item, Lag, Outlet, Run, ShardId};
use std::sync::Arc;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Whether all other shards post a feed's messages here; if not, asks them to.
    pub(super) fn ask_for(&mut self, key: u32) -> bool {
        if self.feeds[key].interest == Interest::Absent {
            if self.parcels.len() == 1 {
                self.feeds[key].interest = Interest::Confirmed;
            } else {
                let feed = &self.feeds[key];
                let (channel, encoding) = (Arc::clone(&feed.channel), feed.encoding);
                self.tell_others(&Item::Interest { channel, encoding });
                let barrier = self.await_barrier(Awaiting::Interest { feed: key });
                self.feeds[key].interest = Interest::Asked { barrier };
            }
        }
        self.feeds[key].interest == Interest::Confirmed
    }

    /// Keeps an answer until the interest is confirmed.
    pub(super) fn wait_for(&mut self, key: u32, slot: u32, lag: Lag, answer: &[u8]) {
        self.feeds[key].waiting.push(Waiting { slot, lag, answer: answer.into() });
        let (_, connection) = self.connections.at(slot);
        connection.waiting_bytes += answer.len();
        if !connection.waiting.contains(&key) {
            connection.waiting.push(key);
        }
    }

    /// Gives up waiting; the answers that were kept.
    pub(super) fn stop_waiting(&mut self, slot: u32, key: u32) -> Vec<Box<[u8]>> {
        let (_, connection) = self.connections.at(slot);
        connection.waiting.retain(|waiting| *waiting != key);
        let given_up = self.feeds[key].waiting.extract_if(.., |waiting| waiting.slot == slot);
        let answers: Vec<_> = given_up.map(|waiting| waiting.answer).collect();
        connection.waiting_bytes -= answers.iter().map(|answer| answer.len()).sum::<usize>();
        self.leave_feed(key);
        answers
    }

    /// Tells the other shards when the last subscriber has left.
    pub(super) fn leave_feed(&mut self, key: u32) {
        let feed = &mut self.feeds[key];
        if !feed.is_deserted() {
            return;
        }
        if feed.interest != Interest::Absent {
            feed.interest = Interest::Absent;
            let (channel, encoding) = (Arc::clone(&feed.channel), feed.encoding);
            self.tell_others(&Item::Withdrawn { channel, encoding });
        }
        self.feeds.retire(key);
    }

    /// Another shard has subscribers now.
    pub(super) fn add_interest(&mut self, from: ShardId, channel: &str, encoding: Encoding) {
        let key = self.feeds.find_or_create(channel, encoding);
        let feed = &mut self.feeds[key];
        debug_assert!(!feed.to_post, "everything is posted before anything is received");
        if !feed.interested.contains(&from) {
            feed.interested.push(from);
        }
    }

    /// Another shard has none any more.
    pub(super) fn remove_interest(&mut self, from: ShardId, channel: &str, encoding: Encoding) {
        let Some(key) = self.feeds.find(channel, encoding) else { return };
        self.feeds[key].interested.retain(|shard| *shard != from);
        self.feeds.retire(key);
    }

    /// The other shards have taken note of our interest: whoever waited for it is subscribed.
    pub(super) fn let_in(&mut self, key: u32) {
        let feed = &mut self.feeds[key];
        feed.interest = Interest::Confirmed;
        for Waiting { slot, lag, answer } in std::mem::take(&mut feed.waiting) {
            let (_, connection) = self.connections.at(slot);
            connection.waiting.retain(|waiting| *waiting != key);
            connection.waiting_bytes -= answer.len();
            self.add_subscription(slot, key, lag);
            self.answer_slot(slot, &answer);
        }
    }

    /// Messages from another shard. They are for subscribers here, and go no further.
    pub(super) fn receive_run(&mut self, run: &Run) {
        self.counters.runs_received += 1;
        let Some(key) = self.feeds.find(&run.channel, run.encoding) else { return };
        let feed = &mut self.feeds[key];
        if feed.subscribers.is_empty() {
            return;
        }
        debug_assert!(!feed.to_post, "everything is posted before anything is received");
        self.buffers.lend(&mut feed.log);
        feed.log.append_run(&run.bytes, &run.lengths);
        feed.posted = feed.log.head();
        self.list_for_flush(key);
        self.note_size(key);
    }

    fn other_shards(&self) -> impl Iterator<Item = usize> + use<O, E> {
        let own = usize::from(self.shard);
        (0..self.parcels.len()).filter(move |shard| *shard != own)
    }

    pub(super) fn tell_others(&mut self, item: &Item) {
        for shard in self.other_shards() {
            self.parcels[shard].push(item.clone());
        }
    }
}
