//! The events that a server causes.

use corecast_wire::native::{Frame, Reason};
use std::time::Duration;

/// Something that came from the server.
///
/// An answer is an event only if no call waits for it: after [`Client::split`](crate::Client::split) for requests of
/// the publisher, or if the call that made the request stopped waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message {
        /// The channel that it was published to.
        channel: String,
        /// The published bytes; may be empty.
        payload: Vec<u8>,
    },
    /// Messages of a channel that this subscriber lost, at the position where they are missing.
    Gap {
        /// The channel.
        channel: String,
        /// The number of lost messages; at least one.
        count: u64,
    },
    /// The server closed the connection; the last event of a connection.
    Closed {
        /// The code; [`Code::from_number`](corecast_wire::Code::from_number) names it.
        code: u16,
        /// An explanation in words.
        text: String,
        /// The delay before reconnecting, if the server suggests one.
        reconnect_delay: Option<Duration>,
    },
    /// The answer to a PUBLISH that asked for one.
    Published {
        /// The token that [`Publisher::publish_with`](crate::Publisher::publish_with) returned.
        token: u32,
    },
    /// The late answer to a subscribe, or the answer to a subscription that was restored.
    Subscribed {
        /// The channel.
        channel: String,
    },
    /// The late answer to an unsubscribe.
    Unsubscribed {
        /// The channel.
        channel: String,
    },
    /// The late answer to a ping.
    Pong {
        /// The body of the PING.
        body: Vec<u8>,
    },
    /// The connection of a client that reconnects has ended. If the last attempt fails, this event comes once more,
    /// without `retry_after`.
    ConnectionLost {
        /// An explanation in words.
        reason: String,
        /// The time until the next attempt; `None` if there will be no further attempt. Then the next call returns the
        /// error.
        retry_after: Option<Duration>,
        /// Tokens of messages that asked for an acknowledgement and are not sent again. The server may or may not have
        /// accepted each of them.
        unacknowledged: Vec<u32>,
        /// The number of messages, of any kind, that were buffered and never written whole.
        unwritten: u64,
    },
    /// A client that reconnects is connected again. Messages of its subscriptions may have been missed; their number is
    /// unknown.
    ///
    /// All subscriptions were requested, in the order in which the program subscribed. [`Event::Subscribed`] follows
    /// for each: from there on, no message of the channel is missed.
    Reconnected {
        /// The number of attempts since the last connection that lasted.
        attempts: u32,
        /// The number of unacknowledged messages that were sent again. Subscribers may see them twice.
        resent: u64,
        /// Tokens of unacknowledged messages that were not sent again, because this server does not accept frames of
        /// their length.
        too_large: Vec<u32>,
    },
}

impl Event {
    /// The bytes that each event counts against [`Options::max_queued_bytes`](crate::Options::max_queued_bytes) in
    /// addition to its own, so that empty messages are bounded too.
    const OVERHEAD: usize = 64;

    /// Returns the bytes that the event counts for in the queue.
    pub(crate) fn weight(&self) -> usize {
        Self::OVERHEAD
            + match self {
                Self::Message { channel, payload } => channel.len() + payload.len(),
                Self::Gap { channel, .. } | Self::Subscribed { channel } | Self::Unsubscribed { channel } => {
                    channel.len()
                }
                Self::Closed { text, .. } => text.len(),
                Self::Published { .. } => 0,
                Self::Pong { body } => body.len(),
                Self::ConnectionLost { reason, unacknowledged, .. } => {
                    reason.len() + std::mem::size_of_val(&unacknowledged[..])
                }
                Self::Reconnected { too_large, .. } => std::mem::size_of_val(&too_large[..]),
            }
    }
}

/// A received frame, sorted by how a client handles it.
pub(crate) enum Incoming<'a> {
    Event(Event),
    Welcome {
        version: u16,
        max_frame: u32,
    },
    Ping(&'a [u8]),
    Error(Reason<'a>),
    /// A frame of a kind that only clients send.
    ClientOnly(&'static str),
}

impl<'a> From<Frame<'a>> for Incoming<'a> {
    fn from(frame: Frame<'a>) -> Self {
        Self::Event(match frame {
            Frame::Message { channel, payload } => {
                Event::Message { channel: channel.to_string(), payload: payload.to_vec() }
            }
            Frame::Gap { count, channel } => Event::Gap { channel: channel.to_string(), count },
            Frame::Close(reason) => {
                let (words, reconnect_delay) = reason.words_and_reconnect_delay();
                Event::Closed { code: reason.code, text: words.to_owned(), reconnect_delay }
            }
            Frame::Published { token } => Event::Published { token },
            Frame::Subscribed(channel) => Event::Subscribed { channel: channel.to_string() },
            Frame::Unsubscribed(channel) => Event::Unsubscribed { channel: channel.to_string() },
            Frame::Pong(body) => Event::Pong { body: body.to_vec() },
            Frame::Welcome { version, max_frame } => return Self::Welcome { version, max_frame },
            Frame::Ping(body) => return Self::Ping(body),
            Frame::Error(reason) => return Self::Error(reason),
            Frame::Hello { .. } => return Self::ClientOnly("HELLO"),
            Frame::Subscribe(_) => return Self::ClientOnly("SUBSCRIBE"),
            Frame::Unsubscribe(_) => return Self::ClientOnly("UNSUBSCRIBE"),
            Frame::Publish(_) => return Self::ClientOnly("PUBLISH"),
        })
    }
}
