//! `Reassembly` gives the same frames and the same end, however a byte stream is split.
#![allow(clippy::unwrap_used)]

use corecast_wire::native::{self, Frame, Lag, Publish, Reason, Subscribe};
use corecast_wire::{ChannelName, Decode, DecodeError, FrameLimits, Reassembly, plain};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::ops::ControlFlow;

/// A limit low enough for random length fields to fall on both sides of it.
const LIMITS: FrameLimits = FrameLimits { max_frame: 4096 };

/// The outcome of a stream: its frames, encoded again, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<Vec<u8>>,
    end: Result<MidFrame, DecodeError>,
}

/// True if a frame was left incomplete.
type MidFrame = bool;

fn native_bytes(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    native::encode(frame, &mut bytes);
    bytes
}

fn plain_bytes(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    plain::encode(payload, &mut bytes);
    bytes
}

/// Feeds the chunks until one of them is refused, as a connection does.
fn feed<'a, D: Decode>(
    decoder: &D,
    encode: impl Fn(D::Frame<'_>) -> Vec<u8>,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut reassembly = Reassembly::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        let pushed = reassembly.push(decoder, chunk, |frame| {
            frames.push(encode(frame));
            ControlFlow::Continue(())
        });
        if let Err(error) = pushed {
            return Outcome { frames, end: Err(error) };
        }
    }
    Outcome { frames, end: Ok(reassembly.is_mid_frame()) }
}

fn feed_native<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    feed(&native::Decoder::new(LIMITS), |frame| native_bytes(&frame), chunks)
}

fn feed_plain<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    feed(&plain::Decoder { limits: LIMITS }, plain_bytes, chunks)
}

/// Splits `bytes` at every one of `cuts`; two cuts at one position make an empty chunk.
fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        chunks.push(&bytes[from..place]);
        from = place;
    }
    chunks
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[a-z]{255}", "[^\\p{Cc}]{1,20}"]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => vec(any::<u8>(), 0..8), 1 => vec(any::<u8>(), 0..2000)]
}

/// Generates any frame of `native`, encoded.
fn native_frame() -> impl Strategy<Value = Vec<u8>> {
    let on_channel = (0..6, channel()).prop_map(|(kind, name)| {
        let channel = ChannelName::new(&name).unwrap();
        native_bytes(&match kind {
            0 => Frame::Subscribe(channel.into()),
            4 => Frame::Subscribe(Subscribe { channel, lag: Some(Lag::Skip) }),
            5 => Frame::Subscribe(Subscribe { channel, lag: Some(Lag::Disconnect) }),
            1 => Frame::Subscribed(channel),
            2 => Frame::Unsubscribe(channel),
            _ => Frame::Unsubscribed(channel),
        })
    });
    let publish =
        (channel(), payload(), any::<Option<u32>>(), any::<bool>()).prop_map(|(name, payload, ack, no_echo)| {
            let channel = ChannelName::new(&name).unwrap();
            native_bytes(&Frame::Publish(Publish { channel, payload: &payload, ack, no_echo }))
        });
    let message = (channel(), payload()).prop_map(|(name, payload)| {
        native_bytes(&Frame::Message { channel: ChannelName::new(&name).unwrap(), payload: &payload })
    });
    let gap = (channel(), 1..=u64::MAX)
        .prop_map(|(name, count)| native_bytes(&Frame::Gap { count, channel: ChannelName::new(&name).unwrap() }));
    let ping = (any::<bool>(), vec(any::<u8>(), 0..=native::MAX_PING))
        .prop_map(|(ask, body)| native_bytes(&if ask { Frame::Ping(&body) } else { Frame::Pong(&body) }));
    let reason = (any::<bool>(), any::<u16>(), ".{0,60}").prop_map(|(close, code, text)| {
        let reason = Reason { code, text: &text };
        native_bytes(&if close { Frame::Close(reason) } else { Frame::Error(reason) })
    });
    let numbers = (0..3, any::<u16>(), any::<u32>()).prop_map(|(kind, version, number)| {
        native_bytes(&match kind {
            0 => Frame::Hello { version },
            1 => Frame::Welcome { version, max_frame: number },
            _ => Frame::Published { token: number },
        })
    });
    prop_oneof![on_channel, publish, message, gap, ping, reason, numbers]
}

