//! The time at which a message's last subscriber has received it, and its distance from the first: the broadcast as a
//! whole.
//!
//! A subscription is a cursor in the stream of messages of one publisher on one channel, and each message counts the
//! cursors that stand at it. A message is complete when no cursor stands at it or before it any more. So a receive
//! costs one step per stream that it advances, however many messages it brings.
//!
//! A message that some subscriber never received, or received after a later one, is left out. It is not complete, and
//! the checks count the fault. A message whose last receiver left before receiving it is left out too.
//!
//! Invariant: a message is followed while some cursor stands at it or before it. Without subscribers, no message is
//! followed.

use crate::measure::latency::Latency;
use std::collections::VecDeque;
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Completion {
    streams: Vec<Stream>,
    /// The number of messages that are followed now.
    followed: usize,
    /// True if there were ever too many of them.
    pub(crate) overflowed: bool,
    /// The time from when a message was due until its last subscriber had received it.
    pub(crate) total: Latency,
    /// The time between the first subscriber's and the last subscriber's delivery.
    pub(crate) skew: Latency,
}

/// The incomplete messages of one publisher on one channel.
#[derive(Debug, Default)]
struct Stream {
    /// The sequence of the first message that is followed.
    base: u64,
    /// The sequence after the last one that any cursor has passed.
    lead: u64,
    /// The sequence at which the last cursor joined.
    joined_at: u64,
    messages: VecDeque<Message>,
    /// The number of cursors after the last message.
    caught_up: u32,
    members: u32,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    due_ns: u64,
    first_ns: u64,
    /// The number of cursors that stand here, for which this is the next message to come.
    waiting: u32,
    /// True if the message was due in the measured window, and no cursor has missed it so far.
    counts: bool,
}

impl Completion {
    /// The most messages followed at one time (32 MiB). Above it, completion is no longer followed in this run, and the
    /// report says so.
    const MAX_FOLLOWED: usize = 1 << 20;

    pub(crate) fn new(streams: usize) -> Self {
        Self {
            streams: std::iter::repeat_with(Stream::default).take(streams).collect(),
            followed: 0,
            overflowed: false,
            total: Latency::new(),
            skew: Latency::new(),
        }
    }

    /// Adds a subscription, which is owed everything from the next message of the stream on.
    pub(crate) fn join(&mut self, stream: usize) {
        // The list is empty once too many messages were followed.
        let Some(stream) = self.streams.get_mut(stream) else { return };
        stream.members += 1;
        stream.caught_up += 1;
        stream.joined_at = stream.base + stream.messages.len() as u64;
    }

    /// Removes a subscription whose cursor is at `at`.
    pub(crate) fn leave(&mut self, stream: usize, at: u64) {
        if self.overflowed {
            return;
        }
        let stream = &mut self.streams[stream];
        stream.members -= 1;
        *stream.waiting_at(at) -= 1;
        self.followed -= stream.release(|_| ());
    }

    /// Records that a message of the stream is sent; `due_ns` is set if it is in the measured window.
    pub(crate) fn sent(&mut self, stream: usize, due_ns: Option<u64>) {
        if self.overflowed {
            return;
        }
        let stream = &mut self.streams[stream];
        if stream.members == 0 {
            stream.base += 1;
            return;
        }
        let waiting = std::mem::take(&mut stream.caught_up);
        let (due_ns, counts) = (due_ns.unwrap_or_default(), due_ns.is_some());
        stream.messages.push_back(Message { due_ns, first_ns: 0, waiting, counts });
        self.followed += 1;
        if self.followed > Self::MAX_FOLLOWED {
            self.overflowed = true;
            self.streams = Vec::new();
        }
    }

    /// Moves a cursor from the first sequence of `passed` to its end.
    pub(crate) fn advance(&mut self, stream: usize, passed: Range<u64>, now_ns: u64) {
        if self.overflowed {
            return;
        }
        let stream = &mut self.streams[stream];
        // Before the position of the last joiner, cursors may have been ahead of subscribers that joined later.
        let ahead = if passed.start < stream.joined_at { passed.start } else { stream.lead.max(passed.start) };
        for sequence in ahead..passed.end {
            if let Some(message) = stream.message(sequence).filter(|message| message.first_ns == 0) {
                message.first_ns = now_ns;
            }
        }
        stream.lead = stream.lead.max(passed.end);
        *stream.waiting_at(passed.start) -= 1;
        *stream.waiting_at(passed.end) += 1;
        let (total, skew) = (&mut self.total, &mut self.skew);
        self.followed -= stream.release(|message| {
            total.record(now_ns.saturating_sub(message.due_ns));
            skew.record(now_ns - message.first_ns);
        });
    }

    /// Records messages that a cursor has passed without receiving them.
    #[cold]
    pub(crate) fn miss(&mut self, stream: usize, missed: Range<u64>) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        for sequence in missed {
            if let Some(message) = stream.message(sequence) {
                message.counts = false;
            }
        }
    }
}

impl Stream {
    fn message(&mut self, sequence: u64) -> Option<&mut Message> {
        self.messages.get_mut(usize::try_from(sequence.checked_sub(self.base)?).ok()?)
    }

    /// Returns the count of cursors at a sequence, which is that of a followed message or the one after the last.
    fn waiting_at(&mut self, sequence: u64) -> &mut u32 {
        let index = usize::try_from(sequence - self.base).expect("below the number of messages followed");
        self.messages.get_mut(index).map_or(&mut self.caught_up, |message| &mut message.waiting)
    }

