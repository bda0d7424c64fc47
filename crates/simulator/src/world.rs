//! The shards and the clients of a scenario, step by step to the end.

use crate::mailbox::{Stop, mesh};
use crate::model::{Client, Model};
use crate::scenario::Settings;
use crate::shard::{Drain, Shard};
use crate::step::{Arrival, Command, Offence, Step};
use crate::step_weights::RECENT;
use crate::{PolicyFactory, Promise, Report, Transport, Violation};
use corecast_fanout::Counters;
use corecast_fanout::Policy as _;

/// Rounds over all shards after which what has not come to rest never will. A few clients need some ten.
const PATIENCE: usize = 500;

/// Of those, how many clients that stall are waited for.
const DEADLINE: usize = 200;

/// Rounds in which shards hear that all connections have gone.
const LAST_ROUNDS: usize = 8;

/// Bytes that a connection receives at once when everything is to come to rest.
const WHOLE: usize = 64 * 1024;

pub(crate) struct World<F: PolicyFactory> {
    settings: Settings,
    shards: Vec<Shard<F::Policy>>,
    model: Model,
    stalling: Vec<bool>,
    report: Report,
}

impl<F: PolicyFactory> World<F> {
    pub(crate) fn new(factory: &F, settings: &Settings) -> Self {
        let policies = factory.shards(settings.shards, &settings.fanout_limits());
        let ends = mesh(settings.shards, settings.mailbox_capacity);
        let shards = (0..).zip(policies).zip(ends);
        let shards = shards.map(|((id, policy), end)| Shard::new(id, policy, end, settings.clone()));
        Self {
            settings: settings.clone(),
            shards: shards.collect(),
            model: Model::new(settings.clone(), factory.posts(), factory.keeps_batches()),
            stalling: Vec::new(),
            report: Report::default(),
        }
    }

