//! The messages that one read of a publisher brought, encoded once per channel and encoding.

use corecast_fanout::{Encode, Encoding, MAX_ENCODINGS, Publication};
use std::collections::HashMap;
use std::sync::Arc;

/// The messages of one read, by channel, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    channels: Vec<Channel>,
    by_name: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Channel {
    name: Arc<str>,
    /// The payloads, one after the other, for encodings that only turn out to be needed later.
    payloads: Vec<u8>,
    messages: Vec<Message>,
    by_encoding: [Option<EncodedMessages>; MAX_ENCODINGS],
    /// The messages that the publisher itself gets, if it gets fewer.
    echo: Option<EncodedMessages>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    end: usize,
    no_echo: bool,
}

/// Encoded messages.
#[derive(Debug, Default)]
pub(crate) struct EncodedMessages {
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: u64,
}

impl Batch {
    /// Returns the channels, in the order of their indices.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.channels.iter().map(|channel| &channel.name)
    }

    /// Adds a message. It is encoded at once in the publisher's own protocol, because most subscribers use the same one
    /// and no lock is held yet.
    pub(crate) fn add(&mut self, publication: &Publication<'_>, encoding: Encoding, encode: &impl Encode) {
        let index = match self.by_name.get(publication.channel) {
            Some(index) => *index,
            None => self.add_channel(publication.channel),
        };
        let channel = &mut self.channels[index];
        channel.payloads.extend_from_slice(publication.payload);
        channel.messages.push(Message { end: channel.payloads.len(), no_echo: publication.no_echo });
        let encoded = channel.by_encoding[encoding.index()].get_or_insert_default();
        encoded.messages += 1;
        encode.message(encoding, publication.channel, publication.payload, &mut encoded.bytes);
    }

    fn add_channel(&mut self, name: &str) -> usize {
        let name: Arc<str> = Arc::from(name);
        let index = self.channels.len();
        self.by_name.insert(Arc::clone(&name), index);
        self.channels.push(Channel {
            name,
            payloads: Vec::new(),
            messages: Vec::new(),
            by_encoding: [const { None }; MAX_ENCODINGS],
            echo: None,
        });
        index
    }

    /// Returns true if the publisher itself gets fewer messages than the others.
    pub(crate) fn spares_publisher(&self, index: usize) -> bool {
        self.channels[index].messages.iter().any(|message| message.no_echo)
    }

    /// Takes the encoded messages for a subscriber of the channel. They must not be asked for again.
    pub(crate) fn take_encoded(
        &mut self,
        index: usize,
        encoding: Encoding,
        own: bool,
        encode: &impl Encode,
    ) -> EncodedMessages {
        std::mem::take(self.encoded(index, encoding, own, encode))
    }

    /// Returns the encoded messages for a subscriber of the channel; `own` if it is the publisher.
    pub(crate) fn encoded(
        &mut self,
        index: usize,
        encoding: Encoding,
        own: bool,
        encode: &impl Encode,
    ) -> &mut EncodedMessages {
        let Channel { name, payloads, messages, by_encoding, echo } = &mut self.channels[index];
        if own && messages.iter().any(|message| message.no_echo) {
            let encoded = || encode_all(name, payloads, messages, false, encoding, encode);
            return echo.get_or_insert_with(encoded);
        }
        by_encoding[encoding.index()]
            .get_or_insert_with(|| encode_all(name, payloads, messages, true, encoding, encode))
    }

    pub(crate) fn clear(&mut self) {
        self.channels.clear();
        self.by_name.clear();
    }
}

fn encode_all(
    name: &str,
    payloads: &[u8],
    messages: &[Message],
    no_echo_too: bool,
    encoding: Encoding,
    encode: &impl Encode,
) -> EncodedMessages {
    let mut encoded = EncodedMessages::default();
    let mut begin = 0;
    for message in messages {
        let payload = &payloads[std::mem::replace(&mut begin, message.end)..message.end];
        if no_echo_too || !message.no_echo {
            encoded.messages += 1;
            encode.message(encoding, name, payload, &mut encoded.bytes);
        }
    }
    encoded
}
