//! The `native` protocol: checksummed frames with channels, acknowledgements, gaps and close codes.
//!
//! ```text
//! 0        4        8    9     10
//! | length | CRC-32 |kind|flags| body …
//! ```
//! `length` (`u32` big-endian) counts what follows it; the CRC-32 (IEEE 802.3, as in zlib) covers kind,
//! flags and body. All numbers are big-endian. `docs/PROTOCOL.md` specifies the exchange.

use crate::decode::{Body, length};
use crate::{ChannelName, Decode, DecodeError, FrameLimits, Step};
use std::time::Duration;

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;
/// The number of bytes before the body.
pub const HEADER_LEN: usize = 10;
/// The longest body of PING and PONG, in bytes.
pub const MAX_PING: usize = 125;
/// The longest reason of CLOSE and ERROR, in bytes.
pub const MAX_REASON: usize = 255;
/// The bytes of a frame that the length field does not count.
const LENGTH_LEN: usize = 4;
/// The offset at which the bytes covered by the checksum begin.
const CHECKED_FROM: usize = 8;
/// The least value of the length field: checksum, kind and flags.
const MIN_LENGTH: usize = HEADER_LEN - LENGTH_LEN;

const FLAG_ACK: u8 = 0b01;
const FLAG_NO_ECHO: u8 = 0b10;
const FLAG_SKIP: u8 = 0b01;
const FLAG_DISCONNECT: u8 = 0b10;

/// One frame, borrowing from the buffer that it was decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Client: the first frame, with the version that it speaks.
    Hello {
        /// The highest version that the client speaks.
        version: u16,
    },
    /// Server: the answer to HELLO.
    Welcome {
        /// The version spoken from here on.
        version: u16,
        /// The greatest length field that the server accepts.
        max_frame: u32,
    },
    /// Client: asks for the messages of a channel.
    Subscribe(Subscribe<'a>),
    /// Server: every message published from here on will be delivered.
    Subscribed(ChannelName<'a>),
    /// Client: asks for no more messages of this channel.
    Unsubscribe(ChannelName<'a>),
    /// Server: no more messages of this channel will come.
    Unsubscribed(ChannelName<'a>),
    /// Client: a message for all subscribers of a channel.
    Publish(Publish<'a>),
    /// Server: the message with this token was accepted.
    Published {
        /// The token of the PUBLISH.
        token: u32,
    },
    /// Server: a message.
    Message {
        /// The channel that it was published to.
        channel: ChannelName<'a>,
        /// The published bytes; may be empty.
        payload: &'a [u8],
    },
    /// Server: messages of a channel that this subscriber lost.
    Gap {
        /// The exact number of lost messages; at least one.
        count: u64,
        /// The channel that they were published to.
        channel: ChannelName<'a>,
    },
    /// Either side: asks for a PONG with the same body, of at most [`MAX_PING`] bytes.
    Ping(&'a [u8]),
    /// Either side: the answer to PING.
    Pong(&'a [u8]),
    /// Either side: the last frame.
    Close(Reason<'a>),
    /// Server: the last frame, after the client broke the protocol.
    Error(Reason<'a>),
}

/// The body of SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The channel to subscribe to.
    pub channel: ChannelName<'a>,
    /// The effect of falling too far behind. The server's default applies if there is none.
    pub lag: Option<Lag>,
}

/// The effect on a subscriber that falls behind by more than the server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// It gets a GAP and continues after the missed messages.
    Skip,
    /// Its connection is closed.
    Disconnect,
}

impl<'a> From<ChannelName<'a>> for Subscribe<'a> {
    fn from(channel: ChannelName<'a>) -> Self {
        Self { channel, lag: None }
    }
}

/// The body of PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The channel to publish to.
    pub channel: ChannelName<'a>,
    /// The payload; may be empty.
    pub payload: &'a [u8],
    /// The token of the PUBLISHED that the client asks for, if it does.
    pub ack: Option<u32>,
    /// True if the publisher's own subscription must not receive the message.
    pub no_echo: bool,
}

/// The body of CLOSE and ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The code, see [`Code`](crate::Code). A code that the receiver does not know is not an error.
    pub code: u16,
    /// An explanation for a person, perhaps followed by a delay (see
    /// [`words_and_reconnect_delay`](Self::words_and_reconnect_delay)); at most [`MAX_REASON`] bytes.
    pub text: &'a str,
}

/// The separator between the words of a reason and the delay after them.
const DELAY_MARK: char = '\0';
/// The most bytes that a delay occupies in a reason: the mark and ten digits.
const DELAY_LEN: usize = 11;

/// Returns a reason's text that also says how long the client should wait before it reconnects. The words are cut so
/// that both fit. A client that does not know of the delay takes it for a part of the words.
pub fn text_with_reconnect_delay(words: &str, delay: Duration) -> String {
    let words = &words[..words.floor_char_boundary(MAX_REASON - DELAY_LEN)];
    format!("{words}{DELAY_MARK}{}", u32::try_from(delay.as_millis()).unwrap_or(u32::MAX))
}

impl<'a> Reason<'a> {
    /// Returns the words of the text, and the delay before reconnecting if the text states one.
    pub fn words_and_reconnect_delay(&self) -> (&'a str, Option<Duration>) {
        let delay = |digits: &str| {
            let digits = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
            Some(Duration::from_millis(digits.parse::<u32>().ok()?.into()))
        };
        match self.text.split_once(DELAY_MARK).map(|(words, digits)| (words, delay(digits))) {
            Some((words, Some(delay))) => (words, Some(delay)),
            _ => (self.text, None),
        }
    }

    /// Creates a reason from a code of this crate and a text, which is cut to [`MAX_REASON`] bytes.
    pub fn new(code: crate::Code, text: &'a str) -> Self {
        Self { code: code.number(), text: &text[..text.floor_char_boundary(MAX_REASON)] }
    }
}

/// The decoder of `native`.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    /// The limits on accepted frames.
    pub limits: FrameLimits,
    /// True if checksums are verified. Only a load generator that checks the payload by other means turns this off.
    pub verify_checksum: bool,
}

impl Decoder {
    /// Creates a decoder that verifies checksums.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, verify_checksum: true }
    }
}

impl Decode for Decoder {
    type Frame<'a> = Frame<'a>;

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Step<Frame<'a>>, DecodeError> {
        let Some(length) = length(bytes, self.limits.max_frame)? else {
            return Ok(Step::Incomplete { needed: LENGTH_LEN });
        };
        if length < MIN_LENGTH {
            return Err(DecodeError::Malformed("the length is below that of a header"));
        }
        let consumed = LENGTH_LEN + length;
        let Some(whole) = bytes.get(..consumed) else {
            return Ok(Step::Incomplete { needed: consumed });
        };
        if self.verify_checksum {
            let announced = u32::from_be_bytes(whole[4..8].try_into().expect("four bytes"));
            let computed = crc32fast::hash(&whole[CHECKED_FROM..]);
            if announced != computed {
                return Err(DecodeError::BadChecksum { announced, computed });
            }
        }
        let frame = parse(whole[8], whole[9], Body(&whole[HEADER_LEN..]))?;
        Ok(Step::Frame { frame, consumed })
    }
}

