//! Reading of NATS: lines that end in CRLF, and counted bytes.

use super::dialect::{Decoded, Fault, fault};

/// A position in a buffer that may end before the item does.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The reason why reading stopped.
#[derive(Clone, Copy)]
pub(super) enum Stop {
    /// The buffer ends before the item.
    Incomplete,
    /// The bytes are not of the protocol.
    Fault(&'static str),
}

impl<'a> Cursor<'a> {
    /// The longest line. The INFO of a NATS server with a large cluster fits.
    const MAX_LINE: usize = 32 * 1024;

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the number of bytes read so far.
    pub(super) fn consumed(&self) -> usize {
        self.at
    }

    /// Reads the rest of the line, including its end.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let Some(len) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(if rest.len() > Self::MAX_LINE { Stop::Fault("a line without end") } else { Stop::Incomplete });
        };
        self.at += len + 1;
        rest[..len].strip_suffix(b"\r").ok_or(Stop::Fault("a line that does not end in CRLF"))
    }

    /// Reads `len` bytes and the CRLF after them.
    pub(super) fn counted(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(len).ok_or(Stop::Fault("a length beyond all memory"))?;
        let (Some(counted), Some(tail)) = (self.bytes.get(self.at..end), self.bytes.get(end..end + 2)) else {
            return Err(Stop::Incomplete);
        };
        if tail != b"\r\n" {
            return Err(Stop::Fault("counted bytes that do not end in CRLF"));
        }
        self.at = end + 2;
        Ok(counted)
    }
}

/// Parses a decimal number of at most 9 digits.
pub(super) fn number(digits: &[u8]) -> Result<usize, Stop> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Stop::Fault("not a number"));
    }
    Ok(digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0')))
}

/// Returns the decoder's result for the reason why it stopped.
pub(super) fn stopped<'a>(stop: Stop, bytes: &[u8]) -> Result<Decoded<'a>, Fault> {
    match stop {
        Stop::Incomplete => Ok(Decoded::Incomplete),
        Stop::Fault(reason) => Err(fault(&reason, bytes)),
    }
}
