//! The receiving side, where every delivery is verified, accounted for and timed.

use crate::connections::reader::Sink;
use crate::load::in_flight_window::InFlightWindow;
use crate::measure::completion::Completion;
use crate::measure::fairness::Means;
use crate::measure::timeline::Timeline;
use crate::protocol::dialect::Item;
use crate::verify::delivery_tracker::{Arrival, DeliveryTracker};
use crate::verify::payload::{Header, PROBE, Reading, Stamp};
use crate::verify::receiver::{Batch, Counts, Receiver, Role};
use crate::verify::reference_stream::{ReferenceStreams, Run};
use crate::{Checks, Settings};
use std::collections::HashMap;
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct DeliveryVerifier<'a> {
    stamp: &'a Stamp,
    names: &'a [String],
    settings: &'a Settings,
    publishers: usize,
    /// The messages of each connection, and how they count.
    receivers: Vec<Receiver>,
    streams: ReferenceStreams,
    tracker: DeliveryTracker,
    /// The in-flight window of a closed loop; none in an open loop.
    pub(crate) in_flight_window: Option<InFlightWindow>,
    /// The deliveries to subscribers whose message was due in the measured window.
    pub(crate) timeline: Timeline,
    /// The mean latencies of the same deliveries.
    pub(crate) means: Means,
    pub(crate) completion: Completion,
    pub(crate) measured: Range<u64>,
    pub(crate) counts: Counts,
    pub(crate) last_arrival_ns: u64,
    /// The faults except losses, which are known at the end. Those of stalled subscribers are separate.
    checks: Checks,
    stalled_checks: Checks,
    /// The deliveries without a credible header, and the losses that the server reported, by connection. Neither is a
    /// silent loss.
    accounted: HashMap<usize, u64>,
    batch: Batch,
}

impl<'a> DeliveryVerifier<'a> {
    /// Creates a verifier. `publishers_receive` is true if publishers receive what subscribers do.
    pub(crate) fn new(
        settings: &'a Settings,
        names: &'a [String],
        stamp: &'a Stamp,
        publishers_receive: bool,
        measured: Range<u64>,
        in_flight_window: Option<InFlightWindow>,
    ) -> Self {
        let stalled = settings.disturbance.stalled(settings.subscribers);
        let echoes = if publishers_receive { settings.publishers } else { 0 };
        let rows = settings.publishers * (settings.all_subscriptions() + echoes);
        let told = 0..settings.publishers * settings.subscriptions * stalled.start;
        let receivers: Vec<_> =
            (0..settings.connections()).map(|index| Receiver::of(settings, publishers_receive, index)).collect();
        let streams = ReferenceStreams::new(settings, receivers.iter().map(|receiver| receiver.channel()));
        let mut completion = Completion::new(settings.publishers * settings.channels);
        for row in told.clone() {
            completion.join(stream(settings, row));
        }
        Self {
            stamp,
            names,
            settings,
            publishers: settings.publishers,
            receivers,
            streams,
            tracker: DeliveryTracker::new(rows, &told),
            in_flight_window,
            timeline: Timeline::new(settings, measured.clone()),
            means: Means::new(settings.subscribers),
            completion,
            measured,
            counts: Counts::default(),
            last_arrival_ns: 0,
            checks: Checks::default(),
            stalled_checks: Checks::default(),
            accounted: HashMap::new(),
            batch: Batch::default(),
        }
    }

    /// Returns the number of deliveries after which nothing more is expected.
    pub(crate) fn settled(&self) -> u64 {
        self.counts.arrived() + self.counts.accounted
    }

    /// Records that a message is passed to its socket.
    pub(crate) fn sent(&mut self, publisher: usize, channel: usize, due_ns: u64) {
        let due_ns = self.measured.contains(&due_ns).then_some(due_ns);
        self.completion.sent(channel * self.publishers + publisher, due_ns);
    }

    /// Ends the measured window early.
    pub(crate) fn cut(&mut self, now_ns: u64) {
        self.measured.end = self.measured.end.min(now_ns);
        self.timeline.cut(now_ns);
    }

    /// Returns the rows of a connection, by subscription and publisher, with publisher and channel.
    fn rows(&self, connection: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let (publishers, channels) = (self.publishers, self.settings.channels);
        let first = self.first_subscription(connection);
        (first..first + usize::from(self.receivers[connection].subscriptions)).flat_map(move |subscription| {
            (0..publishers)
                .map(move |publisher| (subscription * publishers + publisher, publisher, subscription % channels))
        })
    }

    fn first_subscription(&self, connection: usize) -> usize {
        // With more than one subscription each, publishers receive nothing.
        connection * self.settings.subscriptions
    }