fn parse(kind: u8, flags: u8, mut body: Body<'_>) -> Result<Frame<'_>, DecodeError> {
    let allowed = match kind {
        kind::PUBLISH => FLAG_ACK | FLAG_NO_ECHO,
        kind::SUBSCRIBE => FLAG_SKIP | FLAG_DISCONNECT,
        _ => 0,
    };
    if flags & !allowed != 0 && kind::ALL.contains(&kind) {
        return Err(DecodeError::Malformed("a reserved flag is set"));
    }
    let frame = match kind {
        kind::HELLO => Frame::Hello { version: body.u16()? },
        kind::WELCOME => Frame::Welcome { version: body.u16()?, max_frame: body.u32()? },
        kind::SUBSCRIBE => Frame::Subscribe(Subscribe { lag: lag(flags)?, channel: body.channel()? }),
        kind::SUBSCRIBED => Frame::Subscribed(body.channel()?),
        kind::UNSUBSCRIBE => Frame::Unsubscribe(body.channel()?),
        kind::UNSUBSCRIBED => Frame::Unsubscribed(body.channel()?),
        kind::PUBLISH => {
            let ack = if flags & FLAG_ACK != 0 { Some(body.u32()?) } else { None };
            let channel = body.channel()?;
            Frame::Publish(Publish { channel, payload: body.rest(), ack, no_echo: flags & FLAG_NO_ECHO != 0 })
        }
        kind::PUBLISHED => Frame::Published { token: body.u32()? },
        kind::MESSAGE => Frame::Message { channel: body.channel()?, payload: body.rest() },
        kind::GAP => Frame::Gap { count: gap_count(&mut body)?, channel: body.channel()? },
        kind::PING => Frame::Ping(ping_body(&mut body)?),
        kind::PONG => Frame::Pong(ping_body(&mut body)?),
        kind::CLOSE => Frame::Close(reason(&mut body)?),
        kind::ERROR => Frame::Error(reason(&mut body)?),
        unknown => return Err(DecodeError::UnknownKind(unknown)),
    };
    body.end()?;
    Ok(frame)
}

fn lag(flags: u8) -> Result<Option<Lag>, DecodeError> {
    match flags {
        0 => Ok(None),
        FLAG_SKIP => Ok(Some(Lag::Skip)),
        FLAG_DISCONNECT => Ok(Some(Lag::Disconnect)),
        _ => Err(DecodeError::Malformed("a subscription cannot both skip and disconnect")),
    }
}

fn gap_count(body: &mut Body<'_>) -> Result<u64, DecodeError> {
    match body.u64()? {
        0 => Err(DecodeError::Malformed("a gap counts at least one message")),
        count => Ok(count),
    }
}

fn ping_body<'a>(body: &mut Body<'a>) -> Result<&'a [u8], DecodeError> {
    let bytes = body.rest();
    if bytes.len() > MAX_PING {
        return Err(DecodeError::Malformed("the body of a ping is over 125 bytes"));
    }
    Ok(bytes)
}

