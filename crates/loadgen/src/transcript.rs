//! What is alike for all subscribers of a channel is verified for one of them and compared for the others.
//!
//! The first connection that gets a message has it verified, and it is appended to the channel's transcript. Whoever
//! is in step with the transcript has what it receives compared with it, many messages at a time, and gets the headers
//! that were read before. Every byte of every delivery is so either verified or equal to one that was; order, loss and
//! repeats are accounted for by header as ever.
//!
//! Who gets something else there, such as another order of publishers, falls out of step and has everything verified
//! until it has had exactly what the transcript has.

use crate::Settings;
use crate::payload::Header;
use std::ops::Range;

#[derive(Debug, Default)]
pub(crate) struct Transcripts {
    /// Empty where no channel has enough of an audience.
    by_channel: Vec<Transcript>,
    /// Per connection: the number of the message of its transcript that is to come next, or [`OUT_OF_STEP`].
    next: Vec<u64>,
    /// The most bytes that a transcript keeps.
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Transcript {
    /// Whole messages, all of one length.
    bytes: Vec<u8>,
    message_len: usize,
    /// What they say, in parts of one or more; the first may have begun before the messages.
    runs: Vec<Run>,
    /// The number of the first message kept, counted from the first ever, and of the one to come.
    first: u64,
    end: u64,
    /// By publisher: the sequence behind its last message here.
    sequences: Vec<u64>,
}

/// Messages of one publisher that were due at one time, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Of the first.
    pub(crate) header: Header,
    pub(crate) count: u64,
    /// The number of the first one in the transcript.
    begin: u64,
}

impl Run {
    /// What of it is within the numbers.
    fn within(&self, numbers: &Range<u64>) -> Self {
        let (begin, end) = (self.begin.max(numbers.start), (self.begin + self.count).min(numbers.end));
        let header = Header { sequence: self.header.sequence + (begin - self.begin), ..self.header };
        Self { header, count: end - begin, begin }
    }

    fn takes(&self, header: Header) -> bool {
        Header { sequence: self.header.sequence + self.count, ..self.header } == header
    }
}

const OUT_OF_STEP: u64 = u64::MAX;

impl Transcripts {
    /// The least subscribers of a channel for which it pays to copy its messages.
    const MIN_AUDIENCE: usize = 4;
    /// The most bytes of a transcript: a receive. Who is further behind than that is out of step.
    const MAX_BYTES: usize = 256 * 1024;
    /// The most bytes of all of them. Where they get less than a few messages each, there are none.
    const MAX_TOTAL_BYTES: usize = 32 * 1024 * 1024;
    const MIN_MESSAGES: usize = 16;

    /// For connections with a channel, and others.
    pub(crate) fn new(settings: &Settings, has_channel: impl Iterator<Item = bool>) -> Self {
        let max_bytes = Self::MAX_BYTES.min(Self::MAX_TOTAL_BYTES / settings.channels);
        let pays = settings.subscriptions == 1
            && settings.subscribers >= Self::MIN_AUDIENCE * settings.channels
            && max_bytes >= Self::MIN_MESSAGES * settings.payload_bytes;
        let transcript = || Transcript { sequences: vec![0; settings.publishers], ..Transcript::default() };
        Self {
            by_channel: std::iter::repeat_with(transcript).take(if pays { settings.channels } else { 0 }).collect(),
            next: has_channel.map(|has_channel| if has_channel { 0 } else { OUT_OF_STEP }).collect(),
            max_bytes,
        }
    }

    /// A connection is not where it was: it has missed messages, or is another.
    pub(crate) fn lose(&mut self, connection: usize) {
        self.next[connection] = OUT_OF_STEP;
    }

    /// A connection has had these sequences of each publisher; brings it into step if that is what its transcript has.
    #[inline]
    pub(crate) fn find(&mut self, connection: usize, channel: usize, sequences: impl Iterator<Item = u64>) {
        if self.next[connection] == OUT_OF_STEP
            && let Some(transcript) = self.by_channel.get(channel)
            && sequences.eq(transcript.sequences.iter().copied())
        {
            self.next[connection] = transcript.end;
        }
    }

    /// Which messages at the start of `bytes` are the next of the transcript: their numbers, and their length together.
    #[inline]
    pub(crate) fn recognise(&mut self, connection: usize, channel: usize, bytes: &[u8]) -> (Range<u64>, usize) {
        let (Some(transcript), place) = (self.by_channel.get(channel), &mut self.next[connection]) else {
            return (0..0, 0);
        };
        let next = *place;
        if !(transcript.first..transcript.end).contains(&next) {
            return (0..0, 0);
        }
        let expected = transcript.from(next);
        let len = transcript.message_len;
        let common = expected.len().min(bytes.len() / len * len);
        let (bytes, expected) = (&bytes[..common], &expected[..common]);
        if bytes == expected {
            *place += (common / len) as u64;
            return (next..*place, common);
        }
        *place = OUT_OF_STEP;
        let pairs = bytes.chunks_exact(len).zip(expected.chunks_exact(len));
        let equal = pairs.take_while(|(message, expected)| message == expected).count();
        (next..next + equal as u64, equal * len)
    }

    /// What the messages with these numbers say, which a transcript has recognised.
    pub(crate) fn runs(&self, channel: usize, numbers: Range<u64>) -> impl Iterator<Item = Run> {
        let runs = &self.by_channel[channel].runs;
        let first = runs.partition_point(|run| run.begin + run.count <= numbers.start);
        runs[first..].iter().take_while(move |run| run.begin < numbers.end).map(move |run| run.within(&numbers))
    }

