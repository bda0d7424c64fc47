//! A channel in one encoding, as one shard sees it.

use super::subscription::Subscription;
use crate::{Encoding, Lag, Log, MAX_ENCODINGS, ShardId};
use slab::Slab;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

/// The log of a channel in one encoding, its subscribers here, and the shards that want its messages.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a list that it is in, or counted in, or not")]
pub(super) struct ChannelLog {
    pub(super) channel: Arc<str>,
    pub(super) encoding: Encoding,
    pub(super) log: Log,
    /// The subscriptions, as keys of the shard's table, in no order.
    pub(super) subscribers: Vec<u32>,
    /// The other shards that have subscribers.
    pub(super) interested: Vec<ShardId>,
    /// Whether the other shards know of our subscribers.
    pub(super) interest: Interest,
    /// Who gets an answer when they do.
    pub(super) waiting: Vec<Waiting>,
    /// Messages before this one were posted, or came from another shard.
    pub(super) posted: u64,
    /// It is in the shard's list of channel logs to post.
    pub(super) to_post: bool,
    /// It is in the shard's list of channel logs to flush.
    pub(super) to_flush: bool,
    /// The round in which its subscribers were all visited last, 0 if they never were.
    pub(super) completed: u64,
    /// Messages before this one were offered to everybody who takes any.
    pub(super) offered: u64,
    /// There is more to send than the log may keep.
    pub(super) oversize: bool,
    /// The size of the log as the shard's sum has it.
    pub(super) size: usize,
    /// How far the current flush has come.
    pub(super) pass: Option<Pass>,
    /// Where the round under way began, or the last one, in parts of 2^32 of the subscribers.
    rotation: u32,
    /// Since it began, somebody who was behind has left or caught up: there may be more to drop.
    pub(super) outdated: bool,
}

/// Whether the other shards post this channel's messages to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// No.
    Absent,
    /// They were asked, and do when they have passed this barrier.
    Asked { barrier: u64 },
    /// All do.
    Confirmed,
}

/// A connection whose subscription takes effect when the interest is confirmed.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) slot: u32,
    pub(super) lag: Lag,
    pub(super) answer: Box<[u8]>,
}

/// One round over all subscribers of a channel log.
///
/// Each round begins elsewhere in the list, so that nobody is always last: it goes down from `start` to the first
/// subscriber, then from the last one down to `start`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// The visit goes on below this index.
    pub(super) below: u32,
    start: u32,
    /// The subscribers before `start` have all been visited, and those from there on are being visited.
    wrapped: bool,
    /// Some subscribers are sent to at the end of the round, and their cursors count then.
    pub(super) gathers: bool,
    /// The head when the round began: what came later needs another round.
    pub(super) begun_at: u64,
    /// The lowest cursor that was left behind.
    pub(super) lowest: u64,
}

impl Pass {
    /// A round over so many subscribers that begins at `rotation` parts of 2^32 of them.
    fn begin(count: u32, rotation: u32, head: u64) -> Self {
        let start = u32::try_from((u64::from(rotation) * u64::from(count)) >> 32).expect("below the count");
        let start = if count > 0 { start + 1 } else { 0 };
        Self { below: start, start, wrapped: false, gathers: false, begun_at: head, lowest: head }
    }

    /// The next subscribers to visit, by index, at most so many.
    pub(super) fn advance(&mut self, count: u32, at_most: u32) -> Range<usize> {
        if self.below == 0 && !self.wrapped {
            (self.wrapped, self.below) = (true, count);
        }
        let floor = if self.wrapped { self.start } else { 0 };
        let end = self.below;
        self.below -= (end - floor).min(at_most);
        self.below as usize..end as usize
    }

    /// Returns true if all of `count` subscribers have been visited.
    pub(super) fn is_over(&self, count: u32) -> bool {
        if self.wrapped { self.below == self.start } else { self.below == 0 && self.start == count }
    }

    /// A subscriber is about to leave, and the last one of so many to take its place. Where that one has not been visited
    /// and the place has, the place on the border between the two takes it instead; its index.
    fn make_room(&mut self, index: u32, count: u32) -> Option<u32> {
        let last_is_unvisited = self.start < count && (!self.wrapped || self.below == count);
        let is_visited = index < self.start && (self.wrapped || index >= self.below);
        let border = (last_is_unvisited && is_visited).then(|| {
            self.start -= 1;
            self.start
        });
        self.start = self.start.min(count - 1);
        self.below = self.below.min(count - 1);
        border
    }
}

