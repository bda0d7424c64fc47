//! What a caller may choose.

use std::time::Duration;

/// The limits and timeouts of a client.
///
/// ```
/// use corecast_client::Options;
/// use std::time::Duration;
///
/// let patient = Options { answer_timeout: Duration::from_secs(30), ..Options::default() };
/// assert_eq!(patient.max_frame, Options::default().max_frame);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The longest wait for a TCP connection, over all addresses of a name. Default: 5 s. Reaching it is
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    pub connect_timeout: Duration,
    /// The longest wait for an answer of the server: WELCOME, SUBSCRIBED, UNSUBSCRIBED, PUBLISHED, PONG,
    /// the end of stream after CLOSE. Default: 5 s. It begins anew whenever the server shows that it works off what it was
    /// sent: by a PUBLISHED, or by taking bytes that had to wait. Reaching it is
    /// [`Error::TimedOut`](crate::Error::TimedOut), and the connection can be used on; behind CLOSE it is
    /// [`Error::Unanswered`](crate::Error::Unanswered).
    pub answer_timeout: Duration,
    /// The longest time for which the server takes no further byte of a frame; not zero. Default: 5 s. Reaching it is
    /// [`Error::Io`](crate::Error::Io) and nothing more can be written, since a frame may be half sent.
    pub write_timeout: Duration,
    /// The greatest length field accepted from the server, in bytes. Default: 16 MiB, sixteen times what a
    /// server takes by default, so that raising the server's limit seldom needs a change here. A longer
    /// frame is [`Error::FrameTooLarge`](crate::Error::FrameTooLarge) and ends the connection.
    pub max_frame: u32,
    /// The most bytes of events kept while a call waits for an answer, each counted with 64 bytes on top.
    /// Default: 64 MiB. It is looked at before each read, so what is kept may exceed it by one read and one
    /// frame. Reaching it is [`Error::QueueFull`](crate::Error::QueueFull).
    pub max_queued_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(5),
            max_frame: 16 * 1024 * 1024,
            max_queued_bytes: 64 * 1024 * 1024,
        }
    }
}

/// How one message is published; all off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Do not send the message to this connection's own subscription.
    pub no_echo: bool,
    /// Ask for a PUBLISHED once the server has accepted the message.
    pub acknowledge: bool,
}
