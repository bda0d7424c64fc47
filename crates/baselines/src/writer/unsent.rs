//! The bytes that a full transport did not take, and the number of messages among them.

use crate::fan_out::batch::EncodedMessages;
use corecast_fanout::policy::PendingWrites;
use std::collections::VecDeque;

/// Bytes that leave before anything else, in order: answers, and whole batches of messages. It counts by batch and not
/// by message, so that subscribers that keep up do not pay for the count: a batch has left once all of it has.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    pending: PendingWrites,
    /// The number of bytes that have left since this was empty.
    left: usize,
    /// The batches that have not left: the end of each, from the same beginning, and its number of messages.
    batches: VecDeque<(usize, u64)>,
}

impl Unsent {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.pending.unsent()
    }

    /// Returns the number of messages in batches that have not left completely.
    pub(crate) fn messages(&self) -> u64 {
        self.batches.iter().map(|(_, messages)| messages).sum()
    }

    /// Adds bytes that are not a message.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.push(bytes);
    }

    /// Adds what `write` appends to the buffer, likewise.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.pending.push_with(write);
    }

    /// Adds a batch without the bytes at its front that have already left.
    pub(crate) fn push_rest(&mut self, encoded: &EncodedMessages, taken: usize) {
        self.pending.push(&encoded.bytes[taken..]);
        self.batches.push_back((self.left + self.bytes().len(), encoded.messages));
    }

    /// Marks this number of bytes as having left. Returns the number of messages that have left with them.
    pub(crate) fn advance(&mut self, taken: usize) -> u64 {
        self.left += taken;
        self.pending.advance(taken);
        let mut messages = 0;
        while let Some((_, count)) = self.batches.pop_front_if(|(end, _)| *end <= self.left) {
            messages += count;
        }
        if self.is_empty() {
            *self = Self::default();
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_left_with_its_last_byte() {
        let mut unsent = Unsent::default();
        unsent.push(b"ok");
        unsent.push_rest(&EncodedMessages { bytes: b"abcd".to_vec(), messages: 2 }, 1);
        unsent.push(b"!");
        unsent.push_rest(&EncodedMessages { bytes: b"efghij".to_vec(), messages: 3 }, 0);
        assert_eq!((unsent.bytes(), unsent.messages()), (&b"okbcd!efghij"[..], 5));
        assert_eq!([4, 1, 6].map(|taken| unsent.advance(taken)), [0, 2, 0]);
        assert_eq!((unsent.bytes(), unsent.messages()), (&b"j"[..], 3));
        assert_eq!((unsent.advance(1), unsent.messages()), (3, 0));
        assert_eq!((unsent.left, unsent.batches.capacity()), (0, 0));
    }
}
