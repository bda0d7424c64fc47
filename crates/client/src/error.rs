//! Errors, grouped by what the caller should do.

use corecast_wire::{ChannelName, Code, DecodeError, InvalidChannel, native};
use std::io;
use std::time::Duration;

/// The reason why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Correct the call: nothing was sent, and the connection can still be used.
    #[error(transparent)]
    InvalidArgument(#[from] InvalidArgument),

    /// Wait or try again: the server has not answered in time. The answer may still come as an [`Event`](crate::Event),
    /// and the connection can still be used.
    #[error("no {awaited} in time")]
    TimedOut {
        /// The name of the missing answer.
        awaited: &'static str,
    },

    /// Look at the counts, then decide: the server did not answer CLOSE, and for
    /// [`Options::answer_timeout`](crate::Options::answer_timeout) it acknowledged no message and took no bytes. The
    /// server may still accept messages that it has not acknowledged.
    #[error("no answer to CLOSE in time: {acknowledged} of {published} published messages were acknowledged")]
    Unanswered {
        /// The number of messages that were published over this connection.
        published: u64,
        /// The number of messages that the server acknowledged as accepted. Only messages that asked for an
        /// acknowledgement count.
        acknowledged: u64,
    },

    /// Take events, then wait again: more events came while waiting for an answer than may be kept. The answer will
    /// come as an [`Event`](crate::Event); nothing is lost.
    #[error("{queued_bytes} bytes of events are waiting, over the limit of {limit}")]
    QueueFull {
        /// The bytes of the kept events.
        queued_bytes: usize,
        /// The value of [`Options::max_queued_bytes`](crate::Options::max_queued_bytes).
        limit: usize,
    },

    /// Wait or publish less: the bytes kept for the server have reached their limit. Nothing was sent.
    #[error("{buffered_bytes} bytes are buffered, too close to the limit of {limit}")]
    BufferFull {
        /// The bytes kept that [`BufferOptions`](crate::BufferOptions) or [`ReconnectOptions`](crate::ReconnectOptions)
        /// limits.
        buffered_bytes: usize,
        /// The value of [`BufferOptions::max_bytes`](crate::BufferOptions::max_bytes) or
        /// [`ReconnectOptions::max_unacknowledged_bytes`](crate::ReconnectOptions::max_unacknowledged_bytes).
        limit: usize,
    },

    /// Look at the code: the server ended the connection for a reason other than a mistake of this side.
    #[error("the server closed the connection: {}{}", reason(*.code, .text), return_time(*.reconnect_delay))]
    Closed {
        /// The code of the CLOSE frame; [`Code::from_number`] names it.
        code: u16,
        /// An explanation in words.
        text: String,
        /// The delay before reconnecting, if the server suggests one.
        reconnect_delay: Option<Duration>,
    },

    /// Do not try again: the server says that this side broke the protocol.
    #[error("the server rejected the connection: {}", reason(*.code, .text))]
    Rejected {
        /// The code of the ERROR frame; [`Code::from_number`] names it.
        code: u16,
        /// An explanation in words.
        text: String,
    },

    /// Connect elsewhere: the listener that answered HELLO is not `native`.
    #[error("no native listener answers there: {0}")]
    NotNative(Violation),

    /// Raise [`Options::max_frame`](crate::Options::max_frame): the server sent a frame that this side does not accept.
    #[error("a frame of {length} bytes is over this client's own limit of {limit} (Options::max_frame)")]
    FrameTooLarge {
        /// The value of the length field.
        length: u32,
        /// The largest length that this side accepts.
        limit: u32,
    },

    /// Do not try again: the received bytes are not the protocol, or not a version of it that this client speaks.
    #[error("the server broke the protocol: {0}")]
    Violation(#[from] Violation),

    /// Reconnect: the stream ended without a reason from the server.
    #[error("the connection ended without a reason from the server")]
    Disconnected,

    /// Reconnect: the transport failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Returns the delay that the server suggests before reconnecting.
    pub(crate) fn reconnect_delay(&self) -> Option<Duration> {
        match self {
            Self::Closed { reconnect_delay, .. } => *reconnect_delay,
            _ => None,
        }
    }

    /// Returns true if the connection can no longer be used.
    pub(crate) fn ends_connection(&self) -> bool {
        !matches!(
            self,
            Self::InvalidArgument(_) | Self::TimedOut { .. } | Self::QueueFull { .. } | Self::BufferFull { .. }
        )
    }

    /// Returns true if a later connection may succeed.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Disconnected | Self::Io(_) => true,
            // The same subscriptions would be too many again.
            Self::Closed { code, .. } => ![Code::Normal, Code::TooManySubscriptions].map(Code::number).contains(code),
            _ => false,
        }
    }

    /// Returns a copy of the error.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::InvalidArgument(invalid) => Self::InvalidArgument(invalid.clone()),
            Self::TimedOut { awaited } => Self::TimedOut { awaited },
            Self::Unanswered { published, acknowledged } => {
                Self::Unanswered { published: *published, acknowledged: *acknowledged }
            }
            Self::QueueFull { queued_bytes, limit } => Self::QueueFull { queued_bytes: *queued_bytes, limit: *limit },
            Self::BufferFull { buffered_bytes, limit } => {
                Self::BufferFull { buffered_bytes: *buffered_bytes, limit: *limit }
            }
            Self::Closed { code, text, reconnect_delay } => {
                Self::Closed { code: *code, text: text.clone(), reconnect_delay: *reconnect_delay }
            }
            Self::Rejected { code, text } => Self::Rejected { code: *code, text: text.clone() },
            Self::NotNative(violation) => Self::NotNative(violation.clone()),
            Self::FrameTooLarge { length, limit } => Self::FrameTooLarge { length: *length, limit: *limit },
            Self::Violation(violation) => Self::Violation(violation.clone()),
            Self::Disconnected => Self::Disconnected,
            // An operating system error keeps its number, any other its text.
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
        }
    }
}

