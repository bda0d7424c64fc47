//! The half of a connection that publishes.

use super::outbox::Outbox;
use crate::protocol::{Priority, encode_publish};
use crate::{BufferOptions, Error, PublishOptions};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason};
use std::sync::Arc;

/// Publishes over one connection. Clones share the connection, from any task, and their frames do not mix.
///
/// The writing task writes each message as soon as it can, together with all others that wait by then. Messages of one
/// task keep their order.
#[derive(Clone)]
pub struct Publisher {
    pub(super) outbox: Arc<Outbox>,
}

impl Publisher {
    /// Publishes a message and asks for no answer.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`]: nothing was sent. [`Error::Io`], [`Error::Disconnected`]: neither this message nor the
    /// [`unwritten`](Self::unwritten) ones before it can be written any more.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).await.map(drop)
    }

    /// Publishes a message. Returns the token of [`Event::Published`](crate::Event::Published) if an acknowledgement is
    /// asked for.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    pub async fn publish_with(
        &self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        let (frame, token) = self.encode(channel, payload, options)?;
        self.outbox.send_encoded(&frame, 1).await?;
        Ok(token)
    }

    /// Returns a publisher over the same connection that puts many messages into a write.
    pub fn buffered(&self, options: BufferOptions) -> BufferedPublisher {
        BufferedPublisher { publisher: self.clone(), options }
    }

    /// Waits until everything that was published is in the kernel's buffer.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: [`unwritten`](Self::unwritten) messages cannot be written any more.
    pub async fn flush(&self) -> Result<(), Error> {
        self.outbox.flush().await
    }

    /// Returns the greatest length field that the server accepts, in bytes. It counts the payload, the channel's name
    /// and 7 bytes more, or 11 with an acknowledgement.
    pub fn max_frame(&self) -> u32 {
        self.outbox.max_frame()
    }

    /// Returns the number of messages that all publishers of this connection have written whole.
    pub fn published(&self) -> u64 {
        self.outbox.published()
    }

    /// Returns the number of messages that wait to be written. After an error, this is the number that were never
    /// written whole.
    pub fn unwritten(&self) -> u64 {
        self.outbox.unwritten()
    }

    /// Sends CLOSE and does not wait for the server's; see
    /// [`Subscriber::wait_closed`](super::Subscriber::wait_closed).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: the connection had ended before.
    pub async fn close(&self) -> Result<(), Error> {
        self.outbox.send(&Frame::Close(Reason::new(Code::Normal, ""))).await
    }

    fn encode(&self, channel: &str, payload: &[u8], options: PublishOptions) -> Result<(Vec<u8>, Option<u32>), Error> {
        let mut frame = Vec::new();
        let token = || self.outbox.next_token();
        let token = encode_publish((channel, payload), options, self.max_frame(), token, &mut frame)?;
        Ok((frame, token))
    }
}

/// Publishes many messages in each write: by size, by time, or when [`flush`](Self::flush) asks.
///
/// It shares the buffer of the connection. Any other frame sent over the connection also flushes the buffer, so all
/// frames keep the order of the calls.
#[derive(Clone)]
pub struct BufferedPublisher {
    publisher: Publisher,
    options: BufferOptions,
}

impl BufferedPublisher {
    /// Puts a message into the buffer and asks for no answer.
    ///
    /// # Errors
    /// The same as those of [`Publisher::publish`], and [`Error::BufferFull`] with
    /// [`WhenFull::Fail`](crate::WhenFull::Fail): the message is not in the buffer.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).await.map(drop)
    }

    /// Puts a message into the buffer. Returns its token if it asks for an acknowledgement.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    pub async fn publish_with(
        &self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        let (frame, token) = self.publisher.encode(channel, payload, options)?;
        let full = (self.options.max_bytes, self.options.when_full);
        self.publisher.outbox.append(&frame, 1, Priority::Buffered(&self.options), full).await?;
        Ok(token)
    }

    /// Waits until everything that was published is in the kernel's buffer.
    ///
    /// # Errors
    /// The same as those of [`Publisher::flush`].
    pub async fn flush(&self) -> Result<(), Error> {
        self.publisher.flush().await
    }

    /// Returns the number of messages that wait to be written. After an error, this is the number that were never
    /// written whole.
    pub fn unwritten(&self) -> u64 {
        self.publisher.unwritten()
    }
}