/// The golden ratio in parts of 2^32: multiples of it, without their whole parts, spread evenly over a range
/// however many are taken (Weyl's equidistribution theorem).
const GOLDEN_RATIO: u32 = 0x9e37_79b9;

impl ChannelLog {
    fn new(channel: Arc<str>, encoding: Encoding) -> Self {
        Self {
            channel,
            encoding,
            log: Log::default(),
            subscribers: Vec::new(),
            interested: Vec::new(),
            interest: Interest::Absent,
            waiting: Vec::new(),
            posted: 0,
            to_post: false,
            to_flush: false,
            completed: 0,
            offered: 0,
            oversize: false,
            size: 0,
            pass: None,
            rotation: 0,
            outdated: false,
        }
    }

    /// Whether anybody, here or elsewhere, wants what is published.
    pub(super) fn is_wanted(&self) -> bool {
        !self.subscribers.is_empty() || !self.interested.is_empty()
    }

    /// Bytes of the messages that were not yet offered to everybody.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.log.slice(self.offered.max(self.log.first()), self.log.head()).len()
    }

    /// Whether nobody here has or awaits a subscription.
    pub(super) fn is_deserted(&self) -> bool {
        self.subscribers.is_empty() && self.waiting.is_empty()
    }

    fn is_unused(&self) -> bool {
        self.is_deserted() && self.interested.is_empty() && !self.to_flush && !self.to_post
    }

    /// The subscribers that are to be visited next, by index, at most so many. Begins a round if none is under way.
    pub(super) fn advance_pass(&mut self, at_most: usize) -> Range<usize> {
        let (count, head) = (self.count(), self.log.head());
        if self.pass.is_none() {
            self.outdated = false;
            self.rotation = self.rotation.wrapping_add(GOLDEN_RATIO);
        }
        let pass = self.pass.get_or_insert_with(|| Pass::begin(count, self.rotation, head));
        pass.advance(count, u32::try_from(at_most).unwrap_or(u32::MAX))
    }

    fn count(&self) -> u32 {
        u32::try_from(self.subscribers.len()).expect("below 2^32 subscribers")
    }

    /// Returns true if the round under way has visited every subscriber.
    pub(super) fn is_pass_over(&self) -> bool {
        self.pass.is_some_and(|pass| pass.is_over(self.count()))
    }

    /// Removes a subscriber; another one takes its place, such that the round under way passes nobody over.
    pub(super) fn remove_subscriber(&mut self, index: u32, subscriptions: &mut Slab<Subscription>) {
        let count = self.count();
        let mut place = |channel_log: &mut Self, from: u32, to: u32| {
            let moved = channel_log.subscribers[from as usize];
            channel_log.subscribers[to as usize] = moved;
            subscriptions[moved as usize].index_in_channel_log = to;
        };
        let border = self.pass.as_mut().and_then(|pass| pass.make_room(index, count));
        let free = border.unwrap_or(index);
        if free != index {
            place(self, free, index);
        }
        if free != count - 1 {
            place(self, count - 1, free);
        }
        self.subscribers.pop();
    }
}

/// A shard's channel logs, by key and by name.
#[derive(Debug, Default)]
pub(super) struct ChannelLogs {
    entries: Slab<ChannelLog>,
    by_channel: HashMap<Arc<str>, Keys>,
}

/// The keys of a channel's channel logs, by encoding. Each is one more than the channel log's, so that none takes no memory of its own.
type Keys = [Option<NonZeroU32>; MAX_ENCODINGS];

fn channel_log_key(key: NonZeroU32) -> u32 {
    key.get() - 1
}

impl ChannelLogs {
    /// The keys of a channel's channel logs.
    pub(super) fn of_channel(&self, channel: &str) -> impl Iterator<Item = u32> + use<> {
        self.by_channel.get(channel).copied().unwrap_or_default().into_iter().flatten().map(channel_log_key)
    }

    pub(super) fn find(&self, channel: &str, encoding: Encoding) -> Option<u32> {
        self.by_channel.get(channel)?[encoding.index()].map(channel_log_key)
    }

