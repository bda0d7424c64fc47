//! The common interface of the protocols, from the point of view of a load generator.
//!
//! A dialect is a pure codec: it keeps nothing between calls and does no input or output. The run is generic over it,
//! so that nothing on the path of a delivery is called through a pointer.

use super::Shape;

/// A channel: its name, and its number for protocols in which a subscription has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel<'n> {
    pub(crate) name: &'n str,
    pub(crate) number: usize,
}

/// The client's side of a protocol.
pub(crate) trait Dialect {
    /// True if publishers are sent every message too.
    const PUBLISHERS_RECEIVE: bool;
    /// The number of [`Item::Answer`]s after which a publisher may begin.
    const PUBLISHER_ANSWERS: usize;

    /// Returns the number of [`Item::Answer`]s that prove that a subscriber has this many subscriptions. If it is zero,
    /// the protocol cannot tell, and the run proves it with probes.
    fn subscriber_answers(subscriptions: usize) -> usize;

    /// Appends the first bytes of a subscriber of these channels.
    fn subscribe<'n>(&self, channels: impl Iterator<Item = Channel<'n>>, out: &mut Vec<u8>);

    /// Appends the first bytes of a publisher.
    fn greet(&self, out: &mut Vec<u8>);

    /// Appends one message.
    fn publish(&self, channel: &str, payload: &[u8], out: &mut Vec<u8>);

    /// Returns the shape in which a message of a channel arrives.
    fn shape(&self, channel: Channel<'_>, payload_len: usize) -> Shape;

    /// Appends the answer to [`Item::Ping`].
    fn pong(&self, body: &[u8], out: &mut Vec<u8>);

    /// Decodes the item at the start of `bytes`.
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault>;
}

/// The result of decoding the start of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// Not a whole item.
    Incomplete,
    /// An item, and the number of bytes that it occupied.
    Item(Item<'a>, usize),
}

/// An item of a server's stream, as far as a load generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A message for a subscriber.
    Delivery { channel: &'a [u8], payload: &'a [u8] },
    /// The server accepted the first bytes.
    Answer,
    /// The server reports that this many messages were lost.
    Gap(u64),
    /// The server requests a pong.
    Ping(&'a [u8]),
    /// The server ends the connection, or refuses a request.
    Refusal(&'a [u8]),
    /// An item that does not matter here.
    Nothing,
}

/// Bytes that are not of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

/// Creates the fault at the start of `bytes`.
#[cold]
pub(super) fn fault(reason: &dyn std::fmt::Display, bytes: &[u8]) -> Fault {
    Fault(format!("{reason}: {}", bytes[..bytes.len().min(40)].escape_ascii()))
}

/// Checks that the shape of a message agrees with the decoder.
#[cfg(test)]
pub(super) fn assert_shape<D: Dialect>(dialect: &D, message: &[u8], channel: &str, payload: &[u8]) {
    let shape = dialect.shape(Channel { name: channel, number: 1 }, payload.len());
    let delivery = Item::Delivery { channel: channel.as_bytes(), payload };
    assert_eq!(dialect.decode(message), Ok(Decoded::Item(delivery, message.len())));
    assert_eq!(shape.payload(message), Some((payload, message.len())));
    assert_eq!(shape.payload(&message[..message.len() - 1]), None);
    if !channel.is_empty() {
        let other = Channel { name: &"x".repeat(channel.len()), number: 1 };
        assert_eq!(dialect.shape(other, payload.len()).payload(message), None);
    }
}

/// Feeds `bytes` in two parts, split at every position, and checks that the items are `expected`.
#[cfg(test)]
pub(super) fn assert_every_split<D: Dialect>(dialect: &D, bytes: &[u8], expected: &[Item<'_>]) {
    for cut in 0..=bytes.len() {
        let mut at = 0;
        let mut seen = Vec::new();
        for end in [cut, bytes.len()] {
            while let Decoded::Item(item, consumed) = dialect.decode(&bytes[at..end]).unwrap() {
                seen.push(item);
                at += consumed;
            }
        }
        assert_eq!(seen, expected, "cut at {cut}");
        assert_eq!(at, bytes.len(), "cut at {cut}");
    }
}
