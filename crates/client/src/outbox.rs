//! The writing side of a connection, shared by everything that sends.

use crate::error::{Error, InvalidArgument};
use crate::send_queue::unacknowledged;
use corecast_wire::native::{self, Frame};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Writes whole frames, one caller at a time.
pub(crate) struct Outbox {
    /// What the server announced.
    max_frame: u32,
    writer: Mutex<Writer>,
}

struct Writer {
    stream: TcpStream,
    buffer: Vec<u8>,
    next_token: u32,
    /// Messages that were written whole.
    published: u64,
    /// A frame may be half sent: nothing can follow it.
    broken: bool,
}

/// What the buffer keeps between two frames, in bytes; a longer one is given back.
const KEPT_BUFFER: usize = 64 * 1024;
/// Of a frame, what its length field does not count.
const LENGTH_LEN: usize = 4;

impl Outbox {
    pub(crate) fn new(stream: TcpStream, max_frame: u32) -> Self {
        let writer = Writer { stream, buffer: Vec::new(), next_token: 1, published: 0, broken: false };
        Self { max_frame, writer: Mutex::new(writer) }
    }

    pub(crate) fn max_frame(&self) -> u32 {
        self.max_frame
    }

    /// Sends a frame; it is in the kernel's buffer when this returns.
    pub(crate) fn send(&self, frame: &Frame<'_>) -> Result<(), Error> {
        self.lock().send(frame, self.max_frame)
    }

    /// Sends a frame that is made with the next token.
    pub(crate) fn send_with_token<'a>(&self, frame: impl FnOnce(u32) -> Frame<'a>) -> Result<u32, Error> {
        let mut writer = self.lock();
        let token = writer.next_token;
        writer.send(&frame(token), self.max_frame)?;
        writer.next_token = token.wrapping_add(1);
        Ok(token)
    }

    /// How many messages were written whole.
    pub(crate) fn published(&self) -> u64 {
        self.lock().published
    }

    /// Bytes that the server's host has not confirmed. None while somebody writes.
    pub(crate) fn unsent_bytes(&self) -> Option<u32> {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(unacknowledged(&writer.stream))
    }

    /// Sends frames that are encoded already.
    pub(crate) fn send_encoded(&self, frames: &[u8]) -> Result<(), Error> {
        self.lock().write(frames)
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // A panic while the lock is held is one of the encoder's, before any byte of the frame is written.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn send(&mut self, frame: &Frame<'_>, max_frame: u32) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        native::encode(frame, &mut buffer);
        let length = buffer.len() - LENGTH_LEN;
        let sent = if length > max_frame as usize {
            Err(InvalidArgument::TooLarge { length, limit: max_frame }.into())
        } else {
            self.write(&buffer)
        };
        self.published += u64::from(sent.is_ok() && matches!(frame, Frame::Publish(_)));
        if buffer.capacity() <= KEPT_BUFFER {
            self.buffer = buffer;
        }
        sent
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Disconnected);
        }
        self.stream.write_all(bytes).map_err(|error| {
            self.broken = true;
            // The reading side stays open: the server may have said why. Whether the shutdown finds a
            // connection does not matter.
            let _ = self.stream.shutdown(Shutdown::Write);
            Error::Io(timeout_named(error))
        })
    }
}

/// The kernel reports a write timeout as "would block", which says nothing to a reader of logs.
fn timeout_named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the server takes no more bytes"),
        _ => error,
    }
}