fn reason<'a>(body: &mut Body<'a>) -> Result<Reason<'a>, DecodeError> {
    let code = body.u16()?;
    let bytes = body.rest();
    if bytes.len() > MAX_REASON {
        return Err(DecodeError::Malformed("a reason is over 255 bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed("a reason is not UTF-8"))?;
    Ok(Reason { code, text })
}

/// Appends a frame.
///
/// # Panics
/// If the frame has 4 GiB or more, a PING or reason is over its limit ([`MAX_PING`], [`MAX_REASON`]), or a GAP counts
/// no message. Each is a mistake of the caller.
pub fn encode(frame: &Frame<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let flags = match frame {
        Frame::Publish(publish) => {
            (if publish.ack.is_some() { FLAG_ACK } else { 0 }) | (if publish.no_echo { FLAG_NO_ECHO } else { 0 })
        }
        Frame::Subscribe(Subscribe { lag: Some(Lag::Skip), .. }) => FLAG_SKIP,
        Frame::Subscribe(Subscribe { lag: Some(Lag::Disconnect), .. }) => FLAG_DISCONNECT,
        _ => 0,
    };
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, kind::of(frame), flags]);
    encode_body(frame, out);
    let length = u32::try_from(out.len() - start - LENGTH_LEN).expect("a frame below 4 GiB");
    let checksum = crc32fast::hash(&out[start + CHECKED_FROM..]);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

fn encode_body(frame: &Frame<'_>, out: &mut Vec<u8>) {
    match *frame {
        Frame::Hello { version } => out.extend_from_slice(&version.to_be_bytes()),
        Frame::Welcome { version, max_frame } => {
            out.extend_from_slice(&version.to_be_bytes());
            out.extend_from_slice(&max_frame.to_be_bytes());
        }
        Frame::Subscribe(Subscribe { channel, .. })
        | Frame::Subscribed(channel)
        | Frame::Unsubscribe(channel)
        | Frame::Unsubscribed(channel) => encode_channel(channel, out),
        Frame::Publish(Publish { channel, payload, ack, .. }) => {
            if let Some(token) = ack {
                out.extend_from_slice(&token.to_be_bytes());
            }
            encode_channel(channel, out);
            out.extend_from_slice(payload);
        }
        Frame::Published { token } => out.extend_from_slice(&token.to_be_bytes()),
        Frame::Message { channel, payload } => {
            encode_channel(channel, out);
            out.extend_from_slice(payload);
        }
        Frame::Gap { count, channel } => {
            assert!(count > 0, "a gap counts at least one message");
            out.extend_from_slice(&count.to_be_bytes());
            encode_channel(channel, out);
        }
        Frame::Ping(body) | Frame::Pong(body) => {
            assert!(body.len() <= MAX_PING, "the body of a ping is over {MAX_PING} bytes");
            out.extend_from_slice(body);
        }
        Frame::Close(Reason { code, text }) | Frame::Error(Reason { code, text }) => {
            assert!(text.len() <= MAX_REASON, "a reason is over {MAX_REASON} bytes");
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn encode_channel(channel: ChannelName<'_>, out: &mut Vec<u8>) {
    out.push(channel.len_byte());
    out.extend_from_slice(channel.as_str().as_bytes());
}

/// The numbers of the kinds.
mod kind {
    use super::Frame;

    pub(super) const HELLO: u8 = 1;
    pub(super) const WELCOME: u8 = 2;
    pub(super) const SUBSCRIBE: u8 = 3;
    pub(super) const SUBSCRIBED: u8 = 4;
    pub(super) const UNSUBSCRIBE: u8 = 5;
    pub(super) const UNSUBSCRIBED: u8 = 6;
    pub(super) const PUBLISH: u8 = 7;
    pub(super) const PUBLISHED: u8 = 8;
    pub(super) const MESSAGE: u8 = 9;
    pub(super) const GAP: u8 = 10;
    pub(super) const PING: u8 = 11;
    pub(super) const PONG: u8 = 12;
    pub(super) const CLOSE: u8 = 13;
    pub(super) const ERROR: u8 = 14;
    pub(super) const ALL: std::ops::RangeInclusive<u8> = HELLO..=ERROR;

    pub(super) fn of(frame: &Frame<'_>) -> u8 {
        match frame {
            Frame::Hello { .. } => HELLO,
            Frame::Welcome { .. } => WELCOME,
            Frame::Subscribe(_) => SUBSCRIBE,
            Frame::Subscribed(_) => SUBSCRIBED,
            Frame::Unsubscribe(_) => UNSUBSCRIBE,
            Frame::Unsubscribed(_) => UNSUBSCRIBED,
            Frame::Publish(_) => PUBLISH,
            Frame::Published { .. } => PUBLISHED,
            Frame::Message { .. } => MESSAGE,
            Frame::Gap { .. } => GAP,
            Frame::Ping(_) => PING,
            Frame::Pong(_) => PONG,
            Frame::Close(_) => CLOSE,
            Frame::Error(_) => ERROR,
        }
    }
}
