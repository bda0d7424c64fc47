//! What one subscription has been sent, held against what was published.

use super::gaps::{Absent, assign};
use super::record::{Message, Record};
use crate::{Promise, Violation};
use std::collections::BTreeMap;

/// From one SUBSCRIBED to the UNSUBSCRIBED that follows.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// By publisher's shard: messages before this one must not come.
    from: Vec<usize>,
    /// Messages from this one on must come; known when the answer has come.
    pub(crate) binding_from: Option<usize>,
    /// It was asked to end: messages before this one must come.
    pub(crate) left: Option<usize>,
    /// It has ended: messages from this one on must not have come.
    pub(crate) until: Option<usize>,
    pub(crate) answered: bool,
    pub(crate) finished: bool,
    pub(crate) events: Vec<Event>,
    /// Who lags in it is disconnected; else it skips.
    pub(crate) disconnects: bool,
    kept: Option<Kept>,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The message of this number.
    Message(usize),
    /// So many are missing here.
    Gap(u64),
}

/// What has come that the shard had when it last completed a flush: it was in the log then.
#[derive(Debug)]
struct Kept {
    horizons: Vec<usize>,
    bytes: usize,
    /// Of these, the most that one message has.
    largest: usize,
}

/// Whose subscription it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscriber {
    pub(crate) client: usize,
    pub(crate) channel: usize,
}

impl Subscriber {
    fn wants(self, message: &Message) -> bool {
        message.channel == self.channel && !(message.no_echo && message.publisher == self.client)
    }
}

impl Subscription {
    /// Of a shard that these messages may still come to.
    pub(crate) fn new(from: Vec<usize>, disconnects: bool) -> Self {
        Self {
            from,
            binding_from: None,
            left: None,
            until: None,
            answered: false,
            finished: false,
            events: Vec::new(),
            disconnects,
            kept: None,
        }
    }

    /// The shard has nothing more to flush: what it holds for this subscriber is within the bound.
    pub(crate) fn note_flush(&mut self, horizons: Vec<usize>) {
        self.kept = Some(Kept { horizons, bytes: 0, largest: 0 });
    }

    /// Takes a message of so many encoded bytes.
    pub(crate) fn take(
        &mut self,
        number: usize,
        encoded: usize,
        record: &Record,
        log_bytes: usize,
    ) -> Result<(), Violation> {
        self.events.push(Event::Message(number));
        let message = &record.messages[number];
        if let Some(kept) = &mut self.kept
            && number < kept.horizons[usize::from(message.shard)]
        {
            let size = encoded + record.index_bytes();
            kept.bytes += size;
            kept.largest = kept.largest.max(size);
            // One message may have been cut, and is held beside the log; a baseline keeps the batch that finds
            // the transport full.
            let slack = kept.largest + record.slack();
            Promise::Bounds.demand(kept.bytes <= log_bytes + slack, || {
                format!("{} bytes were kept for a subscriber, {log_bytes} are allowed", kept.bytes)
            })?;
        }
        Ok(())
    }

    /// Holds all that came against what was published. Messages before `complete_until` should all have come.
    pub(crate) fn check(
        &self,
        subscriber: Subscriber,
        record: &Record,
        complete_until: usize,
    ) -> Result<(), Violation> {
        let positions = self.positions(subscriber, record)?;
        let absent = self.absent(subscriber, record, &positions, complete_until);
        let gaps: Vec<(usize, u64)> = self.events.iter().enumerate().filter_map(gap).collect();
        let binding = absent.iter().filter(|absent| absent.is_owed).copied().collect();
        let (uncounted, _) = assign(binding, &gaps);
        Promise::Delivery.demand(uncounted == 0, || {
            format!("client {}, channel {}: {uncounted} messages are missing", subscriber.client, subscriber.channel)
        })?;
        let (_, unfilled) = assign(absent, &gaps);
        Promise::Delivery.demand(unfilled == 0, || {
            let Subscriber { client, channel } = subscriber;
            format!("client {client}, channel {channel}: gaps count {unfilled} messages more than are missing")
        })
    }

    /// By publisher, the messages that came and where in the stream.
    fn positions(
        &self,
        subscriber: Subscriber,
        record: &Record,
    ) -> Result<BTreeMap<usize, Vec<(usize, usize)>>, Violation> {
        let mut positions: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (position, event) in self.events.iter().enumerate() {
            let Event::Message(number) = *event else { continue };
            let message = &record.messages[number];
            let what = |what: &str| format!("client {}: message {number} {what}", subscriber.client);
            Promise::Crosstalk.demand(subscriber.wants(message), || what("is not for it"))?;
            Promise::Delivery.demand(self.may_come(number, message), || what("is not of its subscription's time"))?;
            let before = positions.entry(message.publisher).or_default();
            let in_order = before.last().is_none_or(|(last, _)| *last < number);
            Promise::Order.demand(in_order, || what("came twice, or out of order"))?;
            before.push((number, position));
        }
        Ok(positions)
    }

    /// The least and the most messages that the counters may have for it; the least if only what came counts, or all that
    /// it was to have.
    pub(crate) fn accounts(&self, subscriber: Subscriber, record: &Record, fully: bool) -> (u64, u64) {
        let messages = record.messages.iter().enumerate();
        let wanted = messages.filter(|(number, message)| subscriber.wants(message) && self.may_come(*number, message));
        let (mut owed, mut allowed) = (0, 0);
        for (number, _) in wanted {
            let left = self.left.unwrap_or(usize::MAX);
            owed += u64::from(self.binding_from.is_some_and(|binding| (binding..left).contains(&number)));
            allowed += 1;
        }
        let came = self.events.iter().map(|event| match event {
            Event::Message(_) => 1,
            Event::Gap(count) => *count,
        });
        (if fully { owed.max(came.sum()) } else { came.sum() }, allowed)
    }

    fn may_come(&self, number: usize, message: &Message) -> bool {
        number >= self.from[usize::from(message.shard)] && self.until.is_none_or(|until| number < until)
    }

    /// The messages that have not come, each with the places where a gap may count it: between those of its
    /// publisher that came before and after.
    fn absent(
        &self,
        subscriber: Subscriber,
        record: &Record,
        positions: &BTreeMap<usize, Vec<(usize, usize)>>,
        complete_until: usize,
    ) -> Vec<Absent> {
        let first = self.from.iter().copied().min().unwrap_or_default();
        let candidates = record.messages.iter().enumerate().skip(first);
        let candidates =
            candidates.filter(|(number, message)| subscriber.wants(message) && self.may_come(*number, message));
        let mut absent = Vec::new();
        for (number, message) in candidates {
            let came = positions.get(&message.publisher).map_or(&[][..], Vec::as_slice);
            let Err(next) = came.binary_search_by_key(&number, |(came, _)| *came) else { continue };
            let after = next.checked_sub(1).map(|before| came[before].1);
            let before = came.get(next).map(|(_, position)| *position);
            let must_have_come = before.is_some() || number < complete_until;
            let is_owed = must_have_come && self.binding_from.is_some_and(|binding| number >= binding);
            absent.push(Absent { after, before, is_owed });
        }
        absent
    }
}

fn gap((position, event): (usize, &Event)) -> Option<(usize, u64)> {
    match event {
        Event::Gap(count) => Some((position, *count)),
        Event::Message(_) => None,
    }
}
