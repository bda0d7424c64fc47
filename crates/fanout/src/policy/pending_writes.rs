//! Bytes that a connection's transport has not taken yet.

/// Bytes that leave before anything else, in order. Holds no memory while empty, and never more than about
/// twice of what has not left.
#[derive(Debug, Default)]
pub struct PendingWrites {
    bytes: Vec<u8>,
    /// So many at the front have left.
    sent: usize,
}

impl PendingWrites {
    /// Returns true if every byte has left.
    pub fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// The bytes that have not left.
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

    /// So many of the unsent bytes have left.
    pub fn advance(&mut self, taken: usize) {
        self.sent += taken;
        if self.is_empty() {
            *self = Self::default();
        } else if self.sent > self.bytes.len() / 2 {
            // A peer that reads slowly and asks on would never empty it. Moving at most half pays for itself.
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
}
