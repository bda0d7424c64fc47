//! The options that a caller may choose.

use std::time::Duration;

/// Generates `with_FIELD` methods, which set a field of an options struct and return it.
macro_rules! setters {
    ($options:ident { $($field:ident / $setter:ident: $type:ty,)* }) => {
        impl $options {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

/// The limits and timeouts of a client.
///
/// ```
/// use corecast_client::Options;
/// use std::time::Duration;
///
/// let patient = Options::default().with_answer_timeout(Duration::from_secs(30));
/// assert_eq!(patient.max_frame, Options::default().max_frame);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The longest wait for a TCP connection, over all addresses of a name. Default: 5 s. Reaching it is
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    pub connect_timeout: Duration,
    /// The longest wait for an answer of the server: WELCOME, SUBSCRIBED, UNSUBSCRIBED, PUBLISHED, PONG, or the end of
    /// the stream after CLOSE. Default: 5 s. It begins anew whenever the server shows progress: by a PUBLISHED, or by
    /// taking bytes that had to wait. Reaching it is [`Error::TimedOut`](crate::Error::TimedOut), and the connection
    /// can still be used; after CLOSE it is [`Error::Unanswered`](crate::Error::Unanswered).
    pub answer_timeout: Duration,
    /// The longest time for which the server takes no further byte of a frame; not zero. Default: 5 s. Reaching it is
    /// [`Error::Io`](crate::Error::Io), and nothing more can be written, because a frame may be half sent.
    pub write_timeout: Duration,
    /// The greatest length field accepted from the server, in bytes. Default: 16 MiB, sixteen times a server's default,
    /// so that raising the server's limit seldom needs a change here. A longer frame is
    /// [`Error::FrameTooLarge`](crate::Error::FrameTooLarge) and ends the connection.
    pub max_frame: u32,
    /// The most bytes of events kept while a call waits for an answer, with 64 bytes added for each event. Default: 64
    /// MiB. It is checked before each read, so the kept events may exceed it by one read and one frame. Reaching it is
    /// [`Error::QueueFull`](crate::Error::QueueFull).
    pub max_queued_bytes: usize,
    /// The most bytes of frames that wait to be written by the asynchronous variant; a single frame may be longer.
    /// Default: 1 MiB. Reaching it makes publishing wait.
    pub max_unwritten_bytes: usize,
}

setters!(Options {
    connect_timeout / with_connect_timeout: Duration,
    answer_timeout / with_answer_timeout: Duration,
    write_timeout / with_write_timeout: Duration,
    max_frame / with_max_frame: u32,
    max_queued_bytes / with_max_queued_bytes: usize,
    max_unwritten_bytes / with_max_unwritten_bytes: usize,
});

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(5),
            max_frame: 16 * 1024 * 1024,
            max_queued_bytes: 64 * 1024 * 1024,
            max_unwritten_bytes: 1024 * 1024,
        }
    }
}

/// The options for reconnecting, and for the messages kept meanwhile.
///
/// ```
/// use corecast_client::ReconnectOptions;
/// use std::time::Duration;
///
/// let options = ReconnectOptions::default().with_attempts(Some(10)).with_initial_delay(Duration::from_millis(50));
/// assert_eq!(options.max_delay, Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectOptions {
    /// The most attempts in a row without a connection that lasted for `max_delay`. Default: `None`, which is no limit.
    /// Reaching it ends the client: every further call fails with the error of the last attempt.
    pub attempts: Option<u32>,
    /// The longest delay before the first attempt. It doubles with each failed attempt. A random part of up to a half
    /// is subtracted from each delay. Default: 100 ms.
    pub initial_delay: Duration,
    /// The longest delay between two attempts. Default: 30 s.
    pub max_delay: Duration,
    /// The longest delay that a server may suggest; a longer one is reduced to it. Default: 5 min.
    pub max_suggested_delay: Duration,
    /// True to resend messages whose acknowledgement has not come. Default: false, because the server may have accepted
    /// them, and subscribers would see them twice.
    pub resend_unacknowledged: bool,
    /// The most bytes kept of messages that wait for their acknowledgement: 64 a message and, if they are to be sent
    /// again, their frames. Default: 16 MiB. Reaching it is [`Error::BufferFull`](crate::Error::BufferFull).
    pub max_unacknowledged_bytes: usize,
}

setters!(ReconnectOptions {
    attempts / with_attempts: Option<u32>,
    initial_delay / with_initial_delay: Duration,
    max_delay / with_max_delay: Duration,
    max_suggested_delay / with_max_suggested_delay: Duration,
    resend_unacknowledged / with_resend_unacknowledged: bool,
    max_unacknowledged_bytes / with_max_unacknowledged_bytes: usize,
});

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self {
            attempts: None,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(30),
            max_suggested_delay: Duration::from_mins(5),
            resend_unacknowledged: false,
            max_unacknowledged_bytes: 16 * 1024 * 1024,
        }
    }
}

/// The size of a buffer of published messages, and the conditions on which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferOptions {
    /// The buffer is written as soon as it holds this number of bytes. Default: 16 KiB.
    pub flush_bytes: usize,
    /// The buffer is written when its oldest message has waited for this long. Default: 1 ms.
    pub flush_delay: Duration,
    /// The most bytes of frames that are held, including those being written; a single frame may be longer. Default: 1
    /// MiB. Reaching it has the effect of `when_full`.
    pub max_bytes: usize,
    /// The effect of a full buffer. Default: [`WhenFull::Wait`].
    pub when_full: WhenFull,
}

/// The effect of publishing into a full buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Publishing waits for room. A server that takes no byte for [`Options::write_timeout`] ends the wait with an
    /// error.
    Wait,
    /// Publishing fails with [`Error::BufferFull`](crate::Error::BufferFull).
    Fail,
}

setters!(BufferOptions {
    flush_bytes / with_flush_bytes: usize,
    flush_delay / with_flush_delay: Duration,
    max_bytes / with_max_bytes: usize,
    when_full / with_when_full: WhenFull,
});

impl Default for BufferOptions {
    fn default() -> Self {
        Self {
            flush_bytes: 16 * 1024,
            flush_delay: Duration::from_millis(1),
            max_bytes: 1024 * 1024,
            when_full: WhenFull::Wait,
        }
    }
}

/// The options for publishing one message; all are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// True if this connection's own subscription must not receive the message.
    pub no_echo: bool,
    /// True to ask for a PUBLISHED once the server has accepted the message.
    pub acknowledge: bool,
}
