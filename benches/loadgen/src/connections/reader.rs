//! Decoding of received bytes into deliveries and other items, with one buffer for all connections and no sockets.

use crate::protocol::Shape;
use crate::protocol::dialect::{Channel, Decoded, Dialect, Item};
use crate::verify::payload;
use crate::{Error, Settings};

/// A receiver of the server's items.
pub(crate) trait Sink {
    /// Begins a receive of this connection. `now_ns` is read once per receive: the time at which its bytes were
    /// available.
    fn begin(&mut self, _connection: usize, _now_ns: u64) {}

    /// Takes whole messages at the start of `bytes` that are known byte for byte. Returns their length. Only called for
    /// a connection with one channel.
    fn deliver_known(&mut self, _bytes: &[u8]) -> usize {
        0
    }

    /// Takes a message on the connection's own channel.
    fn deliver(&mut self, payload: &[u8]);

    /// Takes the whole message that was delivered last. Only called for a connection with one channel.
    fn learn(&mut self, _message: &[u8]) {}

    /// Takes any other item.
    fn item(&mut self, item: Item<'_>);

    /// Ends a receive, after all its bytes.
    fn end(&mut self) {}
}

/// The room before the received bytes for the tail of the previous item. This is the length of the longest accepted
/// item.
pub(crate) const HEADROOM: usize = 64 * 1024;
/// The most bytes of one receive.
pub(crate) const RECEIVE: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Reader<D> {
    pub(crate) dialect: D,
    shapes: Shapes,
    inbox: Vec<u8>,
}

impl<D: Dialect> Reader<D> {
    pub(crate) fn new(settings: &Settings, names: &[String], dialect: D) -> Self {
        Self { shapes: Shapes::new(settings, names, &dialect), dialect, inbox: vec![0; HEADROOM + RECEIVE] }
    }

    /// Returns the room for a receive.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.inbox[HEADROOM..]
    }

    /// Hands every whole received item to the sink, keeps the rest as the connection's tail for the next time, and
    /// appends the answers that the server requests.
    pub(crate) fn read(
        &mut self,
        connection: usize,
        received: usize,
        now_ns: u64,
        tail: &mut Vec<u8>,
        answers: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Error> {
        let start = HEADROOM - tail.len();
        self.inbox[start..HEADROOM].copy_from_slice(tail);
        let mut rest = &self.inbox[start..HEADROOM + received];
        sink.begin(connection, now_ns);
        loop {
            rest = self.shapes.deliver(connection, rest, sink);
            match self.dialect.decode(rest) {
                Ok(Decoded::Item(item, consumed)) => {
                    if let Item::Ping(body) = item {
                        self.dialect.pong(body, answers);
                    } else {
                        sink.item(item);
                    }
                    rest = &rest[consumed..];
                }
                Ok(Decoded::Incomplete) if rest.len() <= HEADROOM => break,
                Ok(Decoded::Incomplete) => {
                    return Err(Error::Protocol { connection, reason: "an item over 64 KiB".to_owned() });
                }
                Err(fault) => return Err(Error::Protocol { connection, reason: fault.0 }),
            }
        }
        tail.clear();
        tail.extend_from_slice(rest);
        sink.end();
        Ok(())
    }
}

/// The shape of the messages of each channel, and the channels of each connection.
#[derive(Debug)]
struct Shapes {
    by_channel: Vec<Shape>,
    /// True if each connection has one channel.
    one_each: bool,
    /// The offset at which every payload begins.
    head_len: usize,
}

impl Shapes {
    fn new<D: Dialect>(settings: &Settings, names: &[String], dialect: &D) -> Self {
        let shape = |(number, name): (usize, &String)| dialect.shape(Channel { name, number }, settings.payload_bytes);
        let shapes: Vec<Shape> = names.iter().enumerate().map(shape).collect();
        Self { one_each: settings.subscriptions == 1, head_len: shapes[0].head_len(), by_channel: shapes }
    }

    /// Delivers the messages at the start of `bytes`. Returns the bytes after them.
    #[inline]
    fn deliver<'a>(&self, index: usize, mut bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        if self.one_each {
            let shape = &self.by_channel[index % self.by_channel.len()];
            bytes = &bytes[sink.deliver_known(bytes)..];
            while let Some((payload, consumed)) = shape.payload(bytes) {
                sink.deliver(payload);
                sink.learn(&bytes[..consumed]);
                bytes = &bytes[consumed..];
            }
        } else {
            while let Some((payload, consumed)) = self.guess(bytes).and_then(|shape| shape.payload(bytes)) {
                sink.deliver(payload);
                bytes = &bytes[consumed..];
            }
        }
        bytes
    }

    /// Returns the shape of the channel that the payload names. The head must still be compared with it.
    #[inline]
    fn guess(&self, bytes: &[u8]) -> Option<&Shape> {
        self.by_channel.get(usize::from(payload::channel_of(bytes.get(self.head_len..)?)?))
    }
}
