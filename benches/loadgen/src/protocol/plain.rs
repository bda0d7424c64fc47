//! `plain`: a length and a payload, sent to every connection.

use super::Shape;
use super::dialect::{Channel, Decoded, Dialect, Fault, Item};
use corecast_wire::{Decode, FrameLimits, Step, plain};

#[derive(Debug)]
pub(crate) struct Plain {
    decoder: plain::Decoder,
}

impl Plain {
    pub(crate) fn new() -> Self {
        Self { decoder: plain::Decoder { limits: FrameLimits::PLAIN } }
    }
}

impl Dialect for Plain {
    const PUBLISHERS_RECEIVE: bool = true;
    const PUBLISHER_ANSWERS: usize = 0;

    fn subscriber_answers(_subscriptions: usize) -> usize {
        0
    }

    fn subscribe<'n>(&self, _channels: impl Iterator<Item = Channel<'n>>, _out: &mut Vec<u8>) {}

    fn greet(&self, _out: &mut Vec<u8>) {}

    fn publish(&self, _channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        plain::encode(payload, out);
    }

    fn shape(&self, _channel: Channel<'_>, payload_len: usize) -> Shape {
        let mut message = Vec::new();
        plain::encode(&vec![0; payload_len], &mut message);
        Shape::new(&message[..plain::HEADER_LEN], 0..0, payload_len, b"")
    }

    fn pong(&self, _body: &[u8], _out: &mut Vec<u8>) {}

    #[inline]
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault> {
        match self.decoder.decode(bytes) {
            Ok(Step::Frame { frame, consumed }) => {
                Ok(Decoded::Item(Item::Delivery { channel: &[], payload: frame }, consumed))
            }
            Ok(Step::Incomplete { .. }) => Ok(Decoded::Incomplete),
            Err(error) => Err(Fault(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_gives_the_same() {
        let mut bytes = Vec::new();
        Plain::new().publish("", b"one", &mut bytes);
        Plain::new().publish("", b"", &mut bytes);
        let expected = [b"one".as_slice(), b""].map(|payload| Item::Delivery { channel: b"", payload });
        crate::protocol::dialect::assert_every_split(&Plain::new(), &bytes, &expected);
    }

    #[test]
    fn a_message_has_its_shape() {
        let mut message = Vec::new();
        plain::encode(&[7; 33], &mut message);
        crate::protocol::dialect::assert_shape(&Plain::new(), &message, "", &[7; 33]);
    }
}
