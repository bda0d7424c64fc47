//! What a server sends.

use corecast_wire::native::{Frame, Reason};
use std::time::Duration;

/// Something that came from the server.
///
/// An answer is an event only when no call waits for it: after [`Client::split`](crate::Client::split)
/// for what the publisher asked, or when the call that asked gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message {
        /// The channel that it was published to.
        channel: String,
        /// What was published; may be empty.
        payload: Vec<u8>,
    },
    /// Messages of a channel that this subscriber lost, in the place where they are missing.
    Gap {
        /// The channel.
        channel: String,
        /// How many; at least one.
        count: u64,
    },
    /// The server closed the connection; the last event.
    Closed {
        /// Why; [`Code::from_number`](corecast_wire::Code::from_number) names it.
        code: u16,
        /// In words.
        text: String,
        /// How long to wait before connecting again, if the server says so.
        reconnect_delay: Option<Duration>,
    },
    /// The answer to a PUBLISH that asked for one.
    Published {
        /// The token that [`Publisher::publish_with`](crate::Publisher::publish_with) returned.
        token: u32,
    },
    /// The late answer to a subscribe.
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
}

impl Event {
    /// What each event counts against [`Options::max_queued_bytes`](crate::Options::max_queued_bytes)
    /// beside its bytes, so that empty messages are bounded too.
    const OVERHEAD: usize = 64;

    /// The bytes that it counts for in the queue.
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
            }
    }
}

/// A frame as a client looks at it.
pub(crate) enum Incoming<'a> {
    Event(Event),
    Welcome {
        version: u16,
        max_frame: u32,
    },
    Ping(&'a [u8]),
    Error(Reason<'a>),
    /// A kind that only clients send.
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
