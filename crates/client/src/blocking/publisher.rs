//! The half that publishes.

use super::outbox::Outbox;
use crate::{BufferOptions, BufferedPublisher, Error, PublishOptions};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason};
use std::sync::Arc;

/// Publishes over one connection; clones share it, from any thread, and frames do not mix.
///
/// Unbuffered: each call is one write, and the frame is in the kernel's buffer when it returns;
/// [`buffered`](Self::buffered) gives a publisher that puts many messages into a write. Messages of one thread keep their order. A call blocks while the server takes no bytes, for at most
/// [`Options::write_timeout`](crate::Options::write_timeout).
///
/// Why a connection has ended is told to the [`Subscriber`](crate::Subscriber); here it is
/// [`Error::Io`] or [`Error::Disconnected`]. Somebody has to read that half: it answers the server's PINGs.
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

    /// Publishes a message; if an acknowledgement is asked for, returns the token that it will carry:
    /// the same as in [`Event::Published`](crate::Event::Published).
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_with(&self, channel: &str, payload: &[u8], options: PublishOptions) -> Result<Option<u32>, Error> {
        self.outbox.publish((channel, payload), options)
    }

    /// A publisher over the same connection that puts many messages into a write.
    ///
    /// # Errors
    /// [`Error::Io`]: the thread that writes cannot be started.
    pub fn buffered(&self, options: BufferOptions) -> Result<BufferedPublisher, Error> {
        BufferedPublisher::new(Arc::clone(&self.outbox), options)
    }

    /// The greatest length field that the server accepts, in bytes: the payload with the channel's name
    /// and 7 bytes more, 11 with an acknowledgement.
    pub fn max_frame(&self) -> u32 {
        self.outbox.max_frame()
    }

    /// How many messages this connection has published: written whole, by this publisher and its clones.
    pub fn published(&self) -> u64 {
        self.outbox.published()
    }

    /// Bytes that the kernel still holds of what was published: while they become fewer, the server takes more. None while
    /// another thread is writing.
    pub fn unsent_bytes(&self) -> Option<u32> {
        self.outbox.unsent_bytes()
    }

    /// Sends CLOSE and does not wait: the server reads all that was published before, and the
    /// [`Subscriber`](crate::Subscriber) gets [`Event::Closed`](crate::Event::Closed), or waits for it with
    /// [`wait_closed`](crate::Subscriber::wait_closed).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Disconnected`]: the connection has ended before.
    pub fn close(&self) -> Result<(), Error> {
        self.outbox.send(&Frame::Close(Reason::new(Code::Normal, "")))
    }
}
