//! Messages that are equal for many subscribers of a channel are verified for one of them and compared for the others.
//!
//! A message is verified for the first connection that receives it, and is appended to a reference stream. The bytes of
//! a connection that is synchronised with the reference stream are compared with it, many messages at a time, and the
//! connection gets the headers that were read before. So every byte of every delivery is either verified or equal to
//! one that was. Order, loss and duplicates are accounted for by header as usual.
//!
//! A connection that receives something else, such as another order of publishers, loses synchronisation. Then
//! everything that it receives is verified, until it has received exactly what a reference stream had when a receive
//! began. A channel has several reference streams, because a server of several shards has as many orders. An unused
//! stream is assigned to the next unsynchronised connection.

use crate::Settings;
use crate::verify::payload::Header;
use std::ops::Range;

#[derive(Debug, Default)]
pub(crate) struct ReferenceStreams {
    /// The streams, [`ORDERS`](Self::ORDERS) for each channel, one channel's after the other's. Empty if no channel has
    /// a large enough audience.
    all: Vec<ReferenceStream>,
    /// The position of each connection.
    positions: Vec<Option<Position>>,
    /// The most bytes that a reference stream keeps.
    max_bytes: usize,
}

/// The position of a synchronised connection.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The index of the reference stream among those of its channel.
    order: usize,
    /// The number of the next message.
    next: u64,
}

#[derive(Debug, Default)]
struct ReferenceStream {
    /// Whole messages, all of the same length.
    bytes: Vec<u8>,
    message_len: usize,
    /// The headers of the messages, in runs of one or more. The first run may have begun before the kept messages.
    runs: Vec<Run>,
    /// The number of the first kept message, counted from the first ever, and the number of the next one.
    first: u64,
    end: u64,
    /// The sequence after the last message here, by publisher.
    sequences: Vec<u64>,
    /// The positions at which receives began that appended to the stream, with the sequences there; the oldest is
    /// replaced.
    begins: [(u64, Vec<u64>); BEGINS],
    oldest: usize,
    /// The number of synchronised connections.
    followers: usize,
}

/// The number of such positions that are remembered for others to synchronise at, because some are further ahead than
/// others.
const BEGINS: usize = 4;

/// Consecutive messages of one publisher that were due at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The header of the first message.
    pub(crate) header: Header,
    pub(crate) count: u64,
    /// The number of the first message in the reference stream.
    begin: u64,
}

impl Run {
    /// Returns the part of the run that is within these numbers.
    fn within(&self, numbers: &Range<u64>) -> Self {
        let (begin, end) = (self.begin.max(numbers.start), (self.begin + self.count).min(numbers.end));
        let header = Header { sequence: self.header.sequence + (begin - self.begin), ..self.header };
        Self { header, count: end - begin, begin }
    }

    fn takes(&self, header: Header) -> bool {
        Header { sequence: self.header.sequence + self.count, ..self.header } == header
    }
}

impl ReferenceStreams {
    /// The most reference streams of a channel.
    const ORDERS: usize = 4;
    /// The least subscribers of a channel for which it is worth copying its messages.
    const MIN_AUDIENCE: usize = 4;
    /// The most bytes of a reference stream: one receive. A connection that is further behind is not synchronised.
    const MAX_BYTES: usize = 256 * 1024;
    /// The most bytes of all reference streams. If that would leave only a few messages for each, there are none.
    const MAX_TOTAL_BYTES: usize = 128 * 1024 * 1024;
    const MIN_MESSAGES: usize = 16;

    /// Creates the streams for connections with these channels, or none.
    pub(crate) fn new(settings: &Settings, channels: impl Iterator<Item = Option<usize>>) -> Self {
        let count = settings.channels * Self::ORDERS;
        let max_bytes = Self::MAX_BYTES.min(Self::MAX_TOTAL_BYTES / count);
        let pays = settings.subscriptions == 1
            && settings.subscribers >= Self::MIN_AUDIENCE * settings.channels
            && max_bytes >= Self::MIN_MESSAGES * settings.payload_bytes;
        let stream = || ReferenceStream { sequences: vec![0; settings.publishers], ..ReferenceStream::default() };
        let mut streams = Self {
            all: std::iter::repeat_with(stream).take(if pays { count } else { 0 }).collect(),
            positions: Vec::new(),
            max_bytes,
        };
        for channel in channels {
            let first = channel.and_then(|channel| streams.of(channel).first_mut());
            let position = first.map(|stream| {
                stream.followers += 1;
                Position { order: 0, next: 0 }
            });
            streams.positions.push(position);
        }
        streams
    }

