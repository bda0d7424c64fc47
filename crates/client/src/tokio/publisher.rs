//! The half that publishes.

use super::outbox::Outbox;
use crate::protocol::{Priority, encode_publish};
use crate::{BufferOptions, Error, PublishOptions};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason};
use std::sync::Arc;

/// Publishes over one connection; clones share it, from any task, and frames do not mix.
///
/// Each message is written as soon as the writing task gets to it, with all that waits by then. Messages of one task keep
/// their order.
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

    /// Publishes a message; if an acknowledgement is asked for, returns the token of
    /// [`Event::Published`](crate::Event::Published).
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
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

    /// A publisher over the same connection that puts many messages into a write.
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

    /// The greatest length field that the server accepts, in bytes: the payload with the channel's name
    /// and 7 bytes more, 11 with an acknowledgement.
    pub fn max_frame(&self) -> u32 {
        self.outbox.max_frame()
    }

    /// How many messages this connection has published: written whole, by all its publishers.
    pub fn published(&self) -> u64 {
        self.outbox.published()
    }

    /// How many messages wait to be written. After an error, how many were never written whole.
    pub fn unwritten(&self) -> u64 {
        self.outbox.unwritten()
    }

    /// Sends CLOSE and does not wait for the server's; see
    /// [`Subscriber::wait_closed`](super::Subscriber::wait_closed).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: the connection has ended before.
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

/// Publishes with many messages a write: by size, by time, or when [`flush`](Self::flush) asks.
///
/// It shares the buffer of the connection. Whatever else is sent over the connection takes along what is in the buffer, so
/// all frames keep the order of the calls.
#[derive(Clone)]
pub struct BufferedPublisher {
    publisher: Publisher,
    options: BufferOptions,
}

impl BufferedPublisher {
    /// Puts a message into the buffer and asks for no answer.
    ///
    /// # Errors
    /// As [`Publisher::publish`], and [`Error::BufferFull`] with [`WhenFull::Fail`](crate::WhenFull::Fail): the message
    /// is not in the buffer.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).await.map(drop)
    }

    /// Puts a message into the buffer; returns its token if it asks for an acknowledgement.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
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
    /// As [`Publisher::flush`].
    pub async fn flush(&self) -> Result<(), Error> {
        self.publisher.flush().await
    }

    /// How many messages wait to be written. After an error, how many were never written whole.
    pub fn unwritten(&self) -> u64 {
        self.publisher.unwritten()
    }
}
