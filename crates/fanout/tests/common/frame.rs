//! A protocol that a receiver can decode again: `u32 length | u8 encoding | u8 kind | u8 channel length | channel |
//! payload`.

use corecast_fanout::{Encode, Encoding};

/// One received frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message { channel: String, payload: Vec<u8> },
    Gap { channel: String, count: u64 },
    Answer(String),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FakeEncode;

impl Encode for FakeEncode {
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        write(encoding, b'M', channel, payload, out);
    }

    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>) {
        assert!(count > 0, "a gap of nothing");
        write(encoding, b'G', channel, &count.to_be_bytes(), out);
    }
}

/// Encodes the frame of an answer.
pub(crate) fn answer(encoding: Encoding, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write(encoding, b'A', "", text.as_bytes(), &mut out);
    out
}

/// Returns the number of bytes that a message has in any encoding.
pub(crate) fn message_bytes(channel: &str, payload: &[u8]) -> usize {
    7 + channel.len() + payload.len()
}

fn write(encoding: Encoding, kind: u8, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(3 + channel.len() + payload.len()).unwrap();
    out.extend_from_slice(&length.to_be_bytes());
    out.push(u8::try_from(encoding.index()).unwrap());
    out.push(kind);
    out.push(u8::try_from(channel.len()).unwrap());
    out.extend_from_slice(channel.as_bytes());
    out.extend_from_slice(payload);
}

impl Frame {
    pub(crate) fn message(channel: &str, payload: &[u8]) -> Self {
        Self::Message { channel: channel.to_owned(), payload: payload.to_owned() }
    }

    pub(crate) fn answer(text: &str) -> Self {
        Self::Answer(text.to_owned())
    }

    /// Decodes the frames at the front of `bytes`. Returns them with the number of bytes that they occupy; the rest is
    /// part of a frame.
    pub(crate) fn parse(encoding: Encoding, bytes: &[u8]) -> (Vec<Self>, usize) {
        let (mut frames, mut at) = (Vec::new(), 0);
        while let Some((head, rest)) = bytes[at..].split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            assert!(length < 1 << 20, "a frame begins here: {length} bytes at {at}");
            let Some(body) = rest.get(..length) else { break };
            frames.push(Self::parse_body(encoding, body));
            at += 4 + length;
        }
        (frames, at)
    }

    fn parse_body(encoding: Encoding, body: &[u8]) -> Self {
        let [found, kind, channel_length, rest @ ..] = body else { panic!("a frame of {} bytes", body.len()) };
        assert_eq!(usize::from(*found), encoding.index(), "the encoding of the connection");
        let (channel, payload) = rest.split_at(usize::from(*channel_length));
        let channel = String::from_utf8(channel.to_vec()).unwrap();
        match kind {
            b'M' => Self::Message { channel, payload: payload.to_vec() },
            b'G' => Self::Gap { channel, count: u64::from_be_bytes(payload.try_into().unwrap()) },
            b'A' => Self::Answer(String::from_utf8(payload.to_vec()).unwrap()),
            kind => panic!("a frame of kind {kind}"),
        }
    }
}
