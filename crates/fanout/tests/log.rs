//! The log against a naive model: a list of messages of which the oldest are dropped.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

use corecast_fanout::Log;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;

/// The bytes of index that each message costs.
const INDEX_BYTES: usize = size_of::<usize>();

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    AppendBatch(Vec<Vec<u8>>),
    /// Drops this number of messages, which may be a few more than there are.
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let message = || vec(any::<u8>(), 0..12);
    prop_oneof![
        3 => message().prop_map(Step::Append),
        1 => vec(message(), 0..4).prop_map(Step::AppendBatch),
        2 => (0..6_usize).prop_map(Step::Drop),
    ]
}

/// The messages that are kept, and the number of the oldest.
#[derive(Default)]
struct Model {
    first: u64,
    messages: VecDeque<Vec<u8>>,
}

impl Model {
    fn take(&mut self, log: &mut Log, step: Step) {
        match step {
            Step::Append(message) => {
                log.append(|out| out.extend_from_slice(&message));
                self.messages.push_back(message);
            }
            Step::AppendBatch(messages) => {
                let lengths: Vec<u32> = messages.iter().map(|message| u32::try_from(message.len()).unwrap()).collect();
                log.append_batch(&messages.concat(), &lengths);
                self.messages.extend(messages);
            }
            Step::Drop(count) => {
                log.drop_before(self.first + count as u64);
                let count = count.min(self.messages.len());
                self.messages.drain(..count);
                self.first += count as u64;
            }
        }
    }

    fn head(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Returns the messages `from..to`.
    fn range(&self, from: u64, to: u64) -> impl Iterator<Item = &Vec<u8>> {
        let index = |number: u64| usize::try_from(number - self.first).unwrap();
        self.messages.range(index(from)..index(to))
    }

    fn bytes(&self, from: u64, to: u64) -> Vec<u8> {
        self.range(from, to).flatten().copied().collect()
    }

    fn size_from(&self, from: u64) -> usize {
        self.range(from, self.head()).map(|message| message.len() + INDEX_BYTES).sum()
    }

    /// Returns the position at which a send from `from` on stopped: the first message of which nothing was taken, and
    /// the rest before it.
    fn cut(&self, from: u64, taken: usize) -> (u64, Vec<u8>) {
        let mut sent = 0;
        for number in from..self.head() {
            if sent >= taken {
                return (number, Vec::new());
            }
            let message = self.bytes(number, number + 1);
            sent += message.len();
            if sent > taken {
                return (number + 1, message[message.len() - (sent - taken)..].to_vec());
            }
        }
        (self.head(), Vec::new())
    }

    fn check(&self, log: &Log) {
        let head = self.head();
        assert_eq!((log.first(), log.head(), log.is_empty()), (self.first, head, self.messages.is_empty()));
        assert_eq!(log.size(), self.size_from(self.first));
        for from in self.first..=head {
            for to in from..=head {
                assert_eq!(log.slice(from, to), self.bytes(from, to));
                let lengths: Vec<usize> = log.lengths(from, to).map(|length| length as usize).collect();
                assert_eq!(lengths, self.range(from, to).map(Vec::len).collect::<Vec<_>>());
            }
            self.check_cuts(log, from);
        }
        for size in 0..=self.size_from(self.first) + 1 {
            let oldest = (self.first..=head).find(|oldest| self.size_from(*oldest) <= size).unwrap();
            assert_eq!(log.oldest_within(size), oldest, "for {size} bytes");
        }
    }

    /// Checks that a cut stands at a message boundary, and that nothing before it is lost.
    fn check_cuts(&self, log: &Log, from: u64) {
        let bytes = self.bytes(from, self.head());
        for taken in 0..=bytes.len() {
            let (next, rest) = log.cut(from, taken);
            let (expected, expected_rest) = self.cut(from, taken);
            assert_eq!(rest, expected_rest, "of {taken} bytes from {from} on");
            // Messages without bytes may lie on either side of the cut.
            let between = self.bytes(expected.min(next), expected.max(next));
            assert!(between.is_empty(), "{next}, not {expected}, of {taken} bytes from {from} on");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_keeps_every_message_that_was_not_dropped(steps in vec(step(), 1..25)) {
        let (mut log, mut model) = (Log::default(), Model::default());
        for step in steps {
            model.take(&mut log, step);
            model.check(&log);
        }
    }
}
