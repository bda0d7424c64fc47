//! The interface that the protocols have in common, seen from a load generator.
//!
//! A dialect is a pure codec: it keeps nothing between calls and does no input or output. The run is
//! generic over it, so that nothing on the path of a delivery is called through a pointer.

use super::Shape;

/// A channel: its name, and its number for protocols in which a subscription has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel<'n> {
    pub(crate) name: &'n str,
    pub(crate) number: usize,
}

/// A protocol in the client's direction.
pub(crate) trait Dialect {
    /// True if publishers are sent every message too.
    const PUBLISHERS_RECEIVE: bool;
    /// The number of [`Item::Answer`]s that show that a publisher may begin.
    const PUBLISHER_ANSWERS: usize;

    /// The number of [`Item::Answer`]s that prove that a subscriber has this many subscriptions. None: the protocol
    /// cannot say, and the run proves it with probes.
    fn subscriber_answers(subscriptions: usize) -> usize;

    /// Appends what a subscriber of these channels sends first.
    fn subscribe<'n>(&self, channels: impl Iterator<Item = Channel<'n>>, out: &mut Vec<u8>);

    /// Appends what a publisher sends first.
    fn greet(&self, out: &mut Vec<u8>);

    /// Appends one message.
    fn publish(&self, channel: &str, payload: &[u8], out: &mut Vec<u8>);

    /// What a message of a channel looks like when it arrives.
    fn shape(&self, channel: Channel<'_>, payload_len: usize) -> Shape;

    /// Appends the answer to [`Item::Ping`].
    fn pong(&self, body: &[u8], out: &mut Vec<u8>);

    /// Decodes the item at the start of `bytes`.
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, Fault>;
}

/// The content of the start of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// Not a whole item.
    Incomplete,
    /// An item, and the bytes that it took.
    Item(Item<'a>, usize),
}

/// An item of a server's stream, as far as a load generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A message for a subscriber.
    Delivery { channel: &'a [u8], payload: &'a [u8] },
    /// The server agreed to what was sent first.
    Answer,
    /// The server says that this many messages were lost.
    Gap(u64),
    /// The server wants a pong.
    Ping(&'a [u8]),
    /// The server ends the connection, or refuses what was asked.
    Refusal(&'a [u8]),
    /// Nothing that matters here.
    Nothing,
}

/// Bytes that are not of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

/// The fault at the start of `bytes`.
#[cold]
pub(super) fn fault(reason: &dyn std::fmt::Display, bytes: &[u8]) -> Fault {
    Fault(format!("{reason}: {}", bytes[..bytes.len().min(40)].escape_ascii()))
}

/// Checks that the shape of a message is what the decoder makes of it.
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

/// Feeds `bytes` in two parts, cut at every place, and checks that the items are `expected`.
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