    /// Returns what a connection must receive of the messages sent so far: a sequence for each of its rows.
    pub(crate) fn owed(&self, connection: usize, sent: impl Fn(usize, usize) -> u64) -> Vec<u64> {
        self.rows(connection).map(|(_, publisher, channel)| sent(publisher, channel)).collect()
    }

    /// Returns true if a connection has received everything that is owed to it.
    pub(crate) fn has_reached(&self, connection: usize, owed: &[u64]) -> bool {
        self.rows(connection).zip(owed).all(|((row, ..), sequence)| self.tracker.has_reached(row, *sequence))
    }

    /// Subscribes a connection anew. It is owed everything that is sent from now on.
    pub(crate) fn join(&mut self, connection: usize, sent: impl Fn(usize, usize) -> u64) {
        self.streams.lose(connection, self.receivers[connection].first_channel.into());
        let rows: Vec<_> = self.rows(connection).collect();
        for (row, publisher, channel) in rows {
            self.tracker.join(row, sent(publisher, channel));
            self.completion.join(stream(self.settings, row));
        }
    }

    /// Closes a connection. Everything in `owed` that did not arrive is lost; without `owed`, only skipped messages
    /// are.
    pub(crate) fn leave(&mut self, connection: usize, owed: Option<&[u64]>) {
        let mut missing = 0;
        let rows: Vec<_> = self.rows(connection).collect();
        for (nth, (row, ..)) in rows.into_iter().enumerate() {
            let (told, missed) = self.tracker.leave(row, owed.map(|owed| owed[nth]));
            self.completion.leave(stream(self.settings, row), told);
            missing += missed;
        }
        self.checks.lost += missing.saturating_sub(self.accounted.remove(&connection).unwrap_or_default());
    }

    /// Accounts for a message that is not the next one. Returns false if it must not be counted as a delivery.
    #[cold]
    fn out_of_turn(&mut self, arrival: Arrival, subscription: usize, header: Header) -> bool {
        let (publisher, channel) = (usize::from(header.publisher), usize::from(header.channel));
        match arrival {
            Arrival::Late => self.checks_of_batch().reordered += 1,
            Arrival::Duplicate => {
                self.checks_of_batch().duplicated += 1;
                return false;
            }
            Arrival::Ahead(skipped) if self.batch.receiver.role == Role::Subscriber => {
                let missed = header.sequence - skipped..header.sequence;
                self.completion.miss(channel * self.publishers + publisher, missed);
                if let Some(in_flight_window) = &mut self.in_flight_window {
                    for _ in 0..skipped {
                        in_flight_window.settle(subscription, publisher, channel, 1);
                    }
                }
            }
            Arrival::InOrder | Arrival::Ahead(_) => {}
        }
        true
    }

    /// Accounts for a message of an existing publisher, on a subscribed channel. Returns true if it arrived in its
    /// turn.
    #[inline]
    fn account_for(&mut self, subscription: usize, header: Header) -> bool {
        let row = subscription * self.publishers + usize::from(header.publisher);
        let arrival = self.tracker.arrive(row, header.sequence);
        let in_order = arrival == Arrival::InOrder;
        if in_order || self.out_of_turn(arrival, subscription, header) {
            self.record(subscription, header, 1, arrival != Arrival::Late);
        }
        in_order
    }

    /// Accounts for several messages at once if they arrive in their turn.
    #[inline]
    fn account_for_run(&mut self, subscription: usize, Run { header, count, .. }: Run) {
        let row = subscription * self.publishers + usize::from(header.publisher);
        if self.tracker.arrive_in_order(row, header.sequence, count) {
            return self.record(subscription, header, count, true);
        }
        for sequence in header.sequence..header.sequence + count {
            self.account_for(subscription, Header { sequence, ..header });
        }
    }

    /// Counts deliveries that were due at one time.
    #[inline]
    fn record(&mut self, subscription: usize, header: Header, count: u64, settles: bool) {
        self.batch.deliveries += count;
        if self.batch.receiver.role != Role::Subscriber {
            return;
        }
        if settles && let Some(in_flight_window) = &mut self.in_flight_window {
            in_flight_window.settle(subscription, usize::from(header.publisher), usize::from(header.channel), count);
        }
        if !self.measured.contains(&header.intended_ns) {
            return self.leave_untimed(count);
        }
        self.timeline.record(self.batch.now_ns.saturating_sub(header.intended_ns), count);
        self.batch.due_ns = self.batch.due_ns.wrapping_add(header.intended_ns.wrapping_mul(count));
    }

    /// This is separate, so that a timed delivery costs no instruction for it.
    #[cold]
    #[inline(never)]
    fn leave_untimed(&mut self, count: u64) {
        self.batch.untimed += count;
    }

