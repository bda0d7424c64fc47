//! The writing side of a connection: a buffer, and the task that writes it.

use crate::error::{Error, timeout_named};
use crate::protocol::{Priority, Write, WriteBuffer, append};
use crate::{Options, WhenFull};
use ::tokio::net::tcp::OwnedWriteHalf;
use ::tokio::sync::Notify;
use ::tokio::time::{timeout, timeout_at};
use corecast_wire::native::Frame;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Frames for a task that writes them, whole and in order. Dropping the outbox lets the task write the rest and end.
pub(super) struct Outbox {
    shared: Arc<Shared>,
    max_unwritten_bytes: usize,
}

struct Shared {
    /// The limit that the server announced.
    max_frame: u32,
    next_token: AtomicU32,
    /// The number of messages that were written whole.
    published: AtomicU64,
    buffer: Mutex<WriteBuffer>,
    /// Signals that the writer has something to look at.
    work: Notify,
    /// Signals that the writer has written something or has failed.
    progress: Notify,
}

impl Outbox {
    /// Starts the task that writes to the stream.
    pub(super) fn new(stream: OwnedWriteHalf, max_frame: u32, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            max_frame,
            next_token: AtomicU32::new(1),
            published: AtomicU64::new(0),
            buffer: Mutex::new(WriteBuffer::default()),
            work: Notify::new(),
            progress: Notify::new(),
        });
        ::tokio::spawn(Arc::clone(&shared).write_all(stream, options.write_timeout));
        Self { shared, max_unwritten_bytes: options.max_unwritten_bytes }
    }

    pub(super) fn max_frame(&self) -> u32 {
        self.shared.max_frame
    }

    /// Returns the token of the next message that asks for an acknowledgement.
    pub(super) fn next_token(&self) -> u32 {
        self.shared.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the number of messages that were written whole.
    pub(super) fn published(&self) -> u64 {
        self.shared.published.load(Ordering::Relaxed)
    }

    /// Returns the number of messages that wait to be written, or never will be.
    pub(super) fn unwritten(&self) -> u64 {
        self.shared.lock().unwritten()
    }

    /// Returns the bytes of the frames that wait to be written.
    pub(super) fn held_bytes(&self) -> usize {
        self.shared.lock().held_bytes()
    }

    /// Appends a frame, to be written at once.
    pub(super) async fn send(&self, frame: &Frame<'_>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        append(frame, self.max_frame(), &mut bytes)?;
        self.send_encoded(&bytes, 0).await
    }

    /// Appends frames that are encoded already, to be written at once; `messages` of them are PUBLISH.
    pub(super) async fn send_encoded(&self, frames: &[u8], messages: u64) -> Result<(), Error> {
        self.append(frames, messages, Priority::AtOnce, (self.max_unwritten_bytes, WhenFull::Wait)).await
    }

    /// Appends frames as soon as there is room below the limit. A cancelled call has appended nothing.
    pub(super) async fn append(
        &self,
        frames: &[u8],
        messages: u64,
        priority: Priority<'_>,
        (limit, when_full): (usize, WhenFull),
    ) -> Result<(), Error> {
        loop {
            // The listener is registered before the buffer is checked, so that no later progress is missed.
            let progress = self.shared.progress.notified();
            if self.try_append(frames, messages, priority, (limit, when_full))? {
                return Ok(());
            }
            progress.await;
        }
    }

    fn try_append(
        &self,
        frames: &[u8],
        messages: u64,
        priority: Priority<'_>,
        (limit, when_full): (usize, WhenFull),
    ) -> Result<bool, Error> {
        let mut buffer = self.shared.lock();
        buffer.check()?;
        let fits = buffer.has_room(frames.len(), limit);
        if fits {
            buffer.append(frames, messages, priority, Instant::now());
        } else if when_full == WhenFull::Fail {
            return Err(Error::BufferFull { buffered_bytes: buffer.held_bytes(), limit });
        } else {
            buffer.flush();
        }
        self.shared.work.notify_one();
        Ok(fits)
    }

    /// Waits until everything that was appended before is in the kernel's buffer.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let mark = self.shared.lock().flush();
        self.shared.work.notify_one();
        loop {
            let progress = self.shared.progress.notified();
            if self.is_written(mark)? {
                return Ok(());
            }
            progress.await;
        }
    }

    fn is_written(&self, mark: u64) -> Result<bool, Error> {
        let mut buffer = self.shared.lock();
        if buffer.is_written(mark) {
            return Ok(true);
        }
        buffer.check()?;
        Ok(false)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.lock().end();
        self.shared.work.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, WriteBuffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nothing more will come. Then the sending half of the connection ends. The reading half stays open,
    /// because the server may have sent a reason.
    async fn write_all(self: Arc<Self>, stream: OwnedWriteHalf, write_timeout: Duration) {
        loop {
            let next = self.lock().next_write(Instant::now());
            match next {
                Write::Bytes { bytes, messages } => {
                    let result = write(&stream, &bytes, write_timeout).await;
                    if result.is_ok() {
                        self.published.fetch_add(messages, Ordering::Relaxed);
                    }
                    self.lock().written(bytes, result);
                    self.progress.notify_waiters();
                }
                // Whichever comes first, the next check of the buffer decides what to do.
                Write::WaitUntil(due) => drop(timeout_at(due.into(), self.work.notified()).await),
                Write::Wait => self.work.notified().await,
                Write::End => return,
            }
        }
    }
}

/// Writes everything, as long as the server takes at least one byte within each `write_timeout`.
pub(super) async fn write(stream: &OwnedWriteHalf, mut bytes: &[u8], write_timeout: Duration) -> Result<(), Error> {
    while !bytes.is_empty() {
        let Ok(writable) = timeout(write_timeout, stream.writable()).await else {
            return Err(timeout_named(io::Error::from(ErrorKind::WouldBlock)).into());
        };
        writable?;
        match stream.try_write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
