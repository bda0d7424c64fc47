//! The channel logs that have something to flush, in rounds.
//!
//! In a round the subscribers of every channel log are visited at most once. A channel log that gets more messages
//! after its visit waits for the next round, and the owner may pause in between. Without rounds, a shard that receives
//! messages as fast as it sends them would send every message by itself to each subscriber, and never reach the pause
//! that merges them.

use std::collections::VecDeque;

/// A queue of channel logs, by key.
#[derive(Debug)]
pub(super) struct Rounds {
    current: VecDeque<u32>,
    next: VecDeque<u32>,
    number: u64,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { current: VecDeque::new(), next: VecDeque::new(), number: 1 }
    }
}

impl Rounds {
    /// Lists a channel log that was not listed. `completed` is the last round in which all its subscribers were
    /// visited, 0 if there was none.
    pub(super) fn list(&mut self, key: u32, completed: u64) {
        let queue = if completed == self.number { &mut self.next } else { &mut self.current };
        queue.push_back(key);
    }

    /// Takes the channel log whose turn it is in this round.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.current.pop_front()
    }

    /// Gives a channel log another turn in this round.
    pub(super) fn continue_with(&mut self, key: u32) {
        self.current.push_back(key);
    }

    /// Returns the number of this round.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns true if every channel log of this round has had its turn.
    pub(super) fn is_over(&self) -> bool {
        self.current.is_empty()
    }

    /// Begins the next round.
    pub(super) fn begin_next(&mut self) {
        debug_assert!(self.is_over(), "a channel log would be visited before those of its round");
        std::mem::swap(&mut self.current, &mut self.next);
        self.number += 1;
    }

    /// Returns true if no channel log is listed.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.next.is_empty()
    }
}
