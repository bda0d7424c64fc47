//! Frames from a byte stream, however it was cut.

use crate::{Decode, DecodeError, Step};
use std::ops::ControlFlow;

/// Keeps the tail of an incomplete frame between two reads, and nothing else.
///
/// A connection between frames holds no buffer: the memory goes back with the last byte of the frame.
/// Memory grows with the bytes that came, never with the length that was announced.
#[derive(Debug, Default)]
pub struct Reassembly {
    tail: Vec<u8>,
}

impl Reassembly {
    /// Nothing kept.
    pub const fn new() -> Self {
        Self { tail: Vec::new() }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Hands every frame that `chunk` completes to `on_frame`, in order, and keeps the rest.
    ///
    /// `on_frame` may break: then the rest of the chunk is dropped, and so is the tail. Use that only to
    /// end a connection.
    ///
    /// # Errors
    /// The first bytes that are no frame. The frames before them were handed over; the stream has no
    /// meaning from there on.
    pub fn push<D: Decode>(
        &mut self,
        decoder: &D,
        mut chunk: &[u8],
        mut on_frame: impl FnMut(D::Frame<'_>) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        let mut tail = std::mem::take(&mut self.tail);
        while !tail.is_empty() {
            let needed = match decoder.decode(&tail)? {
                Step::Incomplete { needed } => needed,
                Step::Frame { frame, .. } => {
                    if on_frame(frame).is_break() {
                        return Ok(());
                    }
                    break;
                }
            };
            if chunk.is_empty() {
                self.tail = tail;
                return Ok(());
            }
            let (head, rest) = chunk.split_at((needed - tail.len()).min(chunk.len()));
            tail.extend_from_slice(head);
            chunk = rest;
        }
        loop {
            match decoder.decode(chunk)? {
                Step::Incomplete { .. } => {
                    self.tail.extend_from_slice(chunk);
                    return Ok(());
                }
                Step::Frame { frame, consumed } => {
                    if on_frame(frame).is_break() {
                        return Ok(());
                    }
                    chunk = &chunk[consumed..];
                }
            }
        }
    }
}
