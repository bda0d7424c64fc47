//! Every message that the server has accepted, and how far each shard has heard of it.

use corecast_fanout::ShardId;

/// A message; its place in the list of all is its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    /// The client that published it.
    pub(crate) publisher: usize,
    /// Which of its messages it is.
    pub(crate) sequence: u32,
    /// The publisher's shard.
    pub(crate) shard: ShardId,
    pub(crate) channel: usize,
    pub(crate) no_echo: bool,
    /// Bytes behind the head of the payload.
    pub(crate) filler: usize,
}

/// Bytes at the front of a payload that name the message.
const HEAD: usize = 6;

impl Message {
    pub(crate) fn payload_len(&self) -> usize {
        HEAD + self.filler
    }

    /// Its payload, every byte of which depends on which message it is.
    pub(crate) fn payload(publisher: usize, sequence: u32, filler: usize) -> Vec<u8> {
        let number = u16::try_from(publisher).expect("few clients");
        let mut payload = number.to_be_bytes().to_vec();
        payload.extend_from_slice(&sequence.to_be_bytes());
        let salt = usize::from(number) * 31 + sequence as usize * 7;
        payload.extend((0..filler).map(|index| u8::try_from((salt + index) % 251).expect("below 251")));
        payload
    }

    /// Which message a payload says that it is: publisher and sequence.
    pub(crate) fn named_by(payload: &[u8]) -> Option<(usize, u32)> {
        let (publisher, rest) = payload.split_first_chunk::<2>()?;
        let sequence = rest.first_chunk::<4>()?;
        Some((usize::from(u16::from_be_bytes(*publisher)), u32::from_be_bytes(*sequence)))
    }
}

/// The messages, and what has arrived where.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) messages: Vec<Message>,
    /// For each shard, from each shard: messages of its before this number will not come any more.
    arrived: Vec<Vec<usize>>,
    /// For each shard, to each shard: shard batches that have not arrived.
    under_way: Vec<Vec<usize>>,
    /// True if messages cross shards in shard batches.
    posts: bool,
    /// Whether a subscriber that is behind is kept whole batches.
    keeps_batches: bool,
    /// Encoded bytes of what one read has brought at most.
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

    /// The number of the next message.
    pub(crate) fn next(&self) -> usize {
        self.messages.len()
    }

    /// What one message counts in a log, beside its encoding.
    pub(crate) fn index_bytes(&self) -> usize {
        if self.keeps_batches { 0 } else { 8 }
    }

    /// By how much more than the bound a subscriber may be kept, beside one message.
    pub(crate) fn slack(&self) -> usize {
        if self.keeps_batches { self.largest_read } else { 0 }
    }

    /// By publisher's shard, the first message that may still come to subscribers of this shard.
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
