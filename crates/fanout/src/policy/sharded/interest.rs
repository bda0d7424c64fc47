//! Interest: a shard is posted a channel's messages only while it has subscribers of it.
//!
//! The first subscriber asks every other shard, and is answered when all have confirmed: from then on
//! nothing published anywhere can pass it by. A question carries an epoch, so that the answer to one
//! that was withdrawn is not taken for the answer to the next.

use super::Sharded;
use super::feed::{Interest, Waiting};
use crate::{Encode, Encoding, Item, Lag, Outlet, Run, ShardId};
use std::sync::Arc;

impl<O: Outlet, E: Encode> Sharded<O, E> {
    /// Whether all other shards post a feed's messages here; if not, asks them to.
    pub(super) fn ask_for(&mut self, key: u32) -> bool {
        let others = self.other_shards().count();
        let feed = &mut self.feeds[key];
        if feed.interest == Interest::Absent {
            let missing = ShardId::try_from(others).expect("fewer than 2^16 shards");
            if missing == 0 {
                feed.interest = Interest::Confirmed;
            } else {
                let epoch = self.next_epoch;
                self.next_epoch += 1;
                feed.interest = Interest::Asked { epoch, missing };
                let (channel, encoding) = (Arc::clone(&feed.channel), feed.encoding);
                self.tell_others(&Item::Interest { channel, encoding, epoch });
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
    pub(super) fn add_interest(&mut self, from: ShardId, channel: Arc<str>, encoding: Encoding, epoch: u64) {
        let key = self.feeds.find_or_create(&channel, encoding);
        let feed = &mut self.feeds[key];
        debug_assert!(!feed.to_post, "everything is posted before anything is received");
        if !feed.interested.contains(&from) {
            feed.interested.push(from);
        }
        self.parcels[usize::from(from)].push(Item::Confirmed { channel, encoding, epoch });
    }

    /// Another shard has none any more.
    pub(super) fn remove_interest(&mut self, from: ShardId, channel: &str, encoding: Encoding) {
        let Some(key) = self.feeds.find(channel, encoding) else { return };
        self.feeds[key].interested.retain(|shard| *shard != from);
        self.feeds.retire(key);
    }

    /// Another shard has taken note of our interest.
    pub(super) fn confirm(&mut self, channel: &str, encoding: Encoding, answered: u64) {
        let Some(key) = self.feeds.find(channel, encoding) else { return };
        let feed = &mut self.feeds[key];
        match &mut feed.interest {
            Interest::Asked { epoch, missing } if *epoch == answered => {
                *missing -= 1;
                if *missing > 0 {
                    return;
                }
            }
            _ => return,
        }
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

    fn tell_others(&mut self, item: &Item) {
        for shard in self.other_shards() {
            self.parcels[shard].push(item.clone());
        }
    }
}
