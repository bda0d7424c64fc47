//! The receiving side: every delivery is verified, accounted for and timed here.

use crate::dialect::Item;
use crate::fleet::Sink;
use crate::flight::Flight;
use crate::latency::Latency;
use crate::ledger::{Arrival, Ledger};
use crate::payload::{PROBE, Reading, Stamp};
use crate::{Checks, Settings};
use std::collections::HashMap;
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Intake<'a> {
    stamp: &'a Stamp,
    names: &'a [String],
    subscribers: usize,
    publishers: usize,
    /// Per connection, the channel that it gets; [`PROBE`], which no message has, if it gets none.
    channel_of: Vec<u16>,
    ledger: Ledger,
    /// Only in a closed loop.
    pub(crate) flight: Option<Flight>,
    /// Of deliveries to subscribers whose message was due in the measured window.
    pub(crate) latency: Latency,
    pub(crate) measured: Range<u64>,
    pub(crate) counts: Counts,
    pub(crate) last_arrival_ns: u64,
    checks: Checks,
    /// Per connection, deliveries that say of themselves nothing credible, and losses reported by the
    /// server: neither is lost in silence.
    accounted: HashMap<usize, u64>,
    batch: Batch,
}

/// What the deliveries of one receive have in common.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    connection: usize,
    /// The channel that the connection gets.
    channel: u16,
    now_ns: u64,
    /// 1 within the measured window, else 0.
    measured: u64,
}

/// Deliveries, by receiver and time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Different messages that subscribers have, each counted per subscriber.
    pub(crate) to_subscribers: u64,
    /// The same for publishers, where they receive.
    pub(crate) to_publishers: u64,
    /// Of the first, those that came within the measured window.
    pub(crate) measured_to_subscribers: u64,
    /// Of the second, those that came within the measured window.
    pub(crate) measured_to_publishers: u64,
    /// Deliveries that will not come, or not in a form that can be counted above.
    accounted: u64,
}

impl<'a> Intake<'a> {
    /// `receivers` are all subscribers, and the publishers behind them where they receive.
    pub(crate) fn new(
        settings: &Settings,
        names: &'a [String],
        stamp: &'a Stamp,
        receivers: usize,
        measured: Range<u64>,
        flight: Option<Flight>,
    ) -> Self {
        let channel_of = |index| {
            let channel = u16::try_from(settings.channel_of(index)).expect("settings are checked");
            if index < receivers { channel } else { PROBE }
        };
        Self {
            stamp,
            names,
            subscribers: settings.subscribers,
            publishers: settings.publishers,
            channel_of: (0..settings.connections()).map(channel_of).collect(),
            ledger: Ledger::new(receivers, settings.publishers),
            flight,
            latency: Latency::new(),
            measured,
            counts: Counts::default(),
            last_arrival_ns: 0,
            checks: Checks::default(),
            accounted: HashMap::new(),
            batch: Batch::default(),
        }
    }

    /// Deliveries of which nothing more is to be expected.
    pub(crate) fn settled(&self) -> u64 {
        self.counts.to_subscribers + self.counts.to_publishers + self.counts.accounted
    }

    /// Accounts for a message that is not the next one; false if it is not to be counted as a delivery.
    #[cold]
    fn out_of_turn(&mut self, arrival: Arrival, publisher: usize, channel: usize) -> bool {
        match arrival {
            Arrival::InOrder => {}
            Arrival::Late => self.checks.reordered += 1,
            Arrival::Duplicate => {
                self.checks.duplicated += 1;
                return false;
            }
            Arrival::Ahead(skipped) => {
                if let Some(flight) = self.flight.as_mut().filter(|_| self.batch.connection < self.subscribers) {
                    for _ in 0..skipped {
                        flight.settle(self.batch.connection, publisher, channel);
                    }
                }
            }
        }
        true
    }

    #[cold]
    fn not_ours(&mut self, reading: Reading) {
        if reading == Reading::Foreign {
            self.checks.foreign += 1;
        } else {
            self.checks.altered += 1;
            self.account(1);
        }
    }

    fn account(&mut self, count: u64) {
        self.counts.accounted += count;
        *self.accounted.entry(self.batch.connection).or_default() += count;
    }

    /// What was wrong, once nothing more will come. `sent` gives messages per publisher and channel.
    pub(crate) fn checks(&self, sent: impl Fn(usize, usize) -> u64) -> Checks {
        let to_come = |connection: usize, publisher| sent(publisher, usize::from(self.channel_of[connection]));
        let missing = self.ledger.missing(to_come);
        let lost = |(connection, missing): (usize, &u64)| {
            missing.saturating_sub(self.accounted.get(&connection).copied().unwrap_or_default())
        };
        Checks { lost: missing.iter().enumerate().map(lost).sum(), ..self.checks.clone() }
    }
}