    /// A connection has had this message, verified, in its turn, and with this header; none if it was not so.
    #[inline]
    pub(crate) fn learn(&mut self, connection: usize, channel: usize, header: Option<Header>, message: &[u8]) {
        let Some(transcript) = self.by_channel.get_mut(channel) else { return };
        if self.next[connection] != transcript.end {
            return;
        }
        let Some(header) = header else { return self.lose(connection) };
        if transcript.bytes.len() + message.len() > self.max_bytes {
            transcript.forget_half();
        }
        transcript.append(header, message);
        self.next[connection] += 1;
    }
}

impl Transcript {
    /// The bytes from a message on.
    fn from(&self, number: u64) -> &[u8] {
        &self.bytes[usize::try_from(number - self.first).expect("kept") * self.message_len..]
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

    fn transcripts(max_bytes: usize) -> Transcripts {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let load = Load::Paced { rate: 1 };
        let settings = Settings { subscribers: 4, publishers: 2, ..Settings::new(address, Protocol::Native, load) };
        Transcripts { max_bytes, ..Transcripts::new(&settings, [true; 4].into_iter()) }
    }

    /// The message of a publisher with a sequence.
    fn message(publisher: u16, sequence: u8) -> (Header, Vec<u8>) {
        let header = Header { publisher, channel: 0, sequence: sequence.into(), intended_ns: 7 };
        (header, vec![sequence ^ (publisher.to_le_bytes()[0] << 7); LEN])
    }

    fn bytes(messages: &[(u16, u8)]) -> Vec<u8> {
        messages.iter().flat_map(|(publisher, sequence)| message(*publisher, *sequence).1).collect()
    }

    fn learn(transcripts: &mut Transcripts, messages: &[(u16, u8)]) {
        for (publisher, sequence) in messages {
            let (header, message) = message(*publisher, *sequence);
            transcripts.learn(0, 0, Some(header), &message);
        }
    }

    /// What a connection is told of these messages: publisher, first sequence and count of each run.
    fn told(transcripts: &mut Transcripts, connection: usize, messages: &[(u16, u8)]) -> Vec<(u16, u64, u64)> {
        let (numbers, len) = transcripts.recognise(connection, 0, &bytes(messages));
        let runs: Vec<_> = transcripts.runs(0, numbers).collect();
        assert_eq!(runs.iter().map(|run| run.count).sum::<u64>(), (len / LEN) as u64);
        runs.iter().map(|run| (run.header.publisher, run.header.sequence, run.count)).collect()
    }

    #[test]
    fn runs_are_told_however_a_receive_cuts_them() {
        let mut transcripts = transcripts(1 << 20);
        let all = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (0, 3)];
        learn(&mut transcripts, &all);
        assert_eq!(told(&mut transcripts, 1, &all), [(0, 0, 3), (1, 0, 2), (0, 3, 1)]);
        assert_eq!(told(&mut transcripts, 2, &all[..2]), [(0, 0, 2)]);
        assert_eq!(told(&mut transcripts, 2, &all[2..4]), [(0, 2, 1), (1, 0, 1)]);
        assert_eq!(told(&mut transcripts, 2, &[(1, 1), (0, 3), (0, 4)]), [(1, 1, 1), (0, 3, 1)], "as far as it goes");
    }

    #[test]
    fn who_gets_something_else_is_told_up_to_there_and_no_more_until_it_has_the_same() {
        let mut transcripts = transcripts(1 << 20);
        learn(&mut transcripts, &[(0, 0), (0, 1), (1, 0)]);
        assert_eq!(told(&mut transcripts, 1, &[(0, 0), (1, 0), (0, 1)]), [(0, 0, 1)]);
        assert_eq!(told(&mut transcripts, 1, &[(0, 1), (1, 0)]), []);
        transcripts.find(1, 0, [1, 1].into_iter());
        learn(&mut transcripts, &[(0, 2)]);
        assert_eq!(told(&mut transcripts, 1, &[(0, 2)]), [], "it lacked one");
        transcripts.find(1, 0, [3, 1].into_iter());
        learn(&mut transcripts, &[(0, 3)]);
        assert_eq!(told(&mut transcripts, 1, &[(0, 3)]), [(0, 3, 1)]);
    }

    #[test]
    fn what_was_not_verified_is_not_learned() {
        let mut transcripts = transcripts(1 << 20);
        transcripts.learn(0, 0, None, &message(0, 0).1);
        assert_eq!(told(&mut transcripts, 1, &[(0, 0)]), []);
    }

    #[test]
    fn only_so_many_bytes_are_kept_and_their_numbers_stay() {
        let mut transcripts = transcripts(8 * LEN);
        let all: Vec<(u16, u8)> = (0..20).map(|nth| (u16::from(nth % 8 > 4), nth)).collect();
        for pair in all.chunks(2) {
            learn(&mut transcripts, pair);
            assert!(transcripts.by_channel[0].bytes.len() <= 8 * LEN);
            let runs = told(&mut transcripts, 1, pair);
            assert_eq!(runs.iter().map(|(.., count)| count).sum::<u64>(), 2, "{pair:?}");
        }
        assert_eq!(told(&mut transcripts, 2, &all[..1]), [], "forgotten");
    }
}
