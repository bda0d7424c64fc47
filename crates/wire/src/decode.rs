//! The interface that all decoders share.

use crate::{ChannelName, Code, InvalidChannel};

/// The decoder of a protocol. It looks at the start of a buffer and keeps nothing between calls.
///
/// Feed it through [`Reassembly`](crate::Reassembly), which keeps the tail of an incomplete frame.
pub trait Decode {
    /// A frame, borrowing from the buffer.
    type Frame<'a>;

    /// Decodes the frame at the start of `bytes`.
    ///
    /// # Errors
    /// The bytes are not a frame of this protocol, and further bytes cannot complete one.
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Step<Self::Frame<'a>>, DecodeError>;
}

/// The result of decoding the start of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<F> {
    /// Not a whole frame. There is no point in decoding again before the buffer holds `needed` bytes in all.
    Incomplete {
        /// The number of bytes from the start of the buffer; always more than it holds.
        needed: usize,
    },
    /// A whole frame.
    Frame {
        /// The frame.
        frame: F,
        /// The number of bytes that the frame occupied.
        consumed: usize,
    },
}

/// The reason why bytes are not a frame. Each of them ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The length field is over [`FrameLimits::max_frame`](crate::FrameLimits::max_frame).
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// The value of the length field.
        length: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// The checksum does not match.
    #[error("checksum {announced:08x} announced, {computed:08x} computed")]
    BadChecksum {
        /// The checksum that the frame announces.
        announced: u32,
        /// The checksum computed over its bytes.
        computed: u32,
    },
    /// No frame has this kind.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// The body does not have the form that its kind requires.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
    /// A channel name is invalid.
    #[error(transparent)]
    Channel(#[from] InvalidChannel),
}

impl DecodeError {
    /// Returns the code that is sent to the peer.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::FrameTooLarge,
            Self::BadChecksum { .. } => Code::BadChecksum,
            Self::UnknownKind(_) => Code::UnknownKind,
            Self::Malformed(_) => Code::Malformed,
            Self::Channel(_) => Code::InvalidChannel,
        }
    }
}

/// A cursor over a frame's body.
pub(crate) struct Body<'a>(pub(crate) &'a [u8]);

impl<'a> Body<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Malformed("the body is too short"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("take gave N bytes"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Takes a channel name that follows its length byte.
    pub(crate) fn channel(&mut self) -> Result<ChannelName<'a>, DecodeError> {
        let len = usize::from(self.u8()?);
        Ok(ChannelName::from_bytes(self.take(len)?)?)
    }

    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Malformed("bytes follow the end of the body")) }
    }
}

/// Returns the length field at the start of `bytes`, or none if it is not complete. Fails if the length is over the
/// limit.
pub(crate) fn length(bytes: &[u8], limit: u32) -> Result<Option<usize>, DecodeError> {
    let Some(field) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*field);
    if length > limit {
        return Err(DecodeError::TooLarge { length, limit });
    }
    Ok(Some(length as usize))
}
