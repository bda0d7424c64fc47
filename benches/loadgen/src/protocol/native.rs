//! `native`: Corecast's own protocol.

use super::Shape;
use super::dialect::{Channel, Decoded, Dialect, Fault, Item};
use corecast_wire::native::{self, Decoder, Frame, Publish};
use corecast_wire::{ChannelName, Decode, FrameLimits, Step};
use std::ops::Range;

/// The range of a frame's checksum.
const CHECKSUM: Range<usize> = 4..8;

#[derive(Debug)]
pub(crate) struct Native {
    decoder: Decoder,
}

impl Native {
    /// Creates a dialect that does not verify checksums, because the payload is verified byte by byte, and the channel
    /// by comparison.
    pub(crate) fn new() -> Self {
        Self { decoder: Decoder { limits: FrameLimits::NATIVE, verify_checksum: false } }
    }
}

impl Dialect for Native {
    const PUBLISHERS_RECEIVE: bool = false;
    /// The answer is WELCOME.
    const PUBLISHER_ANSWERS: usize = 1;

    /// The answers are WELCOME, and one SUBSCRIBED for each subscription.
    fn subscriber_answers(subscriptions: usize) -> usize {
        1 + subscriptions
    }

    fn subscribe<'n>(&self, channels: impl Iterator<Item = Channel<'n>>, out: &mut Vec<u8>) {
        self.greet(out);
        for channel in channels {
            native::encode(&Frame::Subscribe(name(channel.name).into()), out);
        }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        native::encode(&Frame::Hello { version: native::VERSION }, out);
    }

    fn publish(&self, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        let publish = Publish { channel: name(channel), payload, ack: None, no_echo: false };
        native::encode(&Frame::Publish(publish), out);
    }

    fn shape(&self, channel: Channel<'_>, payload_len: usize) -> Shape {
        let mut message = Vec::new();
        let payload = &vec![0; payload_len];
        native::encode(&Frame::Message { channel: name(channel.name), payload }, &mut message);
        Shape::new(&message[..message.len() - payload_len], CHECKSUM, payload_len, b"")
    }

    fn pong(&self, body: &[u8], out: &mut Vec<u8>) {
        native::encode(&Frame::Pong(body), out);
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault> {
        match self.decoder.decode(bytes) {
            Ok(Step::Frame { frame, consumed }) => Ok(Decoded::Item(item(frame), consumed)),
            Ok(Step::Incomplete { .. }) => Ok(Decoded::Incomplete),
            Err(error) => Err(Fault(error.to_string())),
        }
    }
}

#[inline]
fn item(frame: Frame<'_>) -> Item<'_> {
    match frame {
        Frame::Message { channel, payload } => Item::Delivery { channel: channel.as_str().as_bytes(), payload },
        Frame::Welcome { .. } | Frame::Subscribed(_) => Item::Answer,
        Frame::Gap { count, .. } => Item::Gap(count),
        Frame::Ping(body) => Item::Ping(body),
        Frame::Close(reason) | Frame::Error(reason) => Item::Refusal(reason.text.as_bytes()),
        _ => Item::Nothing,
    }
}

fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).expect("settings are checked before the run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_gives_the_same() {
        let channel = name("bench0");
        let mut bytes = Vec::new();
        let frames = [
            Frame::Welcome { version: 1, max_frame: 1 << 20 },
            Frame::Subscribed(channel),
            Frame::Message { channel, payload: b"one" },
            Frame::Gap { count: 7, channel },
            Frame::Ping(b"?"),
        ];
        for frame in &frames {
            native::encode(frame, &mut bytes);
        }
        let delivery = Item::Delivery { channel: b"bench0", payload: b"one" };
        let expected = [Item::Answer, Item::Answer, delivery, Item::Gap(7), Item::Ping(b"?")];
        crate::protocol::dialect::assert_every_split(&Native::new(), &bytes, &expected);
    }

    #[test]
    fn a_message_has_its_shape() {
        let mut message = Vec::new();
        native::encode(&Frame::Message { channel: name("bench0"), payload: &[7; 33] }, &mut message);
        crate::protocol::dialect::assert_shape(&Native::new(), &message, "bench0", &[7; 33]);
    }
}
