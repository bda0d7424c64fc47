//! The test vectors of `vectors.json`, which clients in other languages read too. Every valid vector decodes to its
//! fields and encodes back to its bytes. Every invalid one fails with its code. Every incomplete one asks for the
//! number of bytes that it names.
#![allow(clippy::unwrap_used)]

use corecast_wire::native::{self, Frame, Publish, Reason, Subscribe};
use corecast_wire::{Code, Decode, DecodeError, FrameLimits, Step, plain};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: Vec<String>,
    native: Protocol,
    plain: Protocol,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    max_frame: u32,
    valid: Vec<Valid>,
    invalid: Vec<Invalid>,
    incomplete: Vec<Incomplete>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    name: String,
    hex: String,
    frame: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalid {
    name: String,
    hex: String,
    error: String,
    #[serde(rename = "why")]
    _why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incomplete {
    name: String,
    hex: String,
    needed: usize,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn from_hex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "half a byte in {hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Returns a frame as the fields of `vectors.json`.
fn fields(frame: &Frame<'_>) -> Value {
    match *frame {
        Frame::Hello { version } => json!({"kind": "HELLO", "version": version}),
        Frame::Welcome { version, max_frame } => {
            json!({"kind": "WELCOME", "version": version, "max_frame": max_frame})
        }
        Frame::Subscribe(Subscribe { channel, lag: None }) => {
            json!({"kind": "SUBSCRIBE", "channel": channel.as_str()})
        }
        Frame::Subscribe(Subscribe { channel, lag: Some(lag) }) => {
            let lag = match lag {
                native::Lag::Skip => "skip",
                native::Lag::Disconnect => "disconnect",
            };
            json!({"kind": "SUBSCRIBE", "channel": channel.as_str(), "lag": lag})
        }
        Frame::Subscribed(channel) => json!({"kind": "SUBSCRIBED", "channel": channel.as_str()}),
        Frame::Unsubscribe(channel) => json!({"kind": "UNSUBSCRIBE", "channel": channel.as_str()}),
        Frame::Unsubscribed(channel) => json!({"kind": "UNSUBSCRIBED", "channel": channel.as_str()}),
        Frame::Publish(Publish { channel, payload, ack, no_echo }) => json!({
            "kind": "PUBLISH", "channel": channel.as_str(), "payload_hex": to_hex(payload),
            "token": ack, "no_echo": no_echo,
        }),
        Frame::Published { token } => json!({"kind": "PUBLISHED", "token": token}),
        Frame::Message { channel, payload } => {
            json!({"kind": "MESSAGE", "channel": channel.as_str(), "payload_hex": to_hex(payload)})
        }
        Frame::Gap { count, channel } => json!({"kind": "GAP", "channel": channel.as_str(), "count": count}),
        Frame::Ping(body) => json!({"kind": "PING", "body_hex": to_hex(body)}),
        Frame::Pong(body) => json!({"kind": "PONG", "body_hex": to_hex(body)}),
        Frame::Close(reason @ Reason { code, text }) => match reason.words_and_reconnect_delay() {
            (_, None) => json!({"kind": "CLOSE", "code": code, "text": text}),
            (words, Some(delay)) => {
                assert_eq!(native::text_with_reconnect_delay(words, delay), text);
                let delay_ms = u64::try_from(delay.as_millis()).unwrap();
                json!({"kind": "CLOSE", "code": code, "text": text, "reconnect_delay_ms": delay_ms})
            }
        },
        Frame::Error(Reason { code, text }) => json!({"kind": "ERROR", "code": code, "text": text}),
    }
}

fn native_decoder(protocol: &Protocol) -> native::Decoder {
    native::Decoder::new(FrameLimits { max_frame: protocol.max_frame })
}

fn check_invalid<D: Decode>(decoder: &D, protocol: &Protocol) {
    for vector in &protocol.invalid {
        let bytes = from_hex(&vector.hex);
        let error = decoder.decode(&bytes).err().unwrap_or_else(|| panic!("{} was decoded", vector.name));
        assert_eq!(error.code().name(), vector.error, "{}: {error}", vector.name);
        assert!(error.code().is_violation(), "{}", vector.name);
        let more = [&bytes[..], b"whatever comes next"].concat();
        assert_eq!(decoder.decode(&more).err(), Some(error), "{} with more bytes behind it", vector.name);
    }
}

fn check_incomplete<D: Decode>(decoder: &D, protocol: &Protocol) {
    for vector in &protocol.incomplete {
        let bytes = from_hex(&vector.hex);
        match decoder.decode(&bytes) {
            Ok(Step::Incomplete { needed }) => assert_eq!(needed, vector.needed, "{}", vector.name),
            _ => panic!("{} is not incomplete", vector.name),
        }
    }
}

#[test]
fn native_valid() {
    let protocol = vectors().native;
    for vector in &protocol.valid {
        let mut bytes = from_hex(&vector.hex);
        let frame_len = bytes.len();
        bytes.extend_from_slice(b"the next frame");
        let step = native_decoder(&protocol).decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        let Step::Frame { frame, consumed } = step else { panic!("{} is incomplete", vector.name) };
        assert_eq!(consumed, frame_len, "{}", vector.name);
        assert_eq!(fields(&frame), vector.frame, "{}", vector.name);
        let mut encoded = b"before".to_vec();
        native::encode(&frame, &mut encoded);
        assert_eq!(to_hex(&encoded[b"before".len()..]), vector.hex, "{}", vector.name);
    }
}

#[test]
fn native_valid_has_every_kind() {
    let protocol = vectors().native;
    let numbers: BTreeSet<u8> = protocol.valid.iter().map(|vector| from_hex(&vector.hex)[8]).collect();
    assert_eq!(numbers, (1..=14).collect());
    let publish_flags: BTreeSet<u8> = protocol
        .valid
        .iter()
        .map(|vector| from_hex(&vector.hex))
        .filter(|bytes| bytes[8] == 7)
        .map(|bytes| bytes[9])
        .collect();
    assert_eq!(publish_flags, (0..=3).collect(), "PUBLISH with every combination of flags");
}

#[test]
fn native_invalid() {
    let protocol = vectors().native;
    check_invalid(&native_decoder(&protocol), &protocol);
    let told: BTreeSet<&str> = protocol.invalid.iter().map(|vector| vector.error.as_str()).collect();
    let tellable = [Code::FrameTooLarge, Code::BadChecksum, Code::UnknownKind, Code::Malformed, Code::InvalidChannel];
    assert_eq!(told, tellable.iter().map(|code| code.name()).collect(), "every code that a decoder can tell");
}

#[test]
fn native_incomplete() {
    let protocol = vectors().native;
    check_incomplete(&native_decoder(&protocol), &protocol);
}

#[test]
fn native_checksum_is_ignored_only_on_demand() {
    let protocol = vectors().native;
    let lenient = native::Decoder { verify_checksum: false, ..native_decoder(&protocol) };
    let vector = protocol.invalid.iter().find(|vector| vector.name == "payload_altered").unwrap();
    let bytes = from_hex(&vector.hex);
    assert!(matches!(lenient.decode(&bytes), Ok(Step::Frame { frame: Frame::Publish(_), .. })));
    assert!(matches!(native_decoder(&protocol).decode(&bytes), Err(DecodeError::BadChecksum { .. })));
}

#[test]
fn plain_valid() {
    let protocol = vectors().plain;
    let decoder = plain::Decoder { limits: FrameLimits { max_frame: protocol.max_frame } };
    for vector in &protocol.valid {
        let mut bytes = from_hex(&vector.hex);
        let frame_len = bytes.len();
        bytes.extend_from_slice(b"the next frame");
        let Ok(Step::Frame { frame, consumed }) = decoder.decode(&bytes) else { panic!("{}", vector.name) };
        assert_eq!(consumed, frame_len, "{}", vector.name);
        assert_eq!(json!({"payload_hex": to_hex(frame)}), vector.frame, "{}", vector.name);
        let mut encoded = Vec::new();
        plain::encode(frame, &mut encoded);
        assert_eq!(to_hex(&encoded), vector.hex, "{}", vector.name);
    }
}

#[test]
fn plain_invalid_and_incomplete() {
    let protocol = vectors().plain;
    let decoder = plain::Decoder { limits: FrameLimits { max_frame: protocol.max_frame } };
    check_invalid(&decoder, &protocol);
    check_incomplete(&decoder, &protocol);
}

#[test]
fn vectors_hold_under_the_default_limits_and_have_distinct_names() {
    let Vectors { native, plain, .. } = vectors();
    assert_eq!(native.max_frame, FrameLimits::NATIVE.max_frame);
    assert_eq!(plain.max_frame, FrameLimits::PLAIN.max_frame);
    for protocol in [native, plain] {
        let mut names = BTreeSet::new();
        let valid = protocol.valid.into_iter().map(|vector| vector.name);
        for name in valid.chain(protocol.invalid.into_iter().map(|vector| vector.name)) {
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }
}