    /// Returns the reference streams of a channel.
    fn of(&mut self, channel: usize) -> &mut [ReferenceStream] {
        let all = channel * Self::ORDERS..(channel + 1) * Self::ORDERS;
        self.all.get_mut(all).unwrap_or_default()
    }

    /// Desynchronises a connection, which has missed messages or was replaced.
    pub(crate) fn lose(&mut self, connection: usize, channel: usize) {
        if let Some(Position { order, .. }) = self.positions[connection].take() {
            self.of(channel)[order].followers -= 1;
        }
    }

    /// Begins a receive of a connection, which has received these sequences of each publisher. Synchronises it if that
    /// is what a reference stream had when a receive began.
    #[inline]
    pub(crate) fn begin(&mut self, connection: usize, channel: usize, had: impl Iterator<Item = u64> + Clone) {
        match self.positions[connection] {
            Some(Position { order, next }) => {
                let stream = &mut self.of(channel)[order];
                if stream.end == next {
                    stream.note_begin();
                }
            }
            None => self.positions[connection] = self.find(channel, had),
        }
    }

    fn find(&mut self, channel: usize, had: impl Iterator<Item = u64> + Clone) -> Option<Position> {
        let streams = self.of(channel);
        let found = streams.iter().enumerate().find_map(|(order, stream)| {
            let begin = |(number, sequences): &(u64, Vec<u64>)| {
                (*number >= stream.first && had.clone().eq(sequences.iter().copied())).then_some(*number)
            };
            stream.begins.iter().find_map(begin).map(|next| Position { order, next })
        });
        let found = found.or_else(|| {
            let order = streams.iter().position(|stream| stream.followers == 0)?;
            streams[order].restart(had);
            Some(Position { order, next: streams[order].end })
        });
        if let Some(Position { order, .. }) = found {
            streams[order].followers += 1;
        }
        found
    }

    /// Returns the messages at the start of `bytes` that are the next ones of the connection's reference stream.
    #[inline]
    pub(crate) fn recognise(&mut self, connection: usize, channel: usize, bytes: &[u8]) -> Recognised {
        let Some(Position { order, next }) = self.positions[connection] else { return Recognised::default() };
        let stream = &self.all[channel * Self::ORDERS + order];
        if next == stream.end {
            return Recognised::default();
        }
        if next < stream.first {
            self.lose(connection, channel);
            return Recognised::default();
        }
        let expected = stream.from(next);
        let message_len = stream.message_len;
        let common = expected.len().min(bytes.len() / message_len * message_len);
        let (bytes, expected) = (&bytes[..common], &expected[..common]);
        let equal = if bytes == expected {
            common / message_len
        } else {
            let pairs = bytes.chunks_exact(message_len).zip(expected.chunks_exact(message_len));
            pairs.take_while(|(message, expected)| message == expected).count()
        };
        let (len, end) = (equal * message_len, next + equal as u64);
        if len == common {
            self.positions[connection] = Some(Position { order, next: end });
        } else {
            self.lose(connection, channel);
        }
        Recognised { order, numbers: next..end, len }
    }

    /// Returns the runs of these messages.
    pub(crate) fn runs(&self, channel: usize, recognised: Recognised) -> impl Iterator<Item = Run> {
        let Recognised { order, numbers, .. } = recognised;
        let runs = &self.all[channel * Self::ORDERS + order].runs;
        let first = runs.partition_point(|run| run.begin + run.count <= numbers.start);
        runs[first..].iter().take_while(move |run| run.begin < numbers.end).map(move |run| run.within(&numbers))
    }