/// Generates bytes of which a good part are frames: whole, altered in one bit, truncated, or noise.
fn garbage(frame: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = (frame, 0..8, any::<Index>(), vec(any::<u8>(), 0..16)).prop_map(|(mut bytes, fate, at, noise)| {
        match fate {
            0 => bytes[at.index(4)] ^= 1,
            1 => {
                let place = at.index(bytes.len());
                bytes[place] ^= 0x10;
            }
            2 => bytes.truncate(at.index(bytes.len())),
            3 => bytes = noise,
            _ => {}
        }
        bytes
    });
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn native_frames_survive_any_cut(frames in vec(native_frame(), 0..12), cuts in vec(any::<Index>(), 0..24)) {
        let stream = frames.concat();
        let whole = Outcome { frames, end: Ok(false) };
        prop_assert_eq!(&feed_native([&stream[..]]), &whole);
        prop_assert_eq!(&feed_native(cut(&stream, &cuts)), &whole);
        prop_assert_eq!(&feed_native(stream.chunks(1)), &whole);
    }

    #[test]
    fn plain_frames_survive_any_cut(payloads in vec(payload(), 0..12), cuts in vec(any::<Index>(), 0..24)) {
        let frames: Vec<_> = payloads.iter().map(|payload| plain_bytes(payload)).collect();
        let stream = frames.concat();
        let whole = Outcome { frames, end: Ok(false) };
        prop_assert_eq!(&feed_plain([&stream[..]]), &whole);
        prop_assert_eq!(&feed_plain(cut(&stream, &cuts)), &whole);
        prop_assert_eq!(&feed_plain(stream.chunks(1)), &whole);
    }

    #[test]
    fn native_garbage_ends_alike_however_cut(bytes in garbage(native_frame()), cuts in vec(any::<Index>(), 0..24)) {
        let whole = feed_native([&bytes[..]]);
        prop_assert_eq!(&feed_native(cut(&bytes, &cuts)), &whole);
        prop_assert_eq!(&feed_native(bytes.chunks(1)), &whole);
    }

    #[test]
    fn plain_garbage_ends_alike_however_cut(
        bytes in garbage(payload().prop_map(|payload| plain_bytes(&payload))),
        cuts in vec(any::<Index>(), 0..24),
    ) {
        let whole = feed_plain([&bytes[..]]);
        prop_assert_eq!(&feed_plain(cut(&bytes, &cuts)), &whole);
        prop_assert_eq!(&feed_plain(bytes.chunks(1)), &whole);
    }
}

#[test]
fn ten_thousand_tiny_frames_in_one_chunk() {
    let frames: Vec<Vec<u8>> = (0..10_000_u32).map(|token| native_bytes(&Frame::Published { token })).collect();
    let stream = frames.concat();
    assert_eq!(feed_native([&stream[..]]), Outcome { frames, end: Ok(false) });
    let empty = vec![0; 4 * 10_000];
    assert_eq!(feed_plain([&empty[..]]), Outcome { frames: vec![vec![0; 4]; 10_000], end: Ok(false) });
}

#[test]
fn a_frame_that_is_not_admitted_is_left_and_taken_when_it_is_pushed_again() {
    let frames = [&b"a"[..], b"", b"a longer one", b"b"].map(|body| native_bytes(&Frame::Ping(body)));
    let (stream, decoder) = (frames.concat(), native::Decoder::new(LIMITS));
    for step in 1..=stream.len() {
        let (mut reassembly, mut seen, mut left) = (Reassembly::new(), Vec::new(), Vec::new());
        for chunk in stream.chunks(step) {
            left.extend_from_slice(chunk);
            // Every other push admits no frame, and each push between admits one.
            for most in [0, 1].into_iter().cycle() {
                let (mut asked, before) = (0, seen.len());
                let admit = |length| {
                    asked += 1;
                    assert!(frames.iter().any(|frame| frame.len() == length), "{length}");
                    asked <= most
                };
                let taken = reassembly.push_admitted(&decoder, &left, admit, |frame| {
                    seen.push(native_bytes(&frame));
                    ControlFlow::Continue(())
                });
                left.drain(..taken.unwrap());
                assert!(seen.len() - before <= most, "{most} was admitted");
                if asked <= most {
                    break;
                }
            }
        }
        assert!(left.is_empty() && !reassembly.is_mid_frame(), "in steps of {step}");
        assert_eq!(seen, frames, "in steps of {step}");
    }
}

#[test]
fn breaking_ends_the_push_and_drops_the_rest() {
    let stream = [native_bytes(&Frame::Ping(b"a")), native_bytes(&Frame::Ping(b"b")), vec![0]].concat();
    for first_cut in 0..11 {
        let mut reassembly = Reassembly::new();
        let mut seen = 0;
        let (head, rest) = stream.split_at(first_cut);
        for chunk in [head, rest] {
            reassembly
                .push(&native::Decoder::new(LIMITS), chunk, |_| {
                    seen += 1;
                    ControlFlow::Break(())
                })
                .unwrap();
        }
        assert_eq!((seen, reassembly.is_mid_frame()), (1, false), "cut at {first_cut}");
    }
}

/// The capacity of the tail is not public, but the address space of the process is. A buffer of the announced 4 GiB
/// would raise its peak even if none of its pages were touched.
#[test]
#[cfg(target_os = "linux")]
fn an_announced_length_reserves_nothing() {
    let limits = FrameLimits { max_frame: u32::MAX };
    let before_kib = peak_address_space_kib();
    for chunks in [&[&[0xff; 4][..], &[0; 100]][..], &[&[0xff], &[0xff; 3], &[0; 100]], &[&[0xff; 104]]] {
        let mut native = Reassembly::new();
        let mut plain = Reassembly::new();
        for chunk in chunks {
            native.push(&native::Decoder::new(limits), chunk, |_| panic!("no frame is whole")).unwrap();
            plain.push(&plain::Decoder { limits }, chunk, |_| panic!("no frame is whole")).unwrap();
        }
        assert!(native.is_mid_frame() && plain.is_mid_frame());
    }
    let grown_kib = peak_address_space_kib() - before_kib;
    assert!(grown_kib < 2 * 1024 * 1024, "grew by {grown_kib} KiB");
}

#[cfg(target_os = "linux")]
fn peak_address_space_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
