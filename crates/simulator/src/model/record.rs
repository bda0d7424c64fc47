//! The record of every message that the server has accepted, and of which messages each shard has received.

use corecast_fanout::ShardId;

/// A message; its number is its index in the list of all messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    /// The client that published it.
    pub(crate) publisher: usize,
    /// The number of the message among those of its publisher.
    pub(crate) sequence: u32,
    /// The publisher's shard.
    pub(crate) shard: ShardId,
    pub(crate) channel: usize,
    pub(crate) no_echo: bool,
    /// The number of bytes after the head of the payload.
    pub(crate) filler: usize,
}

/// The number of bytes at the front of a payload that name the message.
const HEAD: usize = 6;

impl Message {
    pub(crate) fn payload_len(&self) -> usize {
        HEAD + self.filler
    }

    /// Returns the payload of a message, every byte of which depends on the publisher and the sequence.
    pub(crate) fn payload(publisher: usize, sequence: u32, filler: usize) -> Vec<u8> {
        let number = u16::try_from(publisher).expect("few clients");
        let mut payload = number.to_be_bytes().to_vec();
        payload.extend_from_slice(&sequence.to_be_bytes());
        let salt = usize::from(number) * 31 + sequence as usize * 7;
        payload.extend((0..filler).map(|index| u8::try_from((salt + index) % 251).expect("below 251")));
        payload
    }

    /// Returns the publisher and the sequence that a payload names.
    pub(crate) fn named_by(payload: &[u8]) -> Option<(usize, u32)> {
        let (publisher, rest) = payload.split_first_chunk::<2>()?;
        let sequence = rest.first_chunk::<4>()?;
        Some((usize::from(u16::from_be_bytes(*publisher)), u32::from_be_bytes(*sequence)))
    }
}

/// The messages, and how far each shard has received them.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) messages: Vec<Message>,
    /// For each shard, from each shard: no message with a lower number can still arrive.
    arrived: Vec<Vec<usize>>,
    /// For each shard, to each shard: the number of shard batches that have not arrived.
    under_way: Vec<Vec<usize>>,
    /// True if messages cross shards in shard batches.
    posts: bool,
    /// True if whole batches are kept for a subscriber that is behind.
    keeps_batches: bool,
    /// The most encoded bytes of messages that one read has published.
    pub(crate) largest_read: usize,
}

impl Record {
    pub(crate) fn new(shards: ShardId, posts: bool, keeps_batches: bool) -> Self {
        let shards = usize::from(shards);
        Self {
            messages: Vec::new(),
            arrived: vec![vec![0; shards]; shards],
            under_way: vec![vec![0; shards]; shards],
            posts,
            keeps_batches,
            largest_read: 0,
        }
    }

    /// Returns the number of the next message.
    pub(crate) fn next(&self) -> usize {
        self.messages.len()
    }

    /// Returns the bytes that one message counts in a log in addition to its encoding.
    pub(crate) fn index_bytes(&self) -> usize {
        if self.keeps_batches { 0 } else { 8 }
    }

    /// Returns the bytes by which the backlog kept for a subscriber may exceed the bound, in addition to one message.
    pub(crate) fn slack(&self) -> usize {
        if self.keeps_batches { self.largest_read } else { 0 }
    }

    /// Returns, for each publisher's shard, the first message that may still arrive at subscribers of this shard.
    pub(crate) fn horizons(&self, at: ShardId) -> Vec<usize> {
        let own = usize::from(at);
        let horizon = |(from, arrived): (usize, &usize)| if self.posts && from != own { *arrived } else { self.next() };
        self.arrived[own].iter().enumerate().map(horizon).collect()
    }

    pub(crate) fn posted(&mut self, from: ShardId, to: ShardId) -> usize {
        self.under_way[usize::from(from)][usize::from(to)] += 1;
        self.next()
    }

    pub(crate) fn has_nothing_to_post(&mut self, from: ShardId, to: ShardId) {
        if self.under_way[usize::from(from)][usize::from(to)] == 0 {
            self.arrived[usize::from(to)][usize::from(from)] = self.next();
        }
    }

    pub(crate) fn received(&mut self, at: ShardId, from: ShardId, horizon: usize) {
        self.under_way[usize::from(from)][usize::from(at)] -= 1;
        self.arrived[usize::from(at)][usize::from(from)] = horizon;
    }
}