    pub(super) fn find_or_create(&mut self, channel: &str, encoding: Encoding) -> u32 {
        if let Some(key) = self.find(channel, encoding) {
            return key;
        }
        let name = match self.by_channel.get_key_value(channel) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(channel),
        };
        let key = u32::try_from(self.entries.insert(ChannelLog::new(Arc::clone(&name), encoding)))
            .expect("below 2^32 channel logs");
        self.by_channel.entry(name).or_default()[encoding.index()] = NonZeroU32::new(key + 1);
        key
    }

    /// Forgets a channel log that nothing refers to any more.
    pub(super) fn retire(&mut self, key: u32) {
        if !self.entries[key as usize].is_unused() {
            return;
        }
        let channel_log = self.entries.remove(key as usize);
        debug_assert!(
            channel_log.log.is_empty() && !channel_log.oversize && channel_log.size == 0,
            "what is not listed holds nothing"
        );
        let keys = self.by_channel.get_mut(&channel_log.channel).expect("every channel log has its channel");
        keys[channel_log.encoding.index()] = None;
        if keys.iter().all(Option::is_none) {
            self.by_channel.remove(&channel_log.channel);
        }
    }

    pub(super) fn get(&self, key: u32) -> Option<&ChannelLog> {
        self.entries.get(key as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl std::ops::Index<u32> for ChannelLogs {
    type Output = ChannelLog;

    fn index(&self, key: u32) -> &ChannelLog {
        &self.entries[key as usize]
    }
}

impl std::ops::IndexMut<u32> for ChannelLogs {
    fn index_mut(&mut self, key: u32) -> &mut ChannelLog {
        &mut self.entries[key as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The indices of one round over so many subscribers, in turns of so many.
    fn round(pass: &mut Pass, count: u32, turn: u32) -> Vec<u32> {
        let mut visited = Vec::new();
        while !pass.is_over(count) {
            visited.extend(pass.advance(count, turn).map(|index| u32::try_from(index).expect("small")).rev());
        }
        visited
    }

    #[test]
    fn a_round_visits_everybody_once_wherever_it_begins() {
        for count in 1..20 {
            for rotation in (0..=u32::MAX).step_by(1 << 27) {
                let mut visited = round(&mut Pass::begin(count, rotation, 0), count, 3);
                visited.sort_unstable();
                assert_eq!(visited, (0..count).collect::<Vec<_>>());
            }
        }
        assert!(Pass::begin(0, 7, 0).is_over(0));
    }

    #[test]
    fn everybody_s_turn_comes_at_every_place_in_the_round() {
        let (count, rounds) = (200, 2000_u32);
        let mut sum_of_places = vec![0_u64; count as usize];
        let mut rotation = 0_u32;
        for _ in 0..rounds {
            rotation = rotation.wrapping_add(GOLDEN_RATIO);
            let visited = round(&mut Pass::begin(count, rotation, 0), count, 64);
            visited.iter().zip(0..).for_each(|(index, place)| sum_of_places[*index as usize] += place);
        }
        let mean = u64::from(rounds) * u64::from(count - 1) / 2;
        for sum in sum_of_places {
            assert!(sum.abs_diff(mean) < mean / 20, "{sum} is far from {mean}");
        }
    }

    /// Whoever leaves at whatever point of a round: those who stay are all visited.
    #[test]
    fn nobody_is_passed_over_when_somebody_leaves() {
        let count = 7;
        for rotation in (0..=u32::MAX).step_by(1 << 28) {
            for (before, leaving) in (0..count).flat_map(|before| (0..count).map(move |leaving| (before, leaving))) {
                let mut names: Vec<u32> = (0..count).collect();
                let mut pass = Pass::begin(count, rotation, 0);
                let mut visited = Vec::new();
                for _ in 0..before {
                    visited.extend(pass.advance(count, 1).map(|index| names[index]));
                }
                let free = pass.make_room(leaving, count).unwrap_or(leaving) as usize;
                names[leaving as usize] = names[free];
                names.swap_remove(free);
                while !pass.is_over(count - 1) {
                    visited.extend(pass.advance(count - 1, 2).map(|index| names[index]));
                }
                assert!(names.iter().all(|name| visited.contains(name)), "{rotation}: {leaving} left after {before}");
            }
        }
    }
}