/// The reason why an argument cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgument {
    /// It is not the name of a channel.
    #[error(transparent)]
    Channel(#[from] InvalidChannel),
    /// The frame's length field would be above the server's limit.
    #[error("a frame of {length} bytes is over the server's limit of {limit}")]
    TooLarge {
        /// The value that the length field would have. It counts the payload, the channel's name and the rest of the
        /// frame.
        length: usize,
        /// The limit that the server announced in WELCOME.
        limit: u32,
    },
}

/// The way in which the server broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The server sent bytes that are not a frame.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The server sent a frame that it may not send, or not at this time.
    #[error("an unexpected {0}")]
    Unexpected(&'static str),
    /// The peer echoed the bytes sent to it.
    #[error("it sent HELLO back, as a plain listener does")]
    Echo,
    /// The version in WELCOME was not offered.
    #[error("version {0} in WELCOME, offered {offered}", offered = native::VERSION)]
    Version(u16),
}

/// Formats a code with its name, if it is known, and the text.
fn reason(code: u16, text: &str) -> String {
    let name = Code::from_number(code).map_or("unknown code", Code::name);
    // The text comes from the peer, so keep it on one line.
    format!("{code} {name} {text:?}")
}

/// Formats the delay that the server suggests, if it suggests one.
fn return_time(delay: Option<Duration>) -> String {
    delay.map_or_else(String::new, |delay| format!("; connect again after {} ms", delay.as_millis()))
}

/// Names a write timeout. The kernel reports it as "would block", which tells a reader of logs nothing.
pub(crate) fn timeout_named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the server takes no more bytes"),
        _ => error,
    }
}

pub(crate) fn channel(name: &str) -> Result<ChannelName<'_>, InvalidArgument> {
    Ok(ChannelName::new(name)?)
}
