//! The limits on what a peer may send.

/// Limits on the frames that a decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The greatest value of a frame's length field, in bytes. It counts the bytes that follow the field. A greater
    /// value is [`DecodeError::TooLarge`](crate::DecodeError::TooLarge).
    pub max_frame: u32,
}

impl FrameLimits {
    /// The default for `native`: 1 MiB.
    pub const NATIVE: Self = Self { max_frame: 1024 * 1024 };
    /// The default for `plain`: 64 KiB, as in the classic chat examples.
    pub const PLAIN: Self = Self { max_frame: 64 * 1024 };
}