impl Sink for Intake<'_> {
    fn begin(&mut self, connection: usize, now_ns: u64) {
        let measured = u64::from(self.measured.contains(&now_ns));
        self.batch = Batch { connection, channel: self.channel_of[connection], now_ns, measured };
    }

    #[inline]
    fn deliver(&mut self, payload: &[u8]) {
        let (header, intact) = match self.stamp.read(payload) {
            Reading::Ours { header, intact } => (header, intact),
            reading => return self.not_ours(reading),
        };
        let batch = self.batch;
        let (publisher, channel) = (usize::from(header.publisher), usize::from(header.channel));
        if header.channel != batch.channel || publisher >= self.publishers {
            // A probe that was still under way is nobody's fault.
            self.checks.misrouted += u64::from(header.channel != PROBE);
            return;
        }
        self.checks.altered += u64::from(!intact);
        let arrival = self.ledger.arrive(batch.connection, publisher, header.sequence);
        if arrival != Arrival::InOrder && !self.out_of_turn(arrival, publisher, channel) {
            return;
        }
        self.last_arrival_ns = batch.now_ns;
        if batch.connection >= self.subscribers {
            self.counts.to_publishers += 1;
            self.counts.measured_to_publishers += batch.measured;
            return;
        }
        self.counts.to_subscribers += 1;
        self.counts.measured_to_subscribers += batch.measured;
        if arrival != Arrival::Late
            && let Some(flight) = &mut self.flight
        {
            flight.settle(batch.connection, publisher, channel);
        }
        if self.measured.contains(&header.intended_ns) {
            self.latency.record(batch.now_ns.saturating_sub(header.intended_ns));
        }
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            // Of another length, or under another channel's name.
            Item::Delivery { channel, payload } => {
                let own = self.names.get(usize::from(self.batch.channel));
                if own.is_some_and(|own| own.as_bytes() == channel) {
                    self.deliver(payload);
                } else {
                    self.checks.misrouted += 1;
                }
            }
            Item::Gap(count) => {
                self.checks.gaps += 1;
                self.checks.reported_lost += count;
                self.account(count);
            }
            Item::Refusal(_) => self.checks.refusals += 1,
            Item::Answer | Item::Ping(_) | Item::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Header;
    use crate::{Load, Protocol};

    /// Three subscribers on two channels, one publisher; what `feed` does with them is checked against
    /// four messages on each channel.
    fn checks(feed: impl FnOnce(&mut Intake<'_>, &dyn Fn(u16, u64) -> Vec<u8>)) -> Checks {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let settings = Settings {
            subscribers: 3,
            publishers: 1,
            channels: 2,
            ..Settings::new(address, Protocol::Native, Load::Paced { rate: 1 })
        };
        let names = settings.channel_names();
        let stamp = Stamp::new(1, settings.payload_bytes);
        let mut intake = Intake::new(&settings, &names, &stamp, 3, 0..100, None);
        for connection in 0..3 {
            intake.begin(connection, 1);
            for sequence in if connection == 1 { 0..1 } else { 0..4 } {
                intake.deliver(&message(&stamp, settings.channel_of(connection), sequence));
            }
        }
        intake.begin(1, 2);
        feed(&mut intake, &|channel, sequence| message(&stamp, usize::from(channel), sequence));
        intake.checks(|_, _| 4)
    }

    fn message(stamp: &Stamp, channel: usize, sequence: u64) -> Vec<u8> {
        let mut payload = Vec::new();
        let channel = u16::try_from(channel).unwrap();
        stamp.write(Header { publisher: 0, channel, sequence, intended_ns: 0 }, &mut payload);
        payload
    }

    #[test]
    fn what_a_gap_reports_is_not_lost_in_silence() {
        let found = checks(|intake, message| {
            intake.item(Item::Gap(2));
            intake.deliver(&message(1, 3));
        });
        assert_eq!(found, Checks { gaps: 1, reported_lost: 2, ..Checks::default() });
    }

    #[test]
    fn a_gap_that_reports_too_few_leaves_the_rest_lost() {
        let found = checks(|intake, _| intake.item(Item::Gap(2)));
        assert_eq!(found, Checks { gaps: 1, reported_lost: 2, lost: 1, ..Checks::default() });
    }

    #[test]
    fn another_channels_message_is_misrouted() {
        let found = checks(|intake, message| {
            intake.deliver(&message(0, 1));
            intake.item(Item::Delivery { channel: b"bench0", payload: &message(1, 1) });
            intake.item(Item::Delivery { channel: b"bench1", payload: &message(1, 1) });
        });
        assert_eq!(found, Checks { misrouted: 2, lost: 2, ..Checks::default() });
    }

    #[test]
    fn another_runs_message_and_a_late_probe_are_no_fault_of_the_server() {
        let found = checks(|intake, message| {
            intake.deliver(&message(PROBE, 0));
            for sequence in 1..4 {
                intake.deliver(&message(1, sequence));
            }
            let mut foreign = Vec::new();
            let header = Header { publisher: 0, channel: 1, sequence: 4, intended_ns: 0 };
            Stamp::new(2, 64).write(header, &mut foreign);
            intake.deliver(&foreign);
        });
        assert_eq!(found, Checks { foreign: 1, ..Checks::default() });
        assert!(found.all_held());
    }
}