    /// Counts the deliveries of the receive, by the role of the receiver.
    fn count(&mut self) {
        let Batch { connection, receiver, deliveries, measured, now_ns, untimed, due_ns, .. } = self.batch;
        if deliveries == 0 {
            return;
        }
        if receiver.role == Role::Subscriber {
            let timed = deliveries - untimed;
            self.means.add(connection, now_ns.wrapping_mul(timed).wrapping_sub(due_ns), timed);
        }
        self.last_arrival_ns = now_ns;
        let counts = &mut self.counts;
        let (all, in_window) = match receiver.role {
            Role::Subscriber => (&mut counts.to_subscribers, &mut counts.measured_to_subscribers),
            Role::Publisher => (&mut counts.to_publishers, &mut counts.measured_to_publishers),
            Role::Stalled => (&mut counts.to_stalled, &mut counts.measured_to_stalled),
        };
        *all += deliveries;
        *in_window += deliveries * measured;
    }

    #[cold]
    fn not_ours(&mut self, reading: Reading) {
        self.batch.verified = None;
        if reading == Reading::Foreign {
            self.checks_of_batch().foreign += 1;
        } else {
            self.checks_of_batch().altered += 1;
            self.account(1);
        }
    }

    fn account(&mut self, count: u64) {
        self.counts.accounted += count;
        *self.accounted.entry(self.batch.connection).or_default() += count;
    }

    fn checks_of_batch(&mut self) -> &mut Checks {
        if self.batch.receiver.role == Role::Stalled { &mut self.stalled_checks } else { &mut self.checks }
    }

    /// Returns the number of sent messages that a connection lacks; `sent` returns the messages by publisher and
    /// channel.
    pub(crate) fn missing(&self, connection: usize, sent: impl Fn(usize, usize) -> u64) -> u64 {
        let missing: u64 = self
            .rows(connection)
            .map(|(row, publisher, channel)| self.tracker.missing_in(row, sent(publisher, channel)))
            .sum();
        missing.saturating_sub(self.accounted.get(&connection).copied().unwrap_or_default())
    }

    /// Returns the faults, once nothing more will come, without those of stalled subscribers.
    pub(crate) fn checks(&self, sent: impl Fn(usize, usize) -> u64) -> Checks {
        let counting = (0..self.receivers.len()).filter(|index| self.receivers[*index].role != Role::Stalled);
        let lost: u64 = counting.map(|connection| self.missing(connection, &sent)).sum();
        Checks { lost: self.checks.lost + lost, ..self.checks.clone() }
    }

    /// Returns the faults of subscribers that stall, without their losses.
    pub(crate) fn stalled_checks(&self) -> &Checks {
        &self.stalled_checks
    }
}

/// Returns the stream of messages that a row receives: that of one publisher on one channel.
fn stream(settings: &Settings, row: usize) -> usize {
    let (subscription, publisher) = (row / settings.publishers, row % settings.publishers);
    settings.channel_of(subscription) * settings.publishers + publisher
}

