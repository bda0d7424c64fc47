//! The last frame: CLOSE or ERROR, with the code that the received bytes or the server determine.

use super::{encoded, frames, greet, publish};
use crate::harness::Shard;
use corecast_session::{End, Native, Session};
use corecast_wire::native::{Frame, MAX_REASON, Reason};
use corecast_wire::{Code, FrameLimits};
use std::time::Duration;

fn close_frame(end: &End) -> Vec<u8> {
    let mut bytes = Vec::new();
    Native::new(FrameLimits::NATIVE).close_frame(end, &mut bytes);
    bytes
}

/// Returns the reason in a CLOSE.
fn close_reason(bytes: &[u8]) -> Reason<'_> {
    match frames(bytes)[..] {
        [Frame::Close(reason)] => reason,
        ref frames => panic!("one CLOSE: {frames:?}"),
    }
}

#[test]
fn a_violation_is_told_in_error_and_anything_else_in_close() {
    for code in Code::ALL {
        let reason = Reason { code: code.number(), text: "because" };
        let expected = if code.number() < 200 { Frame::Error(reason) } else { Frame::Close(reason) };
        assert_eq!(frames(&close_frame(&End::new(*code, "because"))), [expected]);
    }
}

#[test]
fn the_text_may_say_when_to_connect_again() {
    let end = End::new(Code::GoingAway, "the server stops");
    let delay = Some(Duration::from_millis(2500));
    let bytes = close_frame(&end.clone().with_reconnect_delay(delay));
    assert_eq!(close_reason(&bytes).words_and_reconnect_delay(), ("the server stops", delay));
    let bytes = close_frame(&end.with_reconnect_delay(delay).with_reconnect_delay(None));
    assert_eq!(close_reason(&bytes).text, "the server stops");
}

#[test]
fn a_text_that_is_too_long_is_cut_and_keeps_its_delay() {
    let end = End::new(Code::Administrator, "ä".repeat(MAX_REASON));
    assert_eq!(close_reason(&close_frame(&end)).text, "ä".repeat(MAX_REASON / 2));
    let delay = Some(Duration::from_millis(u64::from(u32::MAX)));
    let bytes = close_frame(&end.with_reconnect_delay(delay));
    let (words, told) = close_reason(&bytes).words_and_reconnect_delay();
    assert_eq!(told, delay);
    assert!("ä".repeat(MAX_REASON).starts_with(words) && words.len() > 200, "{words}");
}

#[test]
fn bytes_that_are_no_frame_end_the_connection_with_the_code_of_what_is_wrong() {
    let frame = encoded(&[publish("lobby", b"payload")]);
    let with = |index: usize, byte: u8| {
        let mut bytes = frame.clone();
        bytes[index] = byte;
        let checksum = crc32(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
        bytes
    };
    let mut damaged = frame.clone();
    damaged[20] ^= 1;
    for (bytes, code) in [
        ((FrameLimits::NATIVE.max_frame + 1).to_be_bytes().to_vec(), Code::FrameTooLarge),
        (damaged, Code::BadChecksum),
        (with(8, 99), Code::UnknownKind),
        (with(9, 0x80), Code::Malformed),
        (with(10, 0), Code::InvalidChannel),
    ] {
        let mut shard = Shard::new();
        let mut connection = greet(&mut shard);
        let before = encoded(&[Frame::Ping(b"before")]);
        let end = shard.receive(&mut connection, &[before, bytes].concat()).unwrap_err();
        assert_eq!((end.code, end.reconnect_delay), (code, None));
        assert!(!end.text.is_empty());
        shard.end(&connection, &end);
        let error = Frame::Error(Reason { code: code.number(), text: &end.text });
        assert_eq!(frames(&connection.take_received()), [Frame::Pong(b"before"), error]);
    }
}

/// Computes the CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |checksum, byte| {
        (0..8).fold(checksum ^ u32::from(*byte), |rest, _| (rest >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(rest & 1)))
    })
}
