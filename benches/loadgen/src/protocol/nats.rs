//! Core NATS: the part of it that a server sends to a client with one subscription.

use super::Shape;
use super::cursor::{Cursor, Stop, number, stopped};
use super::dialect::{Channel, Decoded, Dialect, Fault, Item};
use std::io::Write;

#[derive(Debug)]
pub(crate) struct Nats;

/// The options of NATS's own benchmark: no acknowledgements, no subject checks, no echo of the client's own messages.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"rust\",\
    \"version\":\"0\",\"name\":\"corecast-loadgen\",\"protocol\":1}\r\n";

impl Dialect for Nats {
    const PUBLISHERS_RECEIVE: bool = false;
    /// The answer is the PONG to the PING after CONNECT.
    const PUBLISHER_ANSWERS: usize = 1;

    /// The answer is the PONG to the PING after the last SUB, because a server works in order.
    fn subscriber_answers(_subscriptions: usize) -> usize {
        1
    }

    fn subscribe<'n>(&self, channels: impl Iterator<Item = Channel<'n>>, out: &mut Vec<u8>) {
        out.extend_from_slice(CONNECT);
        for Channel { name, number } in channels {
            // The identifier is padded, so that all messages of a run have the same length.
            write!(out, "SUB {name} {number:05}\r\n").expect("a vector takes every write");
        }
        out.extend_from_slice(b"PING\r\n");
    }

    fn greet(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(CONNECT);
        out.extend_from_slice(b"PING\r\n");
    }

    fn publish(&self, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        write!(out, "PUB {channel} {}\r\n", payload.len()).expect("a vector takes every write");
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    fn shape(&self, Channel { name, number }: Channel<'_>, payload_len: usize) -> Shape {
        Shape::new(format!("MSG {name} {number:05} {payload_len}\r\n").as_bytes(), 0..0, payload_len, b"\r\n")
    }

    fn pong(&self, _body: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"PONG\r\n");
    }

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault> {
        let mut cursor = Cursor::new(bytes);
        match item(&mut cursor) {
            Ok(item) => Ok(Decoded::Item(item, cursor.consumed())),
            Err(stop) => stopped(stop, bytes),
        }
    }
}

#[inline]
fn item<'a>(cursor: &mut Cursor<'a>) -> Result<Item<'a>, Stop> {
    let line = cursor.line()?;
    if let Some(arguments) = line.strip_prefix(b"MSG ") {
        return message(arguments, cursor);
    }
    match line {
        b"PING" => Ok(Item::Ping(&[])),
        b"PONG" => Ok(Item::Answer),
        b"+OK" => Ok(Item::Nothing),
        _ if line.starts_with(b"INFO ") => Ok(Item::Nothing),
        _ if line.starts_with(b"-ERR") => Ok(Item::Refusal(line)),
        _ => Err(Stop::Fault("not what a NATS server says")),
    }
}

/// Parses subject, subscription and length. There is no reply subject, because this client gave none.
#[inline]
fn message<'a>(arguments: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Item<'a>, Stop> {
    let mut words = arguments.split(|byte| *byte == b' ');
    let (Some(channel), Some(_subscription), Some(len), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Stop::Fault("MSG without its three arguments"));
    };
    Ok(Item::Delivery { channel, payload: cursor.counted(number(len)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_gives_the_same() {
        let bytes = b"INFO {\"server_id\":\"x\"}\r\nPONG\r\nMSG bench0 1 5\r\na\r\nb\n\r\nPING\r\n+OK\r\n-ERR 'no'\r\n";
        let expected = [
            Item::Nothing,
            Item::Answer,
            Item::Delivery { channel: b"bench0", payload: b"a\r\nb\n" },
            Item::Ping(b""),
            Item::Nothing,
            Item::Refusal(b"-ERR 'no'"),
        ];
        crate::protocol::dialect::assert_every_split(&Nats, bytes, &expected);
    }

    #[test]
    fn what_is_not_nats_is_a_fault() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"MSG a 1\r\n", b"MSG a 1 x\r\n", b"MSG a 1 1\r\nabc\r\n", b"PONG\n"] {
            assert!(Nats.decode(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_message_has_its_shape() {
        crate::protocol::dialect::assert_shape(&Nats, b"MSG bench0 00001 8\r\npayload!\r\n", "bench0", b"payload!");
        let shape = Nats.shape(Channel { name: "bench0", number: 1 }, 8);
        assert_eq!(shape.payload(b"MSG bench0 00001 8\r\npayload!\r "), None);
        assert_eq!(shape.payload(b"MSG bench0 00002 8\r\npayload!\r\n"), None);
    }
}
