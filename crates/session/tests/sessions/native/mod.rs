//! `native`: its frames for the tests, and how each state of a connection treats them.

mod closing;
mod handshake;
mod lag;
mod publishing;
mod requests;

use crate::contract::Protocol;
use crate::harness::{Connection, Shard};
use corecast_session::Native;
use corecast_wire::native::{Decoder, Frame, Lag, Publish, Reason, Subscribe, encode};
use corecast_wire::{ChannelName, Decode, FrameLimits, Step};

pub(crate) struct NativeProtocol;

impl Protocol for NativeProtocol {
    type Session = Native;

    fn session() -> Native {
        Native::new(FrameLimits::NATIVE)
    }

    fn opening() -> Vec<u8> {
        encoded(&[HELLO, subscribe("lobby", None)])
    }

    fn publish(payload: &[u8]) -> Vec<u8> {
        encoded(&[publish("lobby", payload)])
    }

    fn violation() -> Vec<u8> {
        encoded(&[HELLO])
    }

    fn payloads(received: &[u8]) -> Vec<Vec<u8>> {
        let payload = |frame| match frame {
            Frame::Message { payload, .. } => Some(payload.to_vec()),
            _ => None,
        };
        frames(received).into_iter().filter_map(payload).collect()
    }
}

const HELLO: Frame<'static> = Frame::Hello { version: 1 };
const WELCOME: Frame<'static> = Frame::Welcome { version: 1, max_frame: FrameLimits::NATIVE.max_frame };

/// Returns one frame of every kind, in the order of their numbers.
fn every_kind() -> Vec<Frame<'static>> {
    let reason = Reason { code: 200, text: "bye" };
    let frames = vec![
        HELLO,
        WELCOME,
        subscribe("lobby", None),
        Frame::Subscribed(name("lobby")),
        Frame::Unsubscribe(name("lobby")),
        Frame::Unsubscribed(name("lobby")),
        acknowledged("lobby", b"payload", 7),
        Frame::Published { token: 7 },
        message("lobby", b"payload"),
        Frame::Gap { count: 3, channel: name("lobby") },
        Frame::Ping(b"abc"),
        Frame::Pong(b"abc"),
        Frame::Close(reason),
        Frame::Error(reason),
    ];
    for (number, frame) in (1..).zip(&frames) {
        assert_eq!(encoded(&[*frame])[8], number, "{frame:?}");
    }
    frames
}

fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).unwrap()
}

fn subscribe(channel: &str, lag: Option<Lag>) -> Frame<'_> {
    Frame::Subscribe(Subscribe { channel: name(channel), lag })
}

pub(crate) fn publish<'a>(channel: &'a str, payload: &'a [u8]) -> Frame<'a> {
    Frame::Publish(Publish { channel: name(channel), payload, ack: None, no_echo: false })
}

fn acknowledged<'a>(channel: &'a str, payload: &'a [u8], token: u32) -> Frame<'a> {
    Frame::Publish(Publish { channel: name(channel), payload, ack: Some(token), no_echo: false })
}

pub(crate) fn message<'a>(channel: &'a str, payload: &'a [u8]) -> Frame<'a> {
    Frame::Message { channel: name(channel), payload }
}

pub(crate) fn encoded(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        encode(frame, &mut bytes);
    }
    bytes
}

/// Decodes the frames that a client received, which must be whole.
pub(crate) fn frames(mut received: &[u8]) -> Vec<Frame<'_>> {
    let decoder = Decoder::new(FrameLimits::NATIVE);
    let mut frames = Vec::new();
    while !received.is_empty() {
        let Ok(Step::Frame { frame, consumed }) = decoder.decode(received) else { panic!("no frame: {received:?}") };
        frames.push(frame);
        received = &received[consumed..];
    }
    frames
}

/// Returns a client that has completed the handshake.
fn greet(shard: &mut Shard) -> Connection<Native> {
    let mut connection = shard.connect(Native::new(FrameLimits::NATIVE));
    shard.receive(&mut connection, &encoded(&[HELLO])).unwrap();
    assert_eq!(frames(&connection.take_received()), [WELCOME]);
    connection
}

/// Returns a client that is subscribed to a channel.
pub(crate) fn join(shard: &mut Shard, channel: &str) -> Connection<Native> {
    let mut connection = greet(shard);
    shard.receive(&mut connection, &encoded(&[subscribe(channel, None)])).unwrap();
    assert_eq!(frames(&connection.take_received()), [Frame::Subscribed(name(channel))]);
    connection
}