    /// Does one step, and holds what came of it against the model.
    pub(crate) fn take(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Open { shard, arrival, capacity } => self.open(shard, arrival, capacity),
            Step::Write { client, command } => self.with(client, |world, client| world.write(client, command)),
            Step::EndStream { client } => self.with(client, |world, client| world.transport(client).end_stream()),
            Step::Reset { client } => self.with(client, |world, client| world.transport(client).break_off()),
            Step::Pace { client, capacity } => self.with(client, |world, client| world.pace(client, capacity)),
            Step::Read { client, bytes } => self.with(client, |world, client| world.transport(client).read(bytes)),
            Step::Serve { client, bytes } => {
                if let Some(client) = self.pick(client) {
                    self.serve(client, bytes)?;
                }
            }
            Step::Writable { shard, nth } => drop(self.shard(shard).writable(nth)),
            Step::Exchange { shard, posts } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].exchange(posts, &mut self.model);
                self.report.congested += u64::from(self.shards[shard].mailboxes.is_congested());
                self.report.saturated += u64::from(self.shards[shard].policy.is_saturated());
            }
            Step::Flush { shard, budget } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].flush(budget, &mut self.model)?;
            }
            Step::Watch { shard } => self.shard(shard).mailboxes.watch(),
            Step::Deliver { shard } => drop(self.shard(shard).mailboxes.deliver()),
            Step::Expire { client } => self.with(client, |world, client| {
                let id = world.model.clients[client].id;
                world.shards[usize::from(id.shard)].expire(id);
            }),
        }
        self.model.check()
    }

    fn shard(&mut self, shard: u16) -> &mut Shard<F::Policy> {
        let shards = self.shards.len();
        &mut self.shards[usize::from(shard) % shards]
    }

    /// Mostly the latest: the others have often been closed.
    fn pick(&self, client: usize) -> Option<usize> {
        let count = self.model.clients.len();
        count.checked_sub(1).map(|latest| latest - client % count.min(RECENT))
    }

    fn with(&mut self, client: usize, act: impl FnOnce(&mut Self, usize)) {
        if let Some(client) = self.pick(client) {
            act(self, client);
        }
    }

    fn transport(&self, client: usize) -> &Transport {
        &self.model.clients[client].transport
    }

    fn open(&mut self, shard: u16, arrival: Arrival, capacity: Option<usize>) {
        let number = self.model.clients.len();
        let transport = Transport::new(capacity);
        let plain = arrival == Arrival::Plain;
        let id = self.shard(shard).open(number, transport.clone(), plain);
        self.report.reused_slots +=
            u64::from(self.model.clients.iter().any(|other| (other.id.shard, other.id.slot) == (id.shard, id.slot)));
        let mut client = Client::new(number, id, transport, arrival, &self.model.record);
        let hello = client.requests.greet(arrival);
        client.transport.write(&hello);
        self.model.clients.push(client);
        self.stalling.push(capacity.is_some());
        self.report.connections += 1;
    }

    fn write(&mut self, client: usize, command: Command) {
        let client = &mut self.model.clients[client];
        if client.transport.has_client_ended() || client.closed {
            return;
        }
        let bytes = client.requests.write(command);
        client.transport.write(&bytes);
        if command == Command::Violate(Offence::Truncated) {
            client.transport.end_stream();
        }
    }

    fn pace(&mut self, client: usize, capacity: Option<usize>) {
        self.transport(client).set_capacity(capacity);
        self.stalling[client] = capacity.is_some();
    }

    fn serve(&mut self, client: usize, bytes: usize) -> Result<bool, Violation> {
        let id = self.model.clients[client].id;
        self.shards[usize::from(id.shard)].serve(id, bytes, &mut self.model)
    }

    /// Everything comes to rest, the server is stopped, and all is over.
    pub(crate) fn finish(mut self) -> Result<Report, Violation> {
        let cut_off: Vec<bool> = self.stalling.iter().map(|stalling| *stalling && self.settings.stubborn).collect();
        for (client, _) in self.model.clients.iter().zip(&cut_off).filter(|(_, cut_off)| !**cut_off) {
            client.transport.set_capacity(None);
        }
        if self.settings.rests {
            self.come_to_rest(&cut_off)?;
        }
        self.stop(&cut_off)?;
        for (client, cut_off) in self.model.clients.iter().zip(cut_off) {
            client.check_end(cut_off, &self.model.record)?;
        }
        self.report()
    }

    /// Until nobody has anything to do; then nothing that a client has written may be left.
    fn come_to_rest(&mut self, cut_off: &[bool]) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            if !self.round()? {
                for (client, cut_off) in self.model.clients.iter().zip(cut_off) {
                    let unread = client.transport.unreceived();
                    let excused = client.ended.is_some() || client.transport.is_broken() || *cut_off;
                    Promise::CleanEnd.demand(excused || unread == 0, || {
                        format!("client {} is never read again: {unread} bytes wait", client.number)
                    })?;
                }
                return Ok(());
            }
        }
        Err(Promise::CleanEnd.broken("the shards never come to rest"))
    }

    /// Everybody has a turn, the full transports first; whether anybody had something to do.
    fn round(&mut self) -> Result<bool, Violation> {
        let mut busy = false;
        for shard in 0..self.shards.len() {
            let shard = &mut self.shards[shard];
            while shard.writable(0) {
                busy = true;
            }
            busy |= shard.mailboxes.deliver() | shard.mailboxes.has_message();
            shard.exchange(256, &mut self.model);
            busy |= shard.flush(64, &mut self.model)?;
            busy |= shard.full.iter().any(|(_, transport)| transport.is_writable());
        }
        for client in 0..self.model.clients.len() {
            self.model.check()?;
            busy |= self.serve(client, WHOLE)?;
        }
        self.model.check()?;
        Ok(busy)
    }

    fn stop(&mut self, cut_off: &[bool]) -> Result<(), Violation> {
        self.model.stopping = true;
        let mut stops: Vec<Stop> = self.shards.iter().map(|shard| shard.mailboxes.stop(shard.id)).collect();
        for round in 0..PATIENCE {
            for stop in &mut stops {
                stop.deliver();
            }
            self.round()?;
            let deadline_is_over = round > DEADLINE && cut_off.contains(&true);
            self.shards.iter_mut().for_each(|shard| shard.drain(deadline_is_over));
            self.leave(deadline_is_over, cut_off);
            if self.shards.iter().all(|shard| shard.drain == Drain::Done) {
                return Ok(());
            }
        }
        let stages: Vec<_> = self.shards.iter().map(|shard| shard.drain).collect();
        Err(Promise::CleanEnd.broken(format!("the shards never end: {stages:?}")))
    }

    /// Clients that have been told leave; those that do not listen are given up.
    fn leave(&mut self, deadline_is_over: bool, cut_off: &[bool]) {
        for (client, cut_off) in self.model.clients.iter().zip(cut_off) {
            if client.transport.is_finished() && !*cut_off {
                client.transport.end_stream();
            } else if deadline_is_over && *cut_off {
                self.shards[usize::from(client.id.shard)].expire(client.id);
            }
        }
    }

    /// Nothing may be left.
    fn report(mut self) -> Result<Report, Violation> {
        // What the policies say of each other when all connections have gone.
        for _ in 0..LAST_ROUNDS {
            self.round()?;
        }
        let mut counters = Counters::default();
        self.shards.iter().for_each(|shard| counters += shard.policy.counters());
        self.model.check_accounts(&counters)?;
        let channel_logs: usize = self.shards.iter().map(|shard| F::channel_logs(&shard.policy)).sum();
        Promise::CleanEnd.demand(channel_logs == 0, || format!("{channel_logs} channel logs are kept for nobody"))?;
        drop(self.shards);
        for client in &self.model.clients {
            let released = client.transport.is_released();
            Promise::CleanEnd.demand(released, || format!("the transport of client {} is kept", client.number))?;
        }
        self.report.published = self.model.record.next() as u64;
        self.report.deliveries = counters.deliveries;
        self.report.missed = counters.missed;
        self.report.lagged = counters.lagged;
        self.report.short_sends = counters.short_sends;
        Ok(self.report)
    }
}
