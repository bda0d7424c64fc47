//! Encoded frames that wait to be written, and the time at which they are.

use crate::{BufferOptions, Error};
use std::time::Instant;

/// Frames in the order in which they were appended. The writer takes all of them at a time.
///
/// Invariant: after a failure nothing is taken or appended any more, because a frame may be half written.
#[derive(Default)]
pub(crate) struct WriteBuffer {
    bytes: Vec<u8>,
    /// The number of PUBLISH frames in `bytes`.
    messages: u64,
    /// The bytes and PUBLISH frames that the writer has taken and not reported yet.
    in_flight: (usize, u64),
    /// The time at which the writer must take the bytes; `None` if nothing asks for it.
    due: Option<Due>,
    /// The number of batches that the writer has taken so far.
    taken: u64,
    failure: Failure,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Now,
    At(Instant),
}

#[derive(Default)]
enum Failure {
    #[default]
    None,
    /// The error has not been reported yet.
    New(Error),
    Told,
}

/// The priority of an appended frame, which decides when it is written.
#[derive(Clone, Copy)]
pub(crate) enum Priority<'a> {
    /// As soon as the writer is idle, together with everything before it. The blocking client writes such frames
    /// itself.
    #[cfg(any(feature = "tokio", test))]
    AtOnce,
    /// According to the options.
    Buffered(&'a BufferOptions),
}

/// The next step of the writer.
pub(crate) enum Write {
    /// Write these bytes and report with [`WriteBuffer::written`].
    Bytes {
        /// Whole frames.
        bytes: Vec<u8>,
        /// The number of PUBLISH frames among them.
        messages: u64,
    },
    /// Wait until this time, or until the buffer has changed.
    WaitUntil(Instant),
    /// Wait until the buffer has changed.
    Wait,
    /// End, because nothing more will come.
    End,
}

/// The capacity in bytes that the buffer keeps between two batches; a larger one is freed.
const KEPT_BYTES: usize = 1024 * 1024;

impl WriteBuffer {
    /// Returns true if `len` more bytes fit below `limit`. A frame over the limit fits into an empty buffer.
    pub(crate) fn has_room(&self, len: usize, limit: usize) -> bool {
        let held = self.held_bytes();
        held == 0 || held.saturating_add(len) <= limit
    }

