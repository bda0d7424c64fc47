//! Frames in the form in which clients send and receive them.

use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Decode, Reassembly, native, plain};
use std::hint::black_box;
use std::ops::ControlFlow;

/// The channel of every frame, and of every subscription.
pub const CHANNEL: &str = "news";
/// The payload of every message: 64 bytes, as short as a chat message.
pub const PAYLOAD: [u8; 64] = *b"The payload of a message that is as long as one line of a chat..";

/// Encodes `count` `native` PUBLISH frames with 64 bytes of payload, one after the other.
pub fn native_publishes(count: usize) -> Vec<u8> {
    let publish = Publish { channel: channel(), payload: &PAYLOAD, ack: None, no_echo: false };
    repeat(count, |out| native::encode(&Frame::Publish(publish), out))
}

/// Encodes `count` `plain` frames with 64 bytes of payload, one after the other.
pub fn plain_messages(count: usize) -> Vec<u8> {
    repeat(count, |out| plain::encode(&PAYLOAD, out))
}

/// Decodes a stream that comes in pieces of `piece` bytes, as a connection's does. Returns the number of frames.
///
/// # Panics
/// If the stream contains anything but frames, or `piece` is zero.
pub fn reassemble<D: Decode>(decoder: &D, stream: &[u8], piece: usize) -> usize {
    let mut reassembly = Reassembly::new();
    let mut frames = 0;
    for chunk in stream.chunks(piece) {
        let on_frame = |frame: D::Frame<'_>| {
            black_box(&frame);
            frames += 1;
            ControlFlow::Continue(())
        };
        reassembly.push(decoder, chunk, on_frame).expect("frames");
    }
    assert!(!reassembly.is_mid_frame(), "a whole number of frames");
    frames
}

fn channel() -> ChannelName<'static> {
    ChannelName::new(CHANNEL).expect("a valid name")
}

fn repeat(count: usize, mut encode: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..count {
        encode(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use corecast_wire::FrameLimits;

    #[test]
    fn every_frame_is_found_however_the_stream_is_cut() {
        let (native, plain) = (native_publishes(64), plain_messages(64));
        for piece in [1, 50, 100, usize::MAX] {
            assert_eq!(reassemble(&native::Decoder::new(FrameLimits::NATIVE), &native, piece), 64);
            assert_eq!(reassemble(&plain::Decoder { limits: FrameLimits::PLAIN }, &plain, piece), 64);
        }
    }
}
