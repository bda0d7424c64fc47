//! The half of a connection that publishes.

use super::outbox::Outbox;
use crate::{BufferOptions, BufferedPublisher, Error, PublishOptions};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason};
use std::sync::Arc;

/// Publishes over one connection. Clones share the connection, from any thread, and their frames do not mix.
///
/// Publishing is not buffered: each call is one write, and the frame is in the kernel's buffer when it returns.
/// [`buffered`](Self::buffered) returns a publisher that puts many messages into a write. Messages of one thread keep
/// their order. A call blocks while the server takes no bytes, for at most
/// [`Options::write_timeout`](crate::Options::write_timeout).
///
/// The [`Subscriber`](crate::Subscriber) is told why a connection has ended; here it is [`Error::Io`] or
/// [`Error::Disconnected`]. The program has to keep reading from the subscriber, because it answers the server's PINGs.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) outbox: Arc<Outbox>,
}

impl Publisher {
    /// Publishes a message and asks for no answer.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`]: nothing was sent. [`Error::Io`], [`Error::Disconnected`]: the message
    /// may not have reached the server, and nothing more can be published.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).map(drop)
    }

    /// Publishes a message. If an acknowledgement is asked for, returns the token that it will carry: the same as in
    /// [`Event::Published`](crate::Event::Published).
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    pub fn publish_with(&self, channel: &str, payload: &[u8], options: PublishOptions) -> Result<Option<u32>, Error> {
        self.outbox.publish((channel, payload), options)
    }

    /// Returns a publisher over the same connection that puts many messages into a write.
    ///
    /// # Errors
    /// [`Error::Io`]: the writing thread cannot be started.
    pub fn buffered(&self, options: BufferOptions) -> Result<BufferedPublisher, Error> {
        BufferedPublisher::new(Arc::clone(&self.outbox), options)
    }

    /// Returns the greatest length field that the server accepts, in bytes. It counts the payload, the channel's name
    /// and 7 bytes more, or 11 with an acknowledgement.
    pub fn max_frame(&self) -> u32 {
        self.outbox.max_frame()
    }

    /// Returns the number of messages that this publisher and its clones have written whole over this connection.
    pub fn published(&self) -> u64 {
        self.outbox.published()
    }

    /// Returns the number of published bytes that the kernel still holds. While it falls, the server takes bytes.
    /// `None` while another thread is writing.
    pub fn unsent_bytes(&self) -> Option<u32> {
        self.outbox.unsent_bytes()
    }

    /// Sends CLOSE and does not wait. The server reads everything that was published before. The
    /// [`Subscriber`](crate::Subscriber) then gets [`Event::Closed`](crate::Event::Closed), or waits for it with
    /// [`wait_closed`](crate::Subscriber::wait_closed).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: the connection had ended before.
    pub fn close(&self) -> Result<(), Error> {
        self.outbox.send(&Frame::Close(Reason::new(Code::Normal, "")))
    }
}
