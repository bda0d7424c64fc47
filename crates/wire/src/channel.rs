//! The name of a channel.

use std::fmt;

/// A valid channel name: 1 to 255 bytes of UTF-8 without control characters.
///
/// Control characters are those of Unicode's general category `Cc` (U+0000 to U+001F and U+007F to
/// U+009F), so that a name can always be logged on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName<'a>(&'a str);

/// The reason why bytes are not a channel name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChannel {
    /// No bytes at all.
    #[error("a channel name is empty")]
    Empty,
    /// More than [`ChannelName::MAX_LEN`] bytes.
    #[error("a channel name of {0} bytes is over the limit of 255")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("a channel name is not UTF-8")]
    NotUtf8,
    /// A control character.
    #[error("a channel name holds a control character")]
    Control,
}

impl<'a> ChannelName<'a> {
    /// The longest name, in bytes: its length travels in one byte.
    pub const MAX_LEN: usize = 255;

    /// Checks a name.
    ///
    /// # Errors
    /// The first rule that the name breaks. The length is checked first.
    pub fn new(name: &'a str) -> Result<Self, InvalidChannel> {
        Self::check_len(name.len())?;
        if name.chars().any(char::is_control) {
            return Err(InvalidChannel::Control);
        }
        Ok(Self(name))
    }

    /// Checks the bytes of a name.
    ///
    /// # Errors
    /// The first rule that the bytes break. The length is checked first.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, InvalidChannel> {
        Self::check_len(bytes.len())?;
        Self::new(std::str::from_utf8(bytes).map_err(|_| InvalidChannel::NotUtf8)?)
    }

    fn check_len(len: usize) -> Result<(), InvalidChannel> {
        match len {
            0 => Err(InvalidChannel::Empty),
            1..=Self::MAX_LEN => Ok(()),
            _ => Err(InvalidChannel::TooLong(len)),
        }
    }

    /// Returns the name as a string.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns the length in the form that it has on the wire.
    pub(crate) fn len_byte(self) -> u8 {
        u8::try_from(self.0.len()).expect("checked on construction")
    }
}

impl fmt::Display for ChannelName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}
