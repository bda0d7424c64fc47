//! Frames from a byte stream, however the stream was split.

use crate::{Decode, DecodeError, Step};
use std::ops::ControlFlow;

/// Keeps the tail of an incomplete frame between two reads, and nothing else.
///
/// A connection between frames holds no buffer: the memory is freed with the last byte of the frame. Memory grows with
/// the bytes received, never with the announced length.
#[derive(Debug, Default)]
pub struct Reassembly {
    tail: Vec<u8>,
}

impl Reassembly {
    /// Creates a reassembly that holds no bytes.
    pub const fn new() -> Self {
        Self { tail: Vec::new() }
    }

    /// Returns true if a frame is incomplete.
    pub fn is_mid_frame(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Hands every frame that `chunk` completes to `on_frame`, in order, and keeps the rest.
    ///
    /// If `on_frame` breaks, the rest of the chunk and the tail are dropped. Break only to end a connection.
    ///
    /// # Errors
    /// The first bytes that are not a frame. The frames before them were handed over. The stream has no meaning from
    /// there on.
    pub fn push<D: Decode>(
        &mut self,
        decoder: &D,
        chunk: &[u8],
        on_frame: impl FnMut(D::Frame<'_>) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        self.push_admitted(decoder, chunk, |_| true, on_frame).map(drop)
    }

    /// Does what [`push`](Self::push) does, up to the first frame that `admit` refuses; `admit` is given the frame's
    /// length in bytes. Returns the number of bytes that were taken from the chunk: all of them, or those before the
    /// refused frame. Push the others again, because a refused frame is never kept here.
    ///
    /// # Errors
    /// The same as those of [`push`](Self::push).
    pub fn push_admitted<D: Decode>(
        &mut self,
        decoder: &D,
        chunk: &[u8],
        mut admit: impl FnMut(usize) -> bool,
        mut on_frame: impl FnMut(D::Frame<'_>) -> ControlFlow<()>,
    ) -> Result<usize, DecodeError> {
        let mut tail = std::mem::take(&mut self.tail);
        let (mut rest, kept) = (chunk, tail.len());
        while !tail.is_empty() {
            let needed = match decoder.decode(&tail)? {
                Step::Incomplete { needed } => Some(needed),
                Step::Frame { consumed, .. } if !admit(consumed) => None,
                Step::Frame { frame, .. } => {
                    if on_frame(frame).is_break() {
                        return Ok(chunk.len());
                    }
                    break;
                }
            };
            let Some(needed) = needed else {
                tail.truncate(kept);
                self.tail = tail;
                return Ok(0);
            };
            if rest.is_empty() {
                self.tail = tail;
                return Ok(chunk.len());
            }
            let (head, behind) = rest.split_at((needed - tail.len()).min(rest.len()));
            tail.extend_from_slice(head);
            rest = behind;
        }
        loop {
            match decoder.decode(rest)? {
                Step::Incomplete { .. } => {
                    self.tail.extend_from_slice(rest);
                    return Ok(chunk.len());
                }
                Step::Frame { consumed, .. } if !admit(consumed) => return Ok(chunk.len() - rest.len()),
                Step::Frame { frame, consumed } => {
                    if on_frame(frame).is_break() {
                        return Ok(chunk.len());
                    }
                    rest = &rest[consumed..];
                }
            }
        }
    }
}