    /// Records a verified message of a connection, with its header; none if it was not intact or not in its turn.
    #[inline]
    pub(crate) fn learn(&mut self, connection: usize, channel: usize, header: Option<Header>, message: &[u8]) {
        let Some(Position { order, next }) = self.positions[connection] else { return };
        let stream = &mut self.all[channel * Self::ORDERS + order];
        if next != stream.end {
            return;
        }
        let Some(header) = header else { return self.lose(connection, channel) };
        if stream.bytes.len() + message.len() > self.max_bytes {
            stream.forget_half();
        }
        stream.append(header, message);
        self.positions[connection] = Some(Position { order, next: next + 1 });
    }
}

/// The messages at the start of some bytes that a reference stream contains.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recognised {
    order: usize,
    numbers: Range<u64>,
    /// The number of bytes that they occupy.
    pub(crate) len: usize,
}

impl ReferenceStream {
    /// Returns the bytes from a message on.
    fn from(&self, number: u64) -> &[u8] {
        &self.bytes[usize::try_from(number - self.first).expect("kept") * self.message_len..]
    }

    /// Records that a receive begins that may append.
    fn note_begin(&mut self) {
        let newest = &self.begins[(self.oldest + BEGINS - 1) % BEGINS];
        if newest.0 != self.end || newest.1.is_empty() {
            let (number, sequences) = &mut self.begins[self.oldest];
            *number = self.end;
            sequences.clone_from(&self.sequences);
            self.oldest = (self.oldest + 1) % BEGINS;
        }
    }

    /// Restarts the stream with a connection that has received these sequences of each publisher.
    fn restart(&mut self, had: impl Iterator<Item = u64>) {
        self.bytes.clear();
        self.runs.clear();
        self.first = self.end;
        self.sequences.clear();
        self.sequences.extend(had);
        self.begins.iter_mut().for_each(|(_, sequences)| sequences.clear());
        self.note_begin();
    }

    fn append(&mut self, header: Header, message: &[u8]) {
        self.message_len = message.len();
        self.bytes.extend_from_slice(message);
        match self.runs.last_mut() {
            Some(run) if run.takes(header) => run.count += 1,
            _ => self.runs.push(Run { header, count: 1, begin: self.end }),
        }
        self.end += 1;
        self.sequences[usize::from(header.publisher)] = header.sequence + 1;
    }

    fn forget_half(&mut self) {
        let first = self.first + (self.end - self.first).div_ceil(2);
        self.bytes.drain(..self.bytes.len() - self.from(first).len());
        let over = self.runs.partition_point(|run| run.begin + run.count <= first);
        self.runs.drain(..over);
        self.first = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Load, Protocol};

    const LEN: usize = 64;

    fn streams(max_bytes: usize) -> ReferenceStreams {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let load = Load::Paced { rate: 1 };
        let settings = Settings { subscribers: 4, publishers: 2, ..Settings::new(address, Protocol::Native, load) };
        ReferenceStreams { max_bytes, ..ReferenceStreams::new(&settings, [Some(0); 4].into_iter()) }
    }

    /// Returns the message of a publisher with a sequence.
    fn message(publisher: u16, sequence: u8) -> (Header, Vec<u8>) {
        let header = Header { publisher, channel: 0, sequence: sequence.into(), intended_ns: 7 };
        (header, vec![sequence ^ (publisher.to_le_bytes()[0] << 7); LEN])
    }

    fn bytes(messages: &[(u16, u8)]) -> Vec<u8> {
        messages.iter().flat_map(|(publisher, sequence)| message(*publisher, *sequence).1).collect()
    }

    fn learn(streams: &mut ReferenceStreams, messages: &[(u16, u8)]) {
        learn_of(streams, 0, messages);
    }

    fn learn_of(streams: &mut ReferenceStreams, connection: usize, messages: &[(u16, u8)]) {
        for (publisher, sequence) in messages {
            let (header, message) = message(*publisher, *sequence);
            streams.learn(connection, 0, Some(header), &message);
        }
    }

    /// Returns the runs that a connection gets for these messages: publisher, first sequence and count of each.
    fn told(streams: &mut ReferenceStreams, connection: usize, messages: &[(u16, u8)]) -> Vec<(u16, u64, u64)> {
        let recognised = streams.recognise(connection, 0, &bytes(messages));
        let len = recognised.len;
        let runs: Vec<_> = streams.runs(0, recognised).collect();
        assert_eq!(runs.iter().map(|run| run.count).sum::<u64>(), (len / LEN) as u64);
        runs.iter().map(|run| (run.header.publisher, run.header.sequence, run.count)).collect()
    }

