//! A naive model of the server: everything that it has accepted, that it owes to each client, and that has arrived.
//!
//! The model knows what each client wrote and how much of it the server has received. It asks a policy two things, to hold the shard
//! to the answers: whether it is saturated, and whether a connection awaits other shards.
//! Everything that leaves the server is decoded and compared with the model.

mod client;
mod deadlines;
mod gaps;
mod record;
mod requests;
mod subscription;

pub(crate) use client::Client;
pub(crate) use record::Record;

use crate::observer::Observer;
use crate::scenario::Settings;
use crate::transport::Received;
use crate::{Promise, Violation};
use corecast_fanout::{Counters, ShardId};
use corecast_wire::{Code, native};
use std::time::Duration;

/// The longest time between two sweeps that a deadline may count; in the rest of it the shard stood still.
const MOST_COUNTED: Duration = Duration::from_millis(500);

/// All clients and all messages.
pub(crate) struct Model {
    pub(crate) clients: Vec<Client>,
    pub(crate) record: Record,
    pub(crate) stopping: bool,
    settings: Settings,
    /// For each shard, the time that counts for its deadlines, and the world's time of its last sweep.
    time: Vec<(Duration, Duration)>,
}

impl Model {
    pub(crate) fn new(settings: Settings, posts: bool, keeps_batches: bool) -> Self {
        let record = Record::new(settings.shards, posts, keeps_batches);
        let time = vec![Default::default(); usize::from(settings.shards)];
        Self { clients: Vec::new(), record, stopping: false, settings, time }
    }

    /// Checks everything that has arrived since the last call.
    pub(crate) fn check(&mut self) -> Result<(), Violation> {
        let Self { clients, record, settings, time, .. } = self;
        clients.iter_mut().try_for_each(|client| {
            let now = time[usize::from(client.id.shard)].0;
            client.check(record, settings.log_bytes, now)
        })
    }

    /// Compares the final counters with everything that was due to each subscription.
    pub(crate) fn check_accounts(&self, counters: &Counters) -> Result<(), Violation> {
        let (mut least, mut most) = (0, 0);
        for client in &self.clients {
            let (low, high) = client.accounts(&self.record);
            least += low;
            most += high;
        }
        let Counters { deliveries, missed, undelivered, .. } = *counters;
        let counted = deliveries + missed + undelivered;
        Promise::Accounts.demand((least..=most).contains(&counted), || {
            format!(
                "{deliveries} delivered, {missed} missed and {undelivered} undelivered are {counted}, not {least} to {most}"
            )
        })
    }
}

impl Model {
    /// Returns the time that counts for the deadlines of a client.
    pub(crate) fn now(&self, client: usize) -> Duration {
        self.time_of(self.clients[client].id.shard)
    }

    /// Returns the time that counts for the deadlines of a shard.
    pub(crate) fn time_of(&self, shard: ShardId) -> Duration {
        self.time[usize::from(shard)].0
    }

    /// Checks, after every deadline of every client has passed, that the clients that missed one were ended.
    pub(crate) fn check_deadlines(&self, silent: &[bool]) -> Result<(), Violation> {
        let mut clients = self.clients.iter().zip(silent);
        clients.try_for_each(|(client, is_silent)| {
            client.check_deadlines(&self.settings, *is_silent, self.time_of(client.id.shard))
        })
    }
}

impl Observer for Model {
    fn posted(&mut self, from: ShardId, to: ShardId) -> usize {
        self.record.posted(from, to)
    }

    fn has_nothing_to_post(&mut self, from: ShardId, to: ShardId) {
        self.record.has_nothing_to_post(from, to);
    }

    fn received(&mut self, at: ShardId, from: ShardId, horizon: usize) {
        self.record.received(at, from, horizon);
    }

    fn flushed(&mut self, shard: ShardId) -> Result<(), Violation> {
        self.check()?;
        for client in self.clients.iter_mut().filter(|client| client.id.shard == shard && !client.closed) {
            client.note_flush(&self.record);
        }
        Ok(())
    }

    fn begins_turn(&mut self, client: usize) -> Result<(), Violation> {
        let now = self.now(client);
        self.clients[client].check(&self.record, self.settings.log_bytes, now)
    }

    fn swept(&mut self, shard: ShardId, at: Duration) -> Result<(), Violation> {
        let (time, swept) = &mut self.time[usize::from(shard)];
        *time += at.saturating_sub(*swept).min(MOST_COUNTED);
        *swept = at;
        let mut clients = self.clients.iter_mut().filter(|client| client.id.shard == shard);
        clients.try_for_each(Client::note_sweep)
    }

    fn accept(&mut self, client: usize, bytes: usize, ended: Option<Code>, is_behind: bool) -> Result<(), Violation> {
        let now = self.now(client);
        let Self { clients, record, settings, .. } = self;
        let client = &mut clients[client];
        client.deadlines.hear(now);
        let (owed_before, first) = (client.owed_bytes(), record.next());
        let refused = ended == Some(Code::TooManySubscriptions);
        let acts = client.requests.receive(bytes);
        client.deadlines.note_frame(now, client.requests.is_mid_frame(), !acts.is_empty());
        for act in acts {
            client.act(act, refused, settings, record);
        }
        let read: usize = record.messages[first..].iter().map(|message| message.payload_len() + 32).sum();
        record.largest_read = record.largest_read.max(read);
        let had_published = std::mem::replace(&mut client.has_published, record.next() > first);
        Promise::Bounds.demand(!is_behind || !had_published, || {
            format!("client {} publishes, and was read while its shard was behind", client.number)
        })?;
        // All but one byte of the first answer owed may have left, and answers wait behind a cut message.
        let slack = native::HEADER_LEN + native::MAX_PING;
        let bounded = client.may_lag() || owed_before <= settings.control_bytes + slack;
        Promise::Bounds.demand(bounded, || {
            let limit = settings.control_bytes;
            format!(
                "client {} was read while {owed_before} bytes of answers were held, {limit} are allowed",
                client.number
            )
        })
    }

    fn found(&mut self, client: usize, received: &Received) {
        if *received == Received::End {
            self.clients[client].found_end_of_stream();
        }
    }

    fn ends(&mut self, client: usize, code: Code) -> Result<(), Violation> {
        let now = self.now(client);
        self.clients[client].end(code, self.stopping, &self.record, &self.settings, now)
    }

    fn accounted(&mut self, client: usize, fully: bool) -> Result<(), Violation> {
        let now = self.now(client);
        self.clients[client].account(fully, &self.settings, now)
    }

    fn closed(&mut self, client: usize) -> Result<(), Violation> {
        let now = self.now(client);
        self.clients[client].check(&self.record, self.settings.log_bytes, now)?;
        self.clients[client].closed = true;
        Ok(())
    }
}
