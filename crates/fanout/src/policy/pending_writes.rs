//! Bytes that a connection's transport has not taken yet.

/// Bytes that leave before anything else, in order. An empty one holds no memory, and a filled one never more than
/// about twice its unsent bytes.
#[derive(Debug, Default)]
pub struct PendingWrites {
    bytes: Vec<u8>,
    /// The number of bytes at the front that have left.
    sent: usize,
}

impl PendingWrites {
    /// Returns true if every byte has left.
    pub fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// Returns the bytes that have not left.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds what `write` appends to the buffer.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
    }

    /// Marks this number of the unsent bytes as having left.
    pub fn advance(&mut self, taken: usize) {
        self.sent += taken;
        if self.is_empty() {
            *self = Self::default();
        } else if self.sent > self.bytes.len() / 2 {
            // A peer that reads slowly but keeps asking would never empty the buffer. Moving at most half of it is
            // amortised.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_never_empties_stays_small() {
        let mut pending = PendingWrites::default();
        pending.push(b"abc");
        for _ in 0..1000 {
            pending.push(b"abc");
            pending.advance(3);
            assert_eq!(pending.unsent().len(), 3);
        }
        assert!(pending.bytes.capacity() <= 32, "{}", pending.bytes.capacity());
    }

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let mut pending = PendingWrites::default();
        pending.push(b"abcd");
        pending.advance(1);
        assert_eq!(pending.unsent(), b"bcd");
        pending.advance(2);
        assert_eq!(pending.unsent(), b"d");
        pending.advance(1);
        assert_eq!((pending.is_empty(), pending.bytes.capacity()), (true, 0));
    }

    #[test]
    fn bytes_are_moved_when_more_than_half_have_left() {
        let mut pending = PendingWrites::default();
        pending.push_with(|out| out.extend_from_slice(b"abcdef"));
        pending.advance(3);
        assert_eq!((pending.sent, pending.unsent()), (3, &b"def"[..]), "a half is not worth a move");
        pending.advance(1);
        assert_eq!((pending.sent, pending.unsent()), (0, &b"ef"[..]));
    }
}