    /// Returns the number of bytes that were not written yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.len() + self.in_flight.0
    }

    /// Returns the number of messages that were not written yet, or never will be.
    pub(crate) fn unwritten(&self) -> u64 {
        self.messages + self.in_flight.1
    }

    /// Appends encoded frames; `messages` of them are PUBLISH.
    pub(crate) fn append(&mut self, frames: &[u8], messages: u64, priority: Priority<'_>, now: Instant) {
        self.bytes.extend_from_slice(frames);
        self.messages += messages;
        let due = match priority {
            #[cfg(any(feature = "tokio", test))]
            Priority::AtOnce => Some(Due::Now),
            Priority::Buffered(options) if self.bytes.len() >= options.flush_bytes => Some(Due::Now),
            // A delay that no clock reaches never ends, so only the size or a call flushes.
            Priority::Buffered(options) => now.checked_add(options.flush_delay).map(Due::At),
        };
        self.due = match (self.due, due) {
            (Some(earlier), Some(due)) => Some(earlier.min(due)),
            (earlier, due) => earlier.or(due),
        };
    }

    /// Asks for everything to be written. Returns a mark for [`is_written`](Self::is_written).
    pub(crate) fn flush(&mut self) -> u64 {
        if self.bytes.is_empty() {
            return self.taken;
        }
        self.due = Some(Due::Now);
        self.taken + 1
    }

    /// Returns true if everything up to the mark was written.
    pub(crate) fn is_written(&self, mark: u64) -> bool {
        self.taken > mark || (self.taken == mark && self.in_flight.0 == 0)
    }

    /// Returns the next step of the writer.
    pub(crate) fn next_write(&mut self, now: Instant) -> Write {
        if !matches!(self.failure, Failure::None) {
            return Write::End;
        }
        match self.due {
            _ if self.bytes.is_empty() => {
                if self.ended {
                    Write::End
                } else {
                    Write::Wait
                }
            }
            Some(Due::At(due)) if due > now && !self.ended => Write::WaitUntil(due),
            None if !self.ended => Write::Wait,
            _ => self.take(),
        }
    }

    fn take(&mut self) -> Write {
        self.due = None;
        self.taken += 1;
        let (bytes, messages) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.messages));
        self.in_flight = (bytes.len(), messages);
        Write::Bytes { bytes, messages }
    }

    /// Records the result of a write, and takes back the written buffer.
    pub(crate) fn written(&mut self, mut space: Vec<u8>, result: Result<(), Error>) {
        match result {
            Ok(()) => self.in_flight = (0, 0),
            Err(error) => self.failure = Failure::New(error),
        }
        if self.bytes.is_empty() && space.capacity() <= KEPT_BYTES {
            space.clear();
            self.bytes = space;
        }
    }

    /// Declares that no frame will be appended. The remaining ones are still written.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Checks that frames can be written.
    ///
    /// # Errors
    /// The reason why they cannot, the first time; [`Error::Disconnected`] from then on.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match std::mem::take(&mut self.failure) {
            Failure::None => return Ok(()),
            failure => self.failure = failure,
        }
        match std::mem::replace(&mut self.failure, Failure::Told) {
            Failure::New(error) => Err(error),
            Failure::None | Failure::Told => Err(Error::Disconnected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DELAY: Duration = Duration::from_millis(10);

    fn options() -> BufferOptions {
        BufferOptions::default().with_flush_bytes(10).with_flush_delay(DELAY)
    }

    fn taken(buffer: &mut WriteBuffer, now: Instant) -> Option<Vec<u8>> {
        match buffer.next_write(now) {
            Write::Bytes { bytes, .. } => Some(bytes),
            Write::WaitUntil(_) | Write::Wait | Write::End => None,
        }
    }

    #[test]
    fn size_flushes() {
        let (mut buffer, options, now) = (WriteBuffer::default(), options(), Instant::now());
        buffer.append(b"12345", 1, Priority::Buffered(&options), now);
        assert_eq!(taken(&mut buffer, now), None);
        buffer.append(b"67890", 1, Priority::Buffered(&options), now);
        assert_eq!(taken(&mut buffer, now).unwrap(), b"1234567890");
    }

    #[test]
    fn the_oldest_frame_says_when_time_flushes() {
        let (mut buffer, options, start) = (WriteBuffer::default(), options(), Instant::now());
        buffer.append(b"1", 1, Priority::Buffered(&options), start);
        buffer.append(b"2", 1, Priority::Buffered(&options), start + DELAY / 2);
        assert!(matches!(buffer.next_write(start), Write::WaitUntil(due) if due == start + DELAY));
        assert_eq!(taken(&mut buffer, start + DELAY).unwrap(), b"12");
        assert!(matches!(buffer.next_write(start + DELAY), Write::Wait));
    }

    #[test]
    fn a_call_flushes_and_knows_when_it_is_done() {
        let (mut buffer, options, now) = (WriteBuffer::default(), options(), Instant::now());
        let nothing = buffer.flush();
        assert!(buffer.is_written(nothing));
        buffer.append(b"1", 1, Priority::Buffered(&options), now);
        let mark = buffer.flush();
        assert!(!buffer.is_written(mark));
        let space = taken(&mut buffer, now).unwrap();
        assert!(!buffer.is_written(mark), "taken is not written");
        buffer.append(b"2", 1, Priority::Buffered(&options), now);
        let later = buffer.flush();
        buffer.written(space, Ok(()));
        assert!(buffer.is_written(mark) && !buffer.is_written(later));
    }

    #[test]
    fn a_frame_that_cannot_wait_takes_along_what_is_before_it() {
        let (mut buffer, options, now) = (WriteBuffer::default(), options(), Instant::now());
        buffer.append(b"1", 1, Priority::Buffered(&options), now);
        buffer.append(b"2", 0, Priority::AtOnce, now);
        assert_eq!(taken(&mut buffer, now).unwrap(), b"12");
    }

    #[test]
    fn what_is_being_written_counts_against_the_limit() {
        let (mut buffer, now) = (WriteBuffer::default(), Instant::now());
        assert!(buffer.has_room(100, 3), "a long frame fits into an empty buffer");
        buffer.append(b"12", 1, Priority::AtOnce, now);
        let space = taken(&mut buffer, now).unwrap();
        assert!(buffer.has_room(1, 3) && !buffer.has_room(2, 3));
        buffer.written(space, Ok(()));
        assert!(buffer.has_room(100, 3));
    }

    #[test]
    fn a_failure_is_told_once_and_counts_what_was_not_written() {
        let (mut buffer, now) = (WriteBuffer::default(), Instant::now());
        buffer.append(b"12", 2, Priority::AtOnce, now);
        let space = taken(&mut buffer, now).unwrap();
        buffer.append(b"3", 1, Priority::AtOnce, now);
        buffer.written(space, Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()));
        assert!(matches!(buffer.next_write(now), Write::End));
        assert!(matches!(buffer.check(), Err(Error::Io(_))));
        assert!(matches!(buffer.check(), Err(Error::Disconnected)));
        assert_eq!(buffer.unwritten(), 3);
    }

    #[test]
    fn the_end_flushes() {
        let (mut buffer, options, now) = (WriteBuffer::default(), options(), Instant::now());
        buffer.append(b"1", 1, Priority::Buffered(&options), now);
        buffer.end();
        let space = taken(&mut buffer, now).unwrap();
        buffer.written(space, Ok(()));
        assert!(matches!(buffer.next_write(now), Write::End));
    }
}
