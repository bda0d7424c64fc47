//! The receiving half of a run, without server and sockets: the generator's cost of a delivery.

use crate::connections::reader::Reader;
use crate::load::in_flight_window::InFlightWindow;
use crate::protocol::dialect::{Channel, Decoded, Dialect, Item};
use crate::protocol::{Native, Nats, Plain, Redis, Shape};
use crate::verify::delivery_verifier::DeliveryVerifier;
use crate::verify::payload::{Header, Stamp};
use crate::{Load, Protocol, Settings};
use std::fmt;
use std::net::SocketAddr;

/// Makes subscribers of one channel receive batches of messages with 64 bytes of payload, in a closed loop of eight
/// publishers, through everything that a run does with them. For benchmarks.
pub struct ReceiveBenchmark {
    audience: Box<dyn AnyProtocol>,
}

const PUBLISHERS: u64 = 8;
/// The number of messages that a publisher sends at once.
const CREDIT: u64 = 8;

impl ReceiveBenchmark {
    /// Creates a benchmark with this number of messages in a batch and this number of subscribers.
    ///
    /// It is never freed completely, because the data that it refers to is leaked.
    ///
    /// # Panics
    /// If `messages` is not a multiple of 64.
    pub fn new(protocol: Protocol, subscribers: usize, messages: usize) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let publishers = usize::try_from(PUBLISHERS).expect("a few");
        let load = Load::Saturate { in_flight: messages };
        let settings = Settings { subscribers, publishers, ..Settings::new(address, protocol, load) };
        let audience: Box<dyn AnyProtocol> = match protocol {
            Protocol::Plain => Box::new(Audience::new(settings, Plain::new(), messages)),
            Protocol::Native => Box::new(Audience::new(settings, Native::new(), messages)),
            Protocol::Redis => Box::new(Audience::new(settings, Redis, messages)),
            Protocol::Nats => Box::new(Audience::new(settings, Nats, messages)),
        };
        Self { audience }
    }

    /// Publishes the next batch.
    ///
    /// # Panics
    /// If the batch exceeds one receive, 256 KiB.
    pub fn prepare(&mut self) {
        self.audience.prepare();
    }

    /// Makes every subscriber receive the batch, in one receive each.
    ///
    /// # Panics
    /// If the batch is not of the protocol.
    pub fn receive(&mut self) {
        self.audience.receive();
    }

    /// Decodes the batch with the protocol's decoder alone, which otherwise sees only bytes that are unlike the batch's
    /// messages. Returns the number of messages.
    ///
    /// # Panics
    /// If the batch is not of the protocol.
    pub fn decode(&self) -> usize {
        self.audience.decode()
    }

    /// Returns true if every subscriber has every message of every batch, once, in order and intact.
    pub fn held(&self) -> bool {
        self.audience.held()
    }
}

impl fmt::Debug for ReceiveBenchmark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReceiveBenchmark").finish_non_exhaustive()
    }
}

/// An audience of any protocol.
trait AnyProtocol {
    fn prepare(&mut self);
    fn receive(&mut self);
    fn decode(&self) -> usize;
    fn held(&self) -> bool;
}

struct Audience<D> {
    settings: &'static Settings,
    stamp: &'static Stamp,
    shape: Shape,
    reader: Reader<D>,
    verifier: DeliveryVerifier<'static>,
    messages: u64,
    /// The number of messages so far.
    published: u64,
    bytes: Vec<u8>,
    tail: Vec<u8>,
    answers: Vec<u8>,
}