    /// Forgets the messages that no cursor waits for any more. Returns their number.
    fn release(&mut self, mut complete: impl FnMut(&Message)) -> usize {
        let before = self.messages.len();
        while let Some(message) = self.messages.pop_front_if(|message| message.waiting == 0) {
            self.base += 1;
            if message.counts && message.first_ns > 0 {
                complete(&message);
            }
        }
        before - self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the counts of completions, and the greatest completion and skew in nanoseconds.
    fn found(completion: &mut Completion) -> (u64, u64, u64) {
        let (total, skew) = (completion.total.histogram(), completion.skew.histogram());
        assert_eq!(total.len(), skew.len());
        (total.len(), total.max(), skew.max())
    }

    #[test]
    fn a_message_is_complete_when_the_last_has_it() {
        let mut completion = Completion::new(1);
        completion.join(0);
        completion.join(0);
        completion.sent(0, Some(100));
        completion.advance(0, 0..1, 150);
        assert_eq!(found(&mut completion), (0, 0, 0));
        completion.advance(0, 0..1, 180);
        assert_eq!(found(&mut completion), (1, 80, 30));
        assert_eq!(completion.followed, 0);
    }

    #[test]
    fn a_joiner_is_not_waited_for_with_what_was_sent_before() {
        let mut completion = Completion::new(1);
        completion.join(0);
        completion.sent(0, Some(100));
        completion.join(0);
        completion.advance(0, 0..1, 110);
        assert_eq!(found(&mut completion), (1, 10, 0));
        completion.sent(0, Some(200));
        completion.advance(0, 1..2, 210);
        assert_eq!(found(&mut completion).0, 1, "the joiner has yet to get it");
        completion.advance(0, 1..2, 240);
        assert_eq!(found(&mut completion), (2, 40, 30));
    }

    #[test]
    fn who_leaves_is_not_waited_for_and_completes_nothing() {
        let mut completion = Completion::new(1);
        completion.join(0);
        completion.join(0);
        completion.sent(0, Some(100));
        completion.sent(0, Some(101));
        completion.advance(0, 0..1, 110);
        completion.leave(0, 0);
        assert_eq!(found(&mut completion).0, 0, "nobody was last to get the first");
        completion.advance(0, 1..2, 120);
        assert_eq!(found(&mut completion), (1, 19, 0));
    }

    #[test]
    fn what_somebody_missed_is_not_complete() {
        let mut completion = Completion::new(1);
        completion.join(0);
        for due_ns in [100, 101, 102] {
            completion.sent(0, Some(due_ns));
        }
        completion.miss(0, 0..2);
        completion.advance(0, 0..3, 150);
        assert_eq!(found(&mut completion).0, 1);
    }

    #[test]
    fn too_many_messages_end_the_following_and_say_so() {
        let mut completion = Completion::new(1);
        completion.join(0);
        for _ in 0..=Completion::MAX_FOLLOWED {
            completion.sent(0, Some(1));
        }
        assert!(completion.overflowed);
        completion.advance(0, 0..1, 2);
        completion.miss(0, 0..1);
        completion.leave(0, 1);
    }

    #[derive(Clone, Copy, Debug)]
    enum Move {
        Send,
        Join,
        Leave(usize),
        Advance(usize, u64),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            3 => Just(Move::Send),
            1 => Just(Move::Join),
            1 => any::<usize>().prop_map(Move::Leave),
            5 => (any::<usize>(), 1..4_u64).prop_map(|(who, by)| Move::Advance(who, by)),
        ];
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        /// Compares with the definition, message by message, whoever joins, leaves and reads when.
        #[test]
        fn completion_is_when_the_last_of_the_audience_has_it(moves in moves()) {
            let mut completion = Completion::new(1);
            let mut cursors: Vec<u64> = Vec::new();
            // For each message: the time of its first delivery, the time of its last delivery, and the number of
            // subscribers that are owed it.
            let mut messages: Vec<(u64, u64, usize)> = Vec::new();
            let mut expected = (0, 0, 0);
            for (time, action) in (1_u64..).zip(moves) {
                let due = |sequence: usize| u64::try_from(sequence).unwrap();
                match action {
                    Move::Send => {
                        completion.sent(0, Some(due(messages.len())));
                        messages.push((0, 0, cursors.len()));
                    }
                    Move::Join => {
                        completion.join(0);
                        cursors.push(due(messages.len()));
                    }
                    Move::Leave(who) if !cursors.is_empty() => {
                        let cursor = cursors.swap_remove(who % cursors.len());
                        completion.leave(0, cursor);
                        for message in &mut messages[usize::try_from(cursor).unwrap()..] {
                            message.2 -= 1;
                        }
                    }
                    Move::Advance(who, by) if !cursors.is_empty() => {
                        let who = who % cursors.len();
                        let from = cursors[who];
                        let to = (from + by).min(due(messages.len()));
                        if from == to {
                            continue;
                        }
                        cursors[who] = to;
                        // The times are a thousand apart, so that no due time is after a delivery.
                        let now_ns = time * 1000;
                        completion.advance(0, from..to, now_ns);
                        for sequence in from..to {
                            let (first, _, left) = &mut messages[usize::try_from(sequence).unwrap()];
                            *first = if *first == 0 { now_ns } else { *first };
                            *left -= 1;
                            if *left == 0 {
                                expected.0 += 1;
                                expected.1 = expected.1.max(now_ns - sequence);
                                expected.2 = expected.2.max(now_ns - *first);
                            }
                        }
                    }
                    Move::Leave(_) | Move::Advance(..) => {}
                }
            }
            let (count, longest, widest) = found(&mut completion);
            prop_assert_eq!(count, expected.0);
            // The histogram keeps three digits.
            prop_assert!(longest >= expected.1 && longest <= expected.1 + expected.1 / 500 + 1);
            prop_assert!(widest >= expected.2 && widest <= expected.2 + expected.2 / 500 + 1);
        }
    }
}
