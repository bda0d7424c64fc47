//! One subscription: what was sent to it, compared with what was published.

use super::gaps::{Absent, assign};
use super::record::{Message, Record};
use crate::{Promise, Violation};
use std::collections::BTreeMap;

/// The time from one SUBSCRIBED to the UNSUBSCRIBED that follows.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// For each publisher's shard: messages before this one must not arrive.
    from: Vec<usize>,
    /// Messages from this one on must arrive; known once the answer has arrived.
    pub(crate) binding_from: Option<usize>,
    /// Set when the subscription was asked to end: messages before this one must arrive.
    pub(crate) left: Option<usize>,
    /// Set when the subscription has ended: messages from this one on must not have arrived.
    pub(crate) until: Option<usize>,
    pub(crate) answered: bool,
    pub(crate) finished: bool,
    pub(crate) events: Vec<Event>,
    /// True if lagging disconnects the subscriber; otherwise the subscriber skips.
    pub(crate) disconnects: bool,
    kept: Option<Kept>,
}

/// An event in the stream of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The message with this number.
    Message(usize),
    /// A gap of this many messages.
    Gap(u64),
}

/// The messages that arrived since the shard last completed a flush and that it had then: they were in the log at that
/// time.
#[derive(Debug)]
struct Kept {
    horizons: Vec<usize>,
    bytes: usize,
    /// The most bytes that one of these messages has.
    largest: usize,
}

/// The owner of a subscription, and its channel.
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
    /// Creates a subscription on a shard to which messages from these on may still come.
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

    /// Notes that the shard has nothing more to flush: the backlog that it keeps for this subscriber is within the bound.
    pub(crate) fn note_flush(&mut self, horizons: Vec<usize>) {
        self.kept = Some(Kept { horizons, bytes: 0, largest: 0 });
    }

    /// Takes a message with this many encoded bytes.
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
            // One message may have been cut, and is kept in addition to the log. A baseline keeps the batch during which
            // the transport became full.
            let slack = kept.largest + record.slack();
            Promise::Bounds.demand(kept.bytes <= log_bytes + slack, || {
                format!("{} bytes were kept for a subscriber, {log_bytes} are allowed", kept.bytes)
            })?;
        }
        Ok(())
    }

    /// Compares everything that arrived with what was published. Messages before `complete_until` should all have arrived.
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

    /// Returns, for each publisher, the messages that arrived and their positions in the stream.
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

    /// Returns the least and the most messages that the counters may have for the subscription. The least is the number
    /// that arrived or, if `fully` is true, at least the number of those that were due.
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

    /// Returns the messages that have not arrived. Each has the positions between which a gap may count it: those of its
    /// publisher's messages that arrived before and after it.
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
