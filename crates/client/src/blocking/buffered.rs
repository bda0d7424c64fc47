//! A publisher that puts many messages into one write.

use super::outbox::Outbox;
use crate::protocol::{Priority, Write, WriteBuffer, encode_publish};
use crate::{BufferOptions, Error, PublishOptions, WhenFull};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Publishes through a buffer. A separate thread writes the buffer by size, by time, or when [`flush`](Self::flush)
/// asks.
///
/// Any number of threads may share it by reference or in an [`Arc`]. Messages of one thread keep their order. Messages
/// that another publisher sends over the same connection may overtake those in the buffer.
///
/// The next call reports the error of a failed write. Dropping the publisher writes the buffer, for as long as the
/// server takes bytes, and reports no error: call [`flush`](Self::flush) first.
///
/// ```no_run
/// # use corecast_client::{BufferOptions, Client, Options};
/// let (publisher, subscriber) = Client::connect("127.0.0.1:7070", &Options::default())?.split();
/// let buffered = publisher.buffered(BufferOptions::default())?;
/// for number in 0..1000 {
///     buffered.publish("numbers", number.to_string().as_bytes())?;
/// }
/// buffered.flush()?;
/// publisher.close()?;
/// subscriber.wait_closed()?;
/// # Ok::<(), corecast_client::Error>(())
/// ```
pub struct BufferedPublisher {
    shared: Arc<Shared>,
    options: BufferOptions,
    /// The writing thread; `None` once it is joined.
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    outbox: Arc<Outbox>,
    buffer: Mutex<WriteBuffer>,
    /// Signals that the writer has something to look at.
    work: Condvar,
    /// Signals that the writer has written something or has failed.
    progress: Condvar,
}

impl BufferedPublisher {
    pub(super) fn new(outbox: Arc<Outbox>, options: BufferOptions) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            outbox,
            buffer: Mutex::new(WriteBuffer::default()),
            work: Condvar::new(),
            progress: Condvar::new(),
        });
        let of_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("publisher".into()).spawn(move || of_writer.write_all())?;
        Ok(Self { shared, options, writer: Some(writer) })
    }

    /// Puts a message into the buffer and asks for no answer.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::BufferFull`] (with [`WhenFull::Fail`]): the message is not in the buffer.
    /// [`Error::Io`], [`Error::Disconnected`]: neither it nor the [`unwritten`](Self::unwritten) messages before it can
    /// be written any more.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).map(drop)
    }

    /// Puts a message into the buffer. Returns its token if it asks for an acknowledgement, as
    /// [`Publisher::publish_with`](crate::Publisher::publish_with) does.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    pub fn publish_with(&self, channel: &str, payload: &[u8], options: PublishOptions) -> Result<Option<u32>, Error> {
        let Shared { outbox, work, progress, .. } = &*self.shared;
        let mut frame = Vec::with_capacity(payload.len() + MOST_OVERHEAD);
        let mut buffer = self.shared.lock();
        let token =
            encode_publish((channel, payload), options, outbox.max_frame(), || outbox.next_token(), &mut frame)?;
        loop {
            buffer.check()?;
            if buffer.has_room(frame.len(), self.options.max_bytes) {
                break;
            }
            if self.options.when_full == WhenFull::Fail {
                let (buffered_bytes, limit) = (buffer.held_bytes(), self.options.max_bytes);
                return Err(Error::BufferFull { buffered_bytes, limit });
            }
            buffer.flush();
            work.notify_one();
            buffer = progress.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        buffer.append(&frame, 1, Priority::Buffered(&self.options), Instant::now());
        drop(buffer);
        work.notify_one();
        Ok(token)
    }

    /// Writes everything in the buffer. It is in the kernel's buffer when this returns.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: [`unwritten`](Self::unwritten) messages cannot be written any more.
    pub fn flush(&self) -> Result<(), Error> {
        let mut buffer = self.shared.lock();
        let mark = buffer.flush();
        self.shared.work.notify_one();
        while !buffer.is_written(mark) {
            buffer.check()?;
            buffer = self.shared.progress.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Returns the number of messages in the buffer. After an error, this is the number that were never written whole.
    pub fn unwritten(&self) -> u64 {
        self.shared.lock().unwritten()
    }
}

/// The most bytes that a PUBLISH has in addition to its payload, with the longest name of a channel.
const MOST_OVERHEAD: usize = 272;

impl Drop for BufferedPublisher {
    fn drop(&mut self) {
        self.shared.lock().end();
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer has been printed; there is no caller to report it to.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, WriteBuffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until nothing more will come.
    fn write_all(&self) {
        let mut buffer = self.lock();
        loop {
            let now = Instant::now();
            match buffer.next_write(now) {
                Write::Bytes { bytes, messages } => {
                    drop(buffer);
                    let result = self.outbox.send_encoded(&bytes, messages);
                    buffer = self.lock();
                    buffer.written(bytes, result);
                    self.progress.notify_all();
                }
                Write::WaitUntil(due) => {
                    let wait = self.work.wait_timeout(buffer, due.saturating_duration_since(now));
                    buffer = wait.unwrap_or_else(PoisonError::into_inner).0;
                }
                Write::Wait => buffer = self.work.wait(buffer).unwrap_or_else(PoisonError::into_inner),
                Write::End => return,
            }
        }
    }
}
