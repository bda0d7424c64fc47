//! The queue of the flush: the answers, channel logs and connections that are to be sent, in rounds.
//!
//! Invariants: a channel log is listed at most once, and its `to_flush` says whether it is. The connections that were
//! noted in a round are sent to before the round ends.

mod coalescing;
mod rounds;

pub(super) use coalescing::Coalescing;

use super::registry::ChannelLog;
use crate::ConnectionId;
use rounds::Rounds;

/// Everything that a flush has to do.
#[derive(Debug)]
pub(super) struct FlushQueue {
    /// The channel logs with messages that some subscriber has not received.
    rounds: Rounds,
    /// The connections that are sent to at the end of the round.
    pub(super) coalescing: Coalescing,
    /// True if the last flush ended a round.
    is_between_rounds: bool,
    /// The connections with answers that have not left.
    to_answer: Vec<ConnectionId>,
}

impl Default for FlushQueue {
    fn default() -> Self {
        Self {
            rounds: Rounds::default(),
            coalescing: Coalescing::default(),
            is_between_rounds: true,
            to_answer: Vec::new(),
        }
    }
}

impl FlushQueue {
    /// Lists a channel log, unless it is listed already.
    pub(super) fn list(&mut self, key: u32, channel_log: &mut ChannelLog) {
        if !std::mem::replace(&mut channel_log.to_flush, true) {
            self.rounds.list(key, channel_log.completed);
        }
    }

    /// Lists a channel log so that another round trims its log: the subscriber that left or caught up may have been the
    /// last one behind.
    pub(super) fn list_for_trim(&mut self, key: u32, channel_log: &mut ChannelLog) {
        if !channel_log.log.is_empty() {
            channel_log.outdated = true;
            self.list(key, channel_log);
        }
    }

    /// Takes the channel log whose turn it is in this round. It stays listed until its pass ends.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.rounds.take()
    }

    /// Gives a channel log another turn in this round.
    pub(super) fn continue_with(&mut self, key: u32) {
        self.rounds.continue_with(key);
    }

    /// Ends the pass over a channel log in this round. Returns true if it is listed again, because there is more to
    /// send or to drop.
    pub(super) fn end_pass(&mut self, key: u32, begun_at: u64, channel_log: &mut ChannelLog) -> bool {
        channel_log.completed = self.rounds.number();
        channel_log.to_flush = channel_log.log.head() > begun_at || channel_log.outdated;
        if channel_log.to_flush {
            self.rounds.list(key, channel_log.completed);
        }
        channel_log.to_flush
    }

    /// Records whether the round is over, and begins the next one if it is.
    pub(super) fn end_round_if_over(&mut self) {
        self.is_between_rounds = self.rounds.is_over() && self.coalescing.is_empty();
        if self.is_between_rounds {
            self.rounds.begin_next();
        }
    }

    /// Returns true if the last flush ended a round.
    pub(super) fn is_between_rounds(&self) -> bool {
        self.is_between_rounds
    }

    /// Returns true if there is no message to send.
    pub(super) fn is_empty(&self) -> bool {
        self.rounds.is_empty() && self.coalescing.is_empty()
    }

    /// Lists a connection with answers to send. `listed` says whether it is listed already.
    pub(super) fn list_for_answer(&mut self, id: ConnectionId, listed: &mut bool) {
        if !std::mem::replace(listed, true) {
            self.to_answer.push(id);
        }
    }

    /// Takes the list of connections with answers.
    pub(super) fn take_to_answer(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.to_answer)
    }

    /// Gives back the list, whose memory is reused.
    pub(super) fn reuse(&mut self, mut to_answer: Vec<ConnectionId>) {
        debug_assert!(self.to_answer.is_empty(), "sending answers adds none");
        to_answer.clear();
        self.to_answer = to_answer;
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::ChannelLogs;
    use super::*;
    use crate::Encoding;

    fn listed(names: [&str; 2]) -> (FlushQueue, ChannelLogs, [u32; 2]) {
        let (mut queue, mut logs) = (FlushQueue::default(), ChannelLogs::default());
        let keys = names.map(|name| logs.find_or_create(name, Encoding::new(0)));
        for key in keys {
            logs[key].log.append(|out| out.push(1));
            queue.list(key, &mut logs[key]);
            queue.list(key, &mut logs[key]);
        }
        (queue, logs, keys)
    }

    #[test]
    fn a_channel_log_has_one_turn_a_round_however_often_it_is_listed() {
        let (mut queue, mut logs, [first, second]) = listed(["a", "b"]);
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some(first), Some(second), None));
        assert!(!queue.end_pass(first, 1, &mut logs[first]));
        // One message was appended since the pass began.
        assert!(queue.end_pass(second, 0, &mut logs[second]));
        // The log has had its turn in this round.
        queue.list(first, &mut logs[first]);
        assert_eq!((queue.take(), queue.is_empty()), (None, false));
        queue.end_round_if_over();
        assert!(queue.is_between_rounds());
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some(second), Some(first), None));
    }

    #[test]
    fn a_round_ends_when_the_last_connection_that_was_noted_is_sent_to() {
        let (mut queue, ..) = listed(["a", "b"]);
        let id = ConnectionId { shard: 0, slot: 0, generation: 0 };
        while queue.take().is_some() {}
        queue.coalescing.note(id);
        queue.end_round_if_over();
        assert!(!queue.is_between_rounds() && !queue.is_empty());
        assert_eq!(queue.coalescing.take(), Some(id));
        queue.end_round_if_over();
        assert!(queue.is_between_rounds() && queue.is_empty());
    }

    #[test]
    fn only_a_log_with_messages_is_trimmed() {
        let (mut queue, mut logs) = (FlushQueue::default(), ChannelLogs::default());
        let key = logs.find_or_create("a", Encoding::new(0));
        queue.list_for_trim(key, &mut logs[key]);
        assert!(queue.is_empty() && !logs[key].outdated);
        logs[key].log.append(|out| out.push(1));
        queue.list_for_trim(key, &mut logs[key]);
        assert!(!queue.is_empty() && logs[key].outdated);
    }
}
