//! The writing side of a connection, shared by everything that sends.

use crate::PublishOptions;
use crate::error::{Error, timeout_named};
use crate::protocol::{append, encode_publish};
use crate::send_queue::unacknowledged;
use corecast_wire::native::Frame;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Writes whole frames, one caller at a time.
pub(crate) struct Outbox {
    /// The limit that the server announced.
    max_frame: u32,
    next_token: AtomicU32,
    writer: Mutex<Writer>,
}

struct Writer {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The number of messages that were written whole.
    published: u64,
    /// True if a frame may be half sent. Nothing can follow it.
    broken: bool,
}

/// The capacity in bytes that the buffer keeps between two frames; a larger one is freed.
const KEPT_BUFFER: usize = 64 * 1024;

impl Outbox {
    pub(crate) fn new(stream: TcpStream, max_frame: u32) -> Self {
        let writer = Writer { stream, buffer: Vec::new(), published: 0, broken: false };
        Self { max_frame, next_token: AtomicU32::new(1), writer: Mutex::new(writer) }
    }

    pub(crate) fn max_frame(&self) -> u32 {
        self.max_frame
    }

    /// Returns the token of the next message that asks for an acknowledgement.
    pub(crate) fn next_token(&self) -> u32 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a frame. It is in the kernel's buffer when this returns.
    pub(crate) fn send(&self, frame: &Frame<'_>) -> Result<(), Error> {
        self.lock().send(0, |buffer| Ok(append(frame, self.max_frame, buffer)?))
    }

    /// Sends a message as [`send`](Self::send) does. Returns its token if it asks for an acknowledgement.
    pub(crate) fn publish(&self, message: (&str, &[u8]), options: PublishOptions) -> Result<Option<u32>, Error> {
        // The token is taken under the lock, so that tokens are sent in their order.
        self.lock()
            .send(1, |buffer| Ok(encode_publish(message, options, self.max_frame, || self.next_token(), buffer)?))
    }

    /// Sends frames that are encoded already; `messages` of them are PUBLISH.
    pub(crate) fn send_encoded(&self, frames: &[u8], messages: u64) -> Result<(), Error> {
        let mut writer = self.lock();
        writer.write(frames)?;
        writer.published += messages;
        Ok(())
    }

    /// Returns the number of messages that were written whole.
    pub(crate) fn published(&self) -> u64 {
        self.lock().published
    }

    /// Returns the number of bytes that the server's host has not confirmed. `None` while another thread writes.
    pub(crate) fn unsent_bytes(&self) -> Option<u32> {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(unacknowledged(&writer.stream))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        // If a panic occurred while the lock was held, it was in the encoder, before any byte of the frame was written.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn send<T>(&mut self, messages: u64, encode: impl FnOnce(&mut Vec<u8>) -> Result<T, Error>) -> Result<T, Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let sent = encode(&mut buffer).and_then(|encoded| self.write(&buffer).map(|()| encoded));
        self.published += if sent.is_ok() { messages } else { 0 };
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
            // The reading side stays open, because the server may have sent a reason. It does not matter whether the
            // shutdown finds a connection.
            let _ = self.stream.shutdown(Shutdown::Write);
            Error::Io(timeout_named(error))
        })
    }
}
