//! The shape of a run's messages on the wire, so that they need not be parsed.
//!
//! All messages of a channel have one length, and differ only in the payload and in the open bytes of the head.
//! Comparing the head word by word costs a third of decoding it. Anything that does not match goes to the decoder.

use std::ops::Range;

/// The form of a message: a head, a payload, and a constant end.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The head in words, each with the bits that are compared.
    head: Vec<(u64, u64)>,
    head_len: usize,
    payload_len: usize,
    end: &'static [u8],
}

const WORD: usize = size_of::<u64>();

impl Shape {
    /// Creates a shape. The bytes of the head in `open` may have any value.
    ///
    /// # Panics
    /// If the payload is shorter than a word.
    pub(super) fn new(head: &[u8], open: Range<usize>, payload_len: usize, end: &'static [u8]) -> Self {
        assert!(payload_len >= WORD, "the last word of the head may reach into the payload");
        let words = head.chunks(WORD).enumerate().map(|(nth, chunk)| {
            let (mut bytes, mut mask) = ([0; WORD], [0; WORD]);
            bytes[..chunk.len()].copy_from_slice(chunk);
            for (offset, mask) in mask[..chunk.len()].iter_mut().enumerate() {
                *mask = if open.contains(&(nth * WORD + offset)) { 0 } else { u8::MAX };
            }
            (u64::from_ne_bytes(bytes), u64::from_ne_bytes(mask))
        });
        Self { head: words.collect(), head_len: head.len(), payload_len, end }
    }

    /// Appends a message of this shape, in which the open bytes are 0.
    pub(crate) fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend(self.head.iter().flat_map(|(expected, mask)| (expected & mask).to_ne_bytes()));
        out.truncate(begin + self.head_len);
        out.extend_from_slice(payload);
        out.extend_from_slice(self.end);
    }

    /// Returns the offset at which the payload begins.
    pub(crate) fn head_len(&self) -> usize {
        self.head_len
    }

    /// Returns the payload of the message at the start of `bytes` and the length of that message, if it has this shape.
    #[inline]
    pub(crate) fn payload<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let payload_end = self.head_len + self.payload_len;
        let len = payload_end + self.end.len();
        let message = bytes.get(..len)?;
        let (words, _) = message.as_chunks::<WORD>();
        let differences = self.head.iter().zip(words).fold(0, |differences, ((expected, mask), word)| {
            differences | (u64::from_ne_bytes(*word) ^ expected) & mask
        });
        let fits = differences == 0 && (self.end.is_empty() || &message[payload_end..] == self.end);
        fits.then(|| (&message[self.head_len..payload_end], len))
    }
}
