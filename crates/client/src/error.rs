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

pub(crate) fn channel(name: &str) -> Result<ChannelName<'_>, InvalidArgument> {
    Ok(ChannelName::new(name)?)
}
