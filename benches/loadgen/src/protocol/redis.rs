//! Redis publish and subscribe, in RESP2: the part that such a server sends. The parser is redust-resp's
//! (`docs/decisions/0009-decoders.md`).

use super::Shape;
use super::dialect::{Channel, Decoded, Dialect, Fault, Item, fault};
use redust_resp::ParseError;
use redust_resp::resp2::parser::{Value, parse_bytes, parse_value};
use std::io::Write;

#[derive(Debug)]
pub(crate) struct Redis;

impl Dialect for Redis {
    const PUBLISHERS_RECEIVE: bool = false;
    /// The answer is the reply to PING.
    const PUBLISHER_ANSWERS: usize = 1;

    /// The answers are the replies to each SUBSCRIBE.
    fn subscriber_answers(subscriptions: usize) -> usize {
        subscriptions
    }

    fn subscribe<'n>(&self, channels: impl Iterator<Item = Channel<'n>>, out: &mut Vec<u8>) {
        for channel in channels {
            command(&[b"SUBSCRIBE", channel.name.as_bytes()], out);
        }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        command(&[b"PING"], out);
    }

    fn publish(&self, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        command(&[b"PUBLISH", channel.as_bytes(), payload], out);
    }

    fn shape(&self, channel: Channel<'_>, payload_len: usize) -> Shape {
        let channel = channel.name;
        let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n${payload_len}\r\n", channel.len());
        Shape::new(head.as_bytes(), 0..0, payload_len, b"\r\n")
    }

    fn pong(&self, _body: &[u8], _out: &mut Vec<u8>) {}

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault> {
        let mut rest = bytes;
        match item(&mut rest) {
            Ok(Some(item)) => Ok(Decoded::Item(item, bytes.len() - rest.len())),
            Ok(None) => Err(fault(&"not a reply that was asked for", bytes)),
            Err(ParseError::Incomplete(_)) => Ok(Decoded::Incomplete),
            Err(error) => Err(fault(&error, bytes)),
        }
    }
}

fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    let infallible = "a vector takes every write";
    write!(out, "*{}\r\n", words.len()).expect(infallible);
    for word in words {
        write!(out, "${}\r\n", word.len()).expect(infallible);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Parses an item. None if such a server does not send it here.
#[inline]
fn item<'a>(rest: &mut &'a [u8]) -> Result<Option<Item<'a>>, ParseError> {
    Ok(match parse_value(rest)? {
        Value::Array(Some(3)) => push(rest)?,
        // This is the reply to PUBLISH, with the number of receivers.
        Value::Integer(_) => Some(Item::Nothing),
        Value::SimpleString("PONG") => Some(Item::Answer),
        Value::Error(reason) => Some(Item::Refusal(reason.as_bytes())),
        _ => None,
    })
}

/// Parses an array of three: `message`, channel and payload, or `subscribe`, channel and a count.
#[inline]
fn push<'a>(rest: &mut &'a [u8]) -> Result<Option<Item<'a>>, ParseError> {
    let (kind, channel) = (parse_bytes(rest)?, parse_bytes(rest)?);
    Ok(match (kind, channel, parse_value(rest)?) {
        (Some(b"message"), Some(channel), Value::BulkString(Some(payload))) => {
            Some(Item::Delivery { channel, payload })
        }
        (Some(b"subscribe"), Some(_), Value::Integer(_)) => Some(Item::Answer),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_gives_the_same() {
        let bytes = b"+PONG\r\n*3\r\n$9\r\nsubscribe\r\n$6\r\nbench0\r\n:1\r\n\
            *3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$5\r\na\r\nb\n\r\n:12\r\n-ERR no\r\n";
        let delivery = Item::Delivery { channel: b"bench0", payload: b"a\r\nb\n" };
        let expected = [Item::Answer, Item::Answer, delivery, Item::Nothing, Item::Refusal(b"ERR no")];
        crate::protocol::dialect::assert_every_split(&Redis, bytes, &expected);
    }

    #[test]
    fn what_is_not_resp_is_a_fault() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"*3\r\n:1\r\n", b"*3\r\n$x\r\n", b"*3\r\n$1\r\nabc\r\n", b"+PONG\n"] {
            assert!(Redis.decode(bytes).is_err(), "{}", bytes.escape_ascii());
        }
        let nested = [b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n".as_slice(), &b"*1\r\n".repeat(100_000)].concat();
        assert!(Redis.decode(&nested).is_err(), "arrays in arrays cost no stack");
    }

    #[test]
    fn a_publish_is_three_bulk_strings() {
        let mut out = Vec::new();
        Redis.publish("c", b"pay", &mut out);
        assert_eq!(out, b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$3\r\npay\r\n");
    }

    #[test]
    fn a_message_has_its_shape() {
        let message = b"*3\r\n$7\r\nmessage\r\n$6\r\nbench0\r\n$8\r\npayload!\r\n";
        crate::protocol::dialect::assert_shape(&Redis, message, "bench0", b"payload!");
        assert_eq!(
            Redis.shape(Channel { name: "bench0", number: 0 }, 8).payload(&message.map(|byte| if byte == b'\n' {
                b' '
            } else {
                byte
            })),
            None
        );
    }
}