impl Sink for DeliveryVerifier<'_> {
    fn begin(&mut self, connection: usize, now_ns: u64) {
        if self.timeline.is_due(now_ns) {
            self.timeline.advance(now_ns, self.counts.measured_to_subscribers);
        }
        self.batch = Batch {
            connection,
            receiver: self.receivers[connection],
            first_subscription: self.first_subscription(connection),
            channels: self.names.len().try_into().expect("settings are checked"),
            now_ns,
            deliveries: 0,
            untimed: 0,
            due_ns: 0,
            measured: u64::from(self.measured.contains(&now_ns)),
            verified: None,
        };
        let Batch { receiver, first_subscription, .. } = self.batch;
        if receiver.subscriptions > 0 {
            let expected = self.tracker.expected(first_subscription * self.publishers, self.publishers);
            self.streams.begin(connection, usize::from(receiver.first_channel), expected);
        }
    }

    #[inline]
    fn deliver(&mut self, payload: &[u8]) {
        let (header, intact) = match self.stamp.read(payload) {
            Reading::Ours { header, intact } => (header, intact),
            reading => return self.not_ours(reading),
        };
        let publisher = usize::from(header.publisher);
        let subscription = self.batch.subscription(header.channel).filter(|_| publisher < self.publishers);
        let Some(subscription) = subscription else {
            self.batch.verified = None;
            // A probe that was still in flight is not a fault.
            self.checks_of_batch().misrouted += u64::from(header.channel != PROBE);
            return;
        };
        if !intact {
            self.checks_of_batch().altered += 1;
        }
        let in_order = self.account_for(subscription, header);
        self.batch.verified = (intact && in_order).then_some(header);
    }

    #[inline]
    fn deliver_known(&mut self, bytes: &[u8]) -> usize {
        let Batch { connection, receiver, first_subscription, .. } = self.batch;
        let channel = usize::from(receiver.first_channel);
        let recognised = self.streams.recognise(connection, channel, bytes);
        let len = recognised.len;
        if len > 0 {
            // Accounting does not touch the reference streams, which the borrow checker cannot see.
            let streams = std::mem::take(&mut self.streams);
            streams.runs(channel, recognised).for_each(|run| self.account_for_run(first_subscription, run));
            self.streams = streams;
        }
        len
    }

    #[inline]
    fn learn(&mut self, message: &[u8]) {
        let Batch { connection, receiver, verified, .. } = self.batch;
        self.streams.learn(connection, usize::from(receiver.first_channel), verified, message);
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            // The message has another length, or another channel's name.
            Item::Delivery { channel, payload } => {
                let named = self.names.iter().position(|name| name.as_bytes() == channel);
                let named = named.and_then(|index| u16::try_from(index).ok());
                let own = named.filter(|index| self.batch.subscription(*index).is_some());
                match (own, self.stamp.read(payload)) {
                    (Some(own), Reading::Ours { header, .. }) if header.channel != own => {
                        self.checks_of_batch().misrouted += u64::from(header.channel != PROBE);
                    }
                    (Some(_), _) => self.deliver(payload),
                    (None, _) => self.checks_of_batch().misrouted += 1,
                }
            }
            Item::Gap(count) => {
                self.checks_of_batch().gaps += 1;
                self.checks_of_batch().reported_lost += count;
                self.account(count);
            }
            Item::Refusal(_) => self.checks_of_batch().refusals += 1,
            Item::Answer | Item::Ping(_) | Item::Nothing => {}
        }
    }

    fn end(&mut self) {
        self.count();
        let Self { tracker, completion, settings, batch, .. } = self;
        tracker.tell(|row, passed| completion.advance(stream(settings, row), passed, batch.now_ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Load, Protocol};

    /// Returns the faults of three subscribers on two channels with one publisher, after `feed`, for four messages on
    /// each channel.
    fn checks(feed: impl FnOnce(&mut DeliveryVerifier<'_>, &dyn Fn(u16, u64) -> Vec<u8>)) -> Checks {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let settings = Settings {
            subscribers: 3,
            publishers: 1,
            channels: 2,
            ..Settings::new(address, Protocol::Native, Load::Paced { rate: 1 })
        };
        let names = settings.channel_names();
        let stamp = Stamp::new(1, settings.payload_bytes);
        let mut verifier = DeliveryVerifier::new(&settings, &names, &stamp, false, 0..100, None);
        for connection in 0..3 {
            verifier.begin(connection, 1);
            for sequence in if connection == 1 { 0..1 } else { 0..4 } {
                verifier.deliver(&message(&stamp, settings.channel_of(connection), sequence));
            }
        }
        verifier.begin(1, 2);
        feed(&mut verifier, &|channel, sequence| message(&stamp, usize::from(channel), sequence));
        verifier.checks(|_, _| 4)
    }

    fn message(stamp: &Stamp, channel: usize, sequence: u64) -> Vec<u8> {
        let mut payload = Vec::new();
        let channel = u16::try_from(channel).unwrap();
        stamp.write(Header { publisher: 0, channel, sequence, intended_ns: 0 }, &mut payload);
        payload
    }

    #[test]
    fn what_a_gap_reports_is_not_lost_in_silence() {
        let found = checks(|verifier, message| {
            verifier.item(Item::Gap(2));
            verifier.deliver(&message(1, 3));
        });
        assert_eq!(found, Checks { gaps: 1, reported_lost: 2, ..Checks::default() });
    }

    #[test]
    fn a_gap_that_reports_too_few_leaves_the_rest_lost() {
        let found = checks(|verifier, _| verifier.item(Item::Gap(2)));
        assert_eq!(found, Checks { gaps: 1, reported_lost: 2, lost: 1, ..Checks::default() });
    }

    #[test]
    fn another_channels_message_is_misrouted() {
        let found = checks(|verifier, message| {
            verifier.deliver(&message(0, 1));
            verifier.item(Item::Delivery { channel: b"bench0", payload: &message(1, 1) });
            verifier.item(Item::Delivery { channel: b"bench1", payload: &message(1, 1) });
        });
        assert_eq!(found, Checks { misrouted: 2, lost: 2, ..Checks::default() });
    }

    #[test]
    fn another_runs_message_and_a_late_probe_are_no_fault_of_the_server() {
        let found = checks(|verifier, message| {
            verifier.deliver(&message(PROBE, 0));
            for sequence in 1..4 {
                verifier.deliver(&message(1, sequence));
            }
            let mut foreign = Vec::new();
            let header = Header { publisher: 0, channel: 1, sequence: 4, intended_ns: 0 };
            Stamp::new(2, 64).write(header, &mut foreign);
            verifier.deliver(&foreign);
        });
        assert_eq!(found, Checks { foreign: 1, ..Checks::default() });
        assert!(found.all_held());
    }
}