impl<D: Dialect> Audience<D> {
    fn new(settings: Settings, dialect: D, messages: usize) -> Self {
        let settings: &Settings = Box::leak(Box::new(settings));
        let names: &[String] = settings.channel_names().leak();
        let stamp: &Stamp = Box::leak(Box::new(Stamp::new(1, settings.payload_bytes)));
        let in_flight_window = Some(InFlightWindow::new(settings, messages));
        let messages = messages as u64;
        assert!(messages.is_multiple_of(PUBLISHERS * CREDIT), "every publisher's credit in full");
        Self {
            settings,
            stamp,
            shape: dialect.shape(Channel { name: &names[0], number: 0 }, settings.payload_bytes),
            reader: Reader::new(settings, names, dialect),
            // Publishers do not receive, in `plain` either.
            verifier: DeliveryVerifier::new(settings, names, stamp, false, 0..u64::MAX, in_flight_window),
            messages,
            published: 0,
            bytes: Vec::new(),
            tail: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Makes a subscriber receive the bytes in the reader's room.
    fn read(&mut self, subscriber: usize, len: usize) {
        let now_ns = 1_000 * self.published + subscriber as u64;
        self.reader
            .read(subscriber, len, now_ns, &mut self.tail, &mut self.answers, &mut self.verifier)
            .expect("messages of the protocol");
        assert!(self.tail.is_empty() && self.answers.is_empty(), "whole messages only");
    }
}

impl<D: Dialect> AnyProtocol for Audience<D> {
    fn prepare(&mut self) {
        self.bytes.clear();
        let mut payload = Vec::new();
        for message in self.published..self.published + self.messages {
            let (turn, nth) = (message / CREDIT, message % CREDIT);
            let (round, publisher) = (turn / PUBLISHERS, turn % PUBLISHERS);
            let publisher = u16::try_from(publisher).expect("a few");
            // All messages that are sent at one time are due at that time.
            let intended_ns = 1_000 * round;
            payload.clear();
            let header = Header { publisher, channel: 0, sequence: round * CREDIT + nth, intended_ns };
            self.stamp.write(header, &mut payload);
            self.shape.write(&payload, &mut self.bytes);
            self.verifier.sent(usize::from(publisher), 0, intended_ns);
        }
        self.published += self.messages;
        self.reader.room()[..self.bytes.len()].copy_from_slice(&self.bytes);
    }

    fn receive(&mut self) {
        (0..self.settings.subscribers).for_each(|subscriber| self.read(subscriber, self.bytes.len()));
    }

    fn decode(&self) -> usize {
        let mut rest = self.bytes.as_slice();
        let mut messages = 0;
        while let Ok(Decoded::Item(Item::Delivery { .. }, consumed)) = self.reader.dialect.decode(rest) {
            rest = &rest[consumed..];
            messages += 1;
        }
        assert!(rest.is_empty(), "whole messages of the protocol");
        messages
    }

    fn held(&self) -> bool {
        let checks = self.verifier.checks(|_, _| self.published / PUBLISHERS);
        let subscribers = self.settings.subscribers as u64;
        checks.all_held() && self.verifier.counts.to_subscribers == self.published * subscribers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checks;

    const PROTOCOLS: [Protocol; 4] = [Protocol::Plain, Protocol::Native, Protocol::Redis, Protocol::Nats];

    #[test]
    fn every_run_is_received_in_full_and_the_decoder_finds_the_same_messages() {
        // The cases are: too few subscribers to compare, enough of them, and more messages than a reference stream
        // keeps.
        for (subscribers, messages, runs) in [(3, 128, 2), (8, 128, 2), (8, 1024, 7)] {
            for protocol in PROTOCOLS {
                let mut benchmark = ReceiveBenchmark::new(protocol, subscribers, messages);
                for _ in 0..runs {
                    benchmark.prepare();
                    assert!(!benchmark.held(), "{protocol}: the run is still to come");
                    benchmark.receive();
                    assert!(benchmark.held(), "{protocol}");
                }
                assert_eq!(benchmark.decode(), messages, "{protocol}");
            }
        }
    }

    /// Returns the faults that are found in one subscriber's messages when the one before it received the same messages
    /// unchanged.
    fn wrong(spoil: impl Fn(&mut Vec<Vec<u8>>)) -> Checks {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let settings = Settings { subscribers: 4, ..Settings::new(address, Protocol::Redis, Load::Paced { rate: 1 }) };
        let mut audience = Audience::new(settings, Redis, 64);
        for run in 0..3 {
            audience.prepare();
            audience.read(0, audience.bytes.len());
            let mut messages: Vec<_> = audience.bytes.chunks(audience.bytes.len() / 64).map(<[u8]>::to_vec).collect();
            if run == 1 {
                spoil(&mut messages);
            }
            let bytes = messages.concat();
            audience.reader.room()[..bytes.len()].copy_from_slice(&bytes);
            (1..4).for_each(|subscriber| audience.read(subscriber, bytes.len()));
        }
        audience.verifier.checks(|_, _| audience.published / PUBLISHERS)
    }

    #[test]
    fn what_one_had_in_order_hides_nothing_that_is_wrong_for_the_others() {
        assert_eq!(wrong(|_| ()), Checks::default());
        let altered = |messages: &mut Vec<Vec<u8>>| messages[20][70] ^= 1;
        assert_eq!(wrong(altered), Checks { altered: 3, ..Checks::default() });
        assert_eq!(wrong(|messages| messages.swap(20, 21)), Checks { reordered: 3, ..Checks::default() });
        let repeated = |messages: &mut Vec<Vec<u8>>| messages.insert(20, messages[20].clone());
        assert_eq!(wrong(repeated), Checks { duplicated: 3, ..Checks::default() });
        let missing = |messages: &mut Vec<Vec<u8>>| drop(messages.remove(20));
        assert_eq!(wrong(missing), Checks { lost: 3, ..Checks::default() });
    }

    #[test]
    fn publishers_may_come_in_another_order_to_each() {
        assert_eq!(wrong(|messages| messages.rotate_left(8)), Checks::default());
    }
}
