//! The decoders: they accept what the encoders write, however it is split.

use crate::pieces::{Pieces, sealed};
use corecast_wire::{ChannelName, Decode, DecodeError, FrameLimits, InvalidChannel, Reassembly, Step};
use corecast_wire::{native as native_protocol, plain as plain_protocol};
use std::ops::ControlFlow;

/// Limits low enough for length fields to fall on both sides.
const LIMITS: FrameLimits = FrameLimits { max_frame: 4096 };

/// Checks a `native` frame at the start of the input, as it is and with a correct checksum.
///
/// # Panics
/// If the decoder breaks a rule.
pub fn native(input: &[u8]) {
    for input in [input, &sealed(input)] {
        decode(&native_protocol::Decoder::new(LIMITS), input, |frame, out| native_protocol::encode(&frame, out));
    }
}

/// Checks a `plain` frame at the start of the input.
///
/// # Panics
/// If the decoder breaks a rule.
pub fn plain(input: &[u8]) {
    decode(&plain_protocol::Decoder { limits: LIMITS }, input, plain_protocol::encode);
}

/// Checks that a decoded frame encodes to the same bytes, that an incomplete one asks for more bytes than there are,
/// and that a refused one is refused whatever follows it.
fn decode<D: Decode>(decoder: &D, input: &[u8], encode: impl Fn(D::Frame<'_>, &mut Vec<u8>)) {
    let longer = [input, b"whatever comes next"].concat();
    match decoder.decode(input) {
        Ok(Step::Frame { frame, consumed }) => {
            let mut encoded = Vec::new();
            encode(frame, &mut encoded);
            assert_eq!(encoded, input[..consumed], "a frame is the bytes that encode it");
            let Ok(Step::Incomplete { .. }) = decoder.decode(&input[..consumed - 1]) else {
                panic!("a frame without its last byte is incomplete");
            };
        }
        Ok(Step::Incomplete { needed }) => assert!(needed > input.len(), "{needed} of {}", input.len()),
        Err(error) => assert_eq!(decoder.decode(&longer).err(), Some(error), "a refusal is final"),
    }
}

/// Checks that a stream gives the same frames in pieces as in one piece.
///
/// # Panics
/// If it does not.
pub fn reassembly(input: &[u8]) {
    let Some(pieces) = Pieces::of(input) else { return };
    if pieces.is_native {
        let decoder = native_protocol::Decoder::new(LIMITS);
        let feed = |pieces| feed(&decoder, pieces, |frame, out| native_protocol::encode(&frame, out));
        assert_eq!(feed(pieces.cut()), feed(vec![pieces.whole()]));
    } else {
        let decoder = plain_protocol::Decoder { limits: LIMITS };
        let feed = |pieces| feed(&decoder, pieces, plain_protocol::encode);
        assert_eq!(feed(pieces.cut()), feed(vec![pieces.whole()]));
    }
}

/// Returns the frames, encoded again, and how the stream ended: true inside a frame, or the error.
fn feed<D: Decode>(
    decoder: &D,
    pieces: Vec<&[u8]>,
    encode: impl Fn(D::Frame<'_>, &mut Vec<u8>),
) -> (Vec<u8>, Result<bool, DecodeError>) {
    let mut reassembly = Reassembly::new();
    let mut frames = Vec::new();
    for piece in pieces {
        let pushed = reassembly.push(decoder, piece, |frame| {
            encode(frame, &mut frames);
            ControlFlow::Continue(())
        });
        if let Err(error) = pushed {
            return (frames, Err(error));
        }
    }
    (frames, Ok(reassembly.is_mid_frame()))
}

/// Checks the name of a channel against its definition.
///
/// # Panics
/// If a valid name is refused, or an invalid one accepted.
pub fn channel_name(input: &[u8]) {
    let text = std::str::from_utf8(input);
    let control = |text: &str| text.chars().any(|c| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'));
    let expected = match text {
        _ if input.is_empty() => Err(InvalidChannel::Empty),
        _ if input.len() > 255 => Err(InvalidChannel::TooLong(input.len())),
        Err(_) => Err(InvalidChannel::NotUtf8),
        Ok(text) if control(text) => Err(InvalidChannel::Control),
        Ok(text) => Ok(text),
    };
    assert_eq!(ChannelName::from_bytes(input).map(ChannelName::as_str), expected);
}
