//! The `plain` protocol: a big-endian `u32` length, then that many bytes of payload.
//!
//! This is the protocol of the classic muduo and Boost.Asio chat examples. Every frame goes to every connection of the
//! listener, the sender included. The protocol can express nothing else, so errors and gaps have no frame.

use crate::decode::length;
use crate::{Decode, DecodeError, FrameLimits, Step};

/// The number of bytes before the payload.
pub const HEADER_LEN: usize = 4;

/// The decoder of `plain`. A frame is its payload, which may be empty.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    /// The limits on accepted frames.
    pub limits: FrameLimits,
}

impl Decode for Decoder {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Step<&'a [u8]>, DecodeError> {
        let Some(length) = length(bytes, self.limits.max_frame)? else {
            return Ok(Step::Incomplete { needed: HEADER_LEN });
        };
        let consumed = HEADER_LEN + length;
        match bytes.get(HEADER_LEN..consumed) {
            Some(frame) => Ok(Step::Frame { frame, consumed }),
            None => Ok(Step::Incomplete { needed: consumed }),
        }
    }
}

/// Appends a frame.
///
/// # Panics
/// If the payload has 4 GiB or more. The limits of every listener are far below that.
pub fn encode(payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).expect("a payload below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
}
