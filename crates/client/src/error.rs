//! What can go wrong, by what the caller should do.

use corecast_wire::{ChannelName, Code, DecodeError, InvalidChannel, native};
use std::io;
use std::time::Duration;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Mend the call: nothing was sent, and the connection can be used on.
    #[error(transparent)]
    InvalidArgument(#[from] InvalidArgument),

    /// Wait or try again: the server has not answered in time. The answer may still come, then as an
    /// [`Event`](crate::Event); the connection can be used on.
    #[error("no {awaited} in time")]
    TimedOut {
        /// What was waited for.
        awaited: &'static str,
    },

    /// Look at the figures, then decide: the server did not answer CLOSE, and for
    /// [`Options::answer_timeout`](crate::Options::answer_timeout) it acknowledged no message and took no bytes.
    /// The server may still accept messages that it has not acknowledged.
    #[error("no answer to CLOSE in time: {acknowledged} of {published} published messages were acknowledged")]
    Unanswered {
        /// Messages that were published over this connection.
        published: u64,
        /// Messages that the server acknowledged as accepted. Only messages that asked for an acknowledgement count.
        acknowledged: u64,
    },

    /// Take events, then wait again: more of them came while waiting for an answer than may be kept. The
    /// answer will come as an [`Event`](crate::Event); nothing is lost.
    #[error("{queued_bytes} bytes of events are waiting, over the limit of {limit}")]
    QueueFull {
        /// What is kept.
        queued_bytes: usize,
        /// [`Options::max_queued_bytes`](crate::Options::max_queued_bytes).
        limit: usize,
    },

    /// Wait or take less: what is kept for the server has reached its limit. Nothing was sent.
    #[error("{buffered_bytes} bytes are buffered, too close to the limit of {limit}")]
    BufferFull {
        /// Bytes kept, of what [`BufferOptions`](crate::BufferOptions) or [`ReconnectOptions`](crate::ReconnectOptions) limits.
        buffered_bytes: usize,
        /// [`BufferOptions::max_bytes`](crate::BufferOptions::max_bytes), or
        /// [`ReconnectOptions::max_unacknowledged_bytes`](crate::ReconnectOptions::max_unacknowledged_bytes).
        limit: usize,
    },

    /// Look at the code: the server ended the connection for a reason other than a mistake of this side.
    #[error("the server closed the connection: {}{}", reason(*.code, .text), return_time(*.reconnect_delay))]
    Closed {
        /// Of the CLOSE frame; [`Code::from_number`] names it.
        code: u16,
        /// In words.
        text: String,
        /// How long to wait before connecting again, if the server says so.
        reconnect_delay: Option<Duration>,
    },

    /// Do not try again: the server says that this side broke the protocol.
    #[error("the server rejected the connection: {}", reason(*.code, .text))]
    Rejected {
        /// Of the ERROR frame; [`Code::from_number`] names it.
        code: u16,
        /// In words.
        text: String,
    },

    /// Connect elsewhere: the listener that answered HELLO is not `native`.
    #[error("no native listener answers there: {0}")]
    NotNative(Violation),

    /// Raise [`Options::max_frame`](crate::Options::max_frame): the server sent a frame that this side does not accept.
    #[error("a frame of {length} bytes is over this client's own limit of {limit} (Options::max_frame)")]
    FrameTooLarge {
        /// The length field.
        length: u32,
        /// The largest length that this side accepts.
        limit: u32,
    },

    /// Do not try again: what came is not the protocol, or not a version of it that is spoken here.
    #[error("the server broke the protocol: {0}")]
    Violation(#[from] Violation),

    /// Connect again: the stream ended without a reason from the server.
    #[error("the connection ended without a reason from the server")]
    Disconnected,

    /// Connect again: the transport failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// How long the server asks to wait before connecting again.
    pub(crate) fn reconnect_delay(&self) -> Option<Duration> {
        match self {
            Self::Closed { reconnect_delay, .. } => *reconnect_delay,
            _ => None,
        }
    }

    /// Says whether the connection can be used no more.
    pub(crate) fn ends_connection(&self) -> bool {
        !matches!(
            self,
            Self::InvalidArgument(_) | Self::TimedOut { .. } | Self::QueueFull { .. } | Self::BufferFull { .. }
        )
    }

    /// Says whether a later connection may do better.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Disconnected | Self::Io(_) => true,
            // The same subscriptions would be one too many again.
            Self::Closed { code, .. } => ![Code::Normal, Code::TooManySubscriptions].map(Code::number).contains(code),
            _ => false,
        }
    }

    /// The same error once more.
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
            // An error of the operating system keeps its number, another one its words.
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
        }
    }
}

/// Why an argument cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidArgument {
    /// Not the name of a channel.
    #[error(transparent)]
    Channel(#[from] InvalidChannel),
    /// The frame would have a length field above what the server accepts.
    #[error("a frame of {length} bytes is over the server's limit of {limit}")]
    TooLarge {
        /// What the length field would say: the payload, the channel's name and the rest of the frame.
        length: usize,
        /// What the server announced in WELCOME.
        limit: u32,
    },
}

/// How the server broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Bytes that are no frame.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A frame that a server may not send, or not at this time.
    #[error("an unexpected {0}")]
    Unexpected(&'static str),
    /// The peer echoed the bytes sent to it.
    #[error("it sent HELLO back, as a plain listener does")]
    Echo,
    /// A version in WELCOME that was not offered.
    #[error("version {0} in WELCOME, offered {offered}", offered = native::VERSION)]
    Version(u16),
}

/// A code with its name, if it is known, and the text.
fn reason(code: u16, text: &str) -> String {
    let name = Code::from_number(code).map_or("unknown code", Code::name);
    // The text is the peer's: keep it on one line.
    format!("{code} {name} {text:?}")
}

/// When the server wants this side back, if it says so.
fn return_time(delay: Option<Duration>) -> String {
    delay.map_or_else(String::new, |delay| format!("; connect again after {} ms", delay.as_millis()))
}

/// The kernel reports a write timeout as "would block", which says nothing to a reader of logs.
pub(crate) fn timeout_named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the server takes no more bytes"),
        _ => error,
    }
}

pub(crate) fn channel(name: &str) -> Result<ChannelName<'_>, InvalidArgument> {
    Ok(ChannelName::new(name)?)
}
