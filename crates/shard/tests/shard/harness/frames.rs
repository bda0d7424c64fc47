//! Frames of clients, and those that clients read as a line of text.

use corecast_session::{Native, Plain, Session};
use corecast_wire::native::{Decoder, Frame, Lag, Publish, Reason, Subscribe, encode};
use corecast_wire::{ChannelName, Decode, FrameLimits, Step, plain};
use std::borrow::Cow;

pub(crate) const HELLO: Frame<'static> = Frame::Hello { version: 1 };
pub(crate) const PING: Frame<'static> = Frame::Ping(&[]);

/// The channel of plain listeners.
const PLAIN_CHANNEL: &str = "news";

pub(crate) fn encoded(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        encode(frame, &mut bytes);
    }
    bytes
}

/// A PING whose answer takes so many bytes.
pub(crate) fn ping(answer_bytes: usize) -> Vec<u8> {
    encoded(&[Frame::Ping(&[7; 125][..answer_bytes - corecast_wire::native::HEADER_LEN])])
}

pub(crate) fn subscribe(channel: &str) -> Frame<'_> {
    Frame::Subscribe(Subscribe::from(name(channel)))
}

/// A subscription that goes on behind what it misses.
pub(crate) fn subscribe_or_skip(channel: &str) -> Frame<'_> {
    Frame::Subscribe(Subscribe { channel: name(channel), lag: Some(Lag::Skip) })
}

pub(crate) fn publish<'a>(channel: &'a str, payload: &'a str) -> Frame<'a> {
    Frame::Publish(Publish { channel: name(channel), payload: payload.as_bytes(), ack: None, no_echo: false })
}

/// The same, with the request to be told that it was accepted.
pub(crate) fn acknowledged<'a>(channel: &'a str, payload: &'a str, token: u32) -> Frame<'a> {
    Frame::Publish(Publish { channel: name(channel), payload: payload.as_bytes(), ack: Some(token), no_echo: false })
}

fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).unwrap()
}

/// The session of a plain listener, whose channel is "news".
pub(crate) fn plain() -> Plain {
    Plain { channel: PLAIN_CHANNEL.into(), limits: FrameLimits::PLAIN, lag: None }
}

pub(crate) fn plain_encoded(payload: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    plain::encode(payload.as_bytes(), &mut bytes);
    bytes
}

/// A protocol whose frames a client of the tests can read.
pub(crate) trait Readable: Session {
    /// The whole frames at the front of what came, which are taken off.
    fn read(bytes: &mut Vec<u8>) -> Vec<String>;
}

impl Readable for Native {
    fn read(bytes: &mut Vec<u8>) -> Vec<String> {
        read_frames(&Decoder::new(FrameLimits::NATIVE), bytes, |frame| in_words(&frame))
    }
}

impl Readable for Plain {
    fn read(bytes: &mut Vec<u8>) -> Vec<String> {
        read_frames(&plain::Decoder { limits: FrameLimits::PLAIN }, bytes, |payload| text(payload).into_owned())
    }
}

fn read_frames<D: Decode>(decoder: &D, bytes: &mut Vec<u8>, in_words: impl Fn(D::Frame<'_>) -> String) -> Vec<String> {
    let mut frames = Vec::new();
    loop {
        let Step::Frame { frame, consumed } = decoder.decode(bytes).unwrap() else { return frames };
        frames.push(in_words(frame));
        bytes.drain(..consumed);
    }
}

fn in_words(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Welcome { .. } => "welcome".to_owned(),
        Frame::Subscribed(channel) => format!("subscribed {}", channel.as_str()),
        Frame::Published { token } => format!("published {token}"),
        Frame::Message { channel, payload } => format!("{}: {}", channel.as_str(), text(payload)),
        Frame::Gap { count, channel } => format!("{}: {count} missed", channel.as_str()),
        Frame::Ping(_) => "ping".to_owned(),
        Frame::Pong(_) => "pong".to_owned(),
        Frame::Close(reason) => format!("close {}", ending(reason)),
        Frame::Error(reason) => format!("error {}", ending(reason)),
        _ => panic!("no server sends {frame:?}"),
    }
}

/// The code, and the delay after which the client is asked to return.
fn ending(reason: &Reason<'_>) -> String {
    let delay = reason.words_and_reconnect_delay().1.map(|delay| format!(", return after {} ms", delay.as_millis()));
    format!("{}{}", reason.code, delay.unwrap_or_default())
}

fn text(payload: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(payload)
}