    #[test]
    fn runs_are_told_however_a_receive_cuts_them() {
        let mut streams = streams(1 << 20);
        let all = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (0, 3)];
        learn(&mut streams, &all);
        assert_eq!(told(&mut streams, 1, &all), [(0, 0, 3), (1, 0, 2), (0, 3, 1)]);
        assert_eq!(told(&mut streams, 2, &all[..2]), [(0, 0, 2)]);
        assert_eq!(told(&mut streams, 2, &all[2..4]), [(0, 2, 1), (1, 0, 1)]);
        assert_eq!(told(&mut streams, 2, &[(1, 1), (0, 3), (0, 4)]), [(1, 1, 1), (0, 3, 1)], "as far as it goes");
    }

    #[test]
    fn who_gets_something_else_is_told_up_to_there_and_no_more_until_it_has_the_same() {
        let mut streams = streams(1 << 20);
        learn(&mut streams, &[(0, 0), (0, 1), (1, 0)]);
        assert_eq!(told(&mut streams, 1, &[(0, 0), (1, 0), (0, 1)]), [(0, 0, 1)]);
        assert_eq!(told(&mut streams, 1, &[(0, 1), (1, 0)]), []);
        streams.begin(0, 0, [2, 1].into_iter());
        learn(&mut streams, &[(0, 2)]);
        streams.begin(1, 0, [1, 1].into_iter());
        assert_eq!(told(&mut streams, 1, &[(0, 2)]), [], "it lacked one");
        streams.lose(1, 0);
        streams.begin(1, 0, [2, 1].into_iter());
        assert_eq!(told(&mut streams, 1, &[(0, 2)]), [(0, 2, 1)], "it had what was there when the receive began");
    }

    #[test]
    fn every_order_has_a_stream_as_far_as_they_go() {
        let mut streams = streams(1 << 20);
        let orders = [[(0, 0), (1, 0)], [(1, 0), (0, 0)]];
        learn(&mut streams, &orders[0]);
        for connection in [2, 3] {
            assert_eq!(told(&mut streams, connection, &orders[1]), []);
        }
        // The first of them leads, and the other follows from its beginning.
        streams.begin(2, 0, [1, 1].into_iter());
        learn_of(&mut streams, 2, &[(1, 1), (0, 1)]);
        streams.begin(3, 0, [1, 1].into_iter());
        assert_eq!(told(&mut streams, 3, &[(1, 1), (0, 1)]), [(1, 1, 1), (0, 1, 1)]);
        // The other order continues.
        assert_eq!(told(&mut streams, 1, &orders[0]), [(0, 0, 1), (1, 0, 1)]);
        for connection in 0..4 {
            streams.lose(connection, 0);
        }
        assert!(streams.all.iter().all(|stream| stream.followers == 0));
        streams.begin(1, 0, [5, 5].into_iter());
        learn_of(&mut streams, 1, &[(0, 5)]);
        streams.begin(3, 0, [5, 5].into_iter());
        assert_eq!(told(&mut streams, 3, &[(0, 5)]), [(0, 5, 1)], "one that nobody used began anew");
    }

    #[test]
    fn what_was_not_verified_is_not_learned() {
        let mut streams = streams(1 << 20);
        streams.learn(0, 0, None, &message(0, 0).1);
        assert_eq!(told(&mut streams, 1, &[(0, 0)]), []);
    }

    #[test]
    fn only_so_many_bytes_are_kept_and_their_numbers_stay() {
        let mut streams = streams(8 * LEN);
        let all: Vec<(u16, u8)> = (0..20).map(|nth| (u16::from(nth % 8 > 4), nth)).collect();
        for pair in all.chunks(2) {
            learn(&mut streams, pair);
            assert!(streams.all[0].bytes.len() <= 8 * LEN);
            let runs = told(&mut streams, 1, pair);
            assert_eq!(runs.iter().map(|(.., count)| count).sum::<u64>(), 2, "{pair:?}");
        }
        assert_eq!(told(&mut streams, 2, &all[..1]), [], "forgotten");
    }
}
