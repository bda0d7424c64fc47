//! The shards and the clients of a scenario, step by step to the end.

use crate::driver::{Driver, WHOLE};
use crate::mailbox::mesh;
use crate::model::{Client, Model};
use crate::scenario::{DRAIN_TIMEOUT, SWEEP_INTERVAL, Settings};
use crate::step::{Arrival, Command, Offence, Step};
use crate::step_weights::RECENT;
use crate::{PolicyFactory, Promise, Report, Transport, Violation};
use corecast_fanout::{Counters, Policy as _, ShardId};
use corecast_shard::Drain;
use corecast_wire::Code;
use std::time::Duration;

/// The number of rounds over all shards after which a server that has not come to rest never will. A few clients need some
/// ten.
const PATIENCE: usize = 500;

/// The number of rounds between two sweeps of a stopping server.
const ROUNDS_PER_SWEEP: usize = 2;

/// The number of rounds in which shards learn that all connections are gone.
const LAST_ROUNDS: usize = 8;

pub(crate) struct World<F: PolicyFactory> {
    settings: Settings,
    shards: Vec<Driver<F::Policy>>,
    /// The time of the world.
    at: Duration,
    model: Model,
    stalling: Vec<bool>,
    report: Report,
}

impl<F: PolicyFactory> World<F> {
    pub(crate) fn new(factory: &F, settings: &Settings) -> Self {
        let policies = factory.shards(settings.shards, &settings.fanout_limits());
        let ends = mesh(settings.shards, settings.mailbox_capacity);
        let shards = (0..).zip(policies).zip(ends);
        let shards = shards.map(|((id, policy), end)| Driver::new(id, policy, end, settings));
        Self {
            settings: settings.clone(),
            shards: shards.collect(),
            at: Duration::ZERO,
            model: Model::new(settings.clone(), factory.posts(), factory.keeps_batches()),
            stalling: Vec::new(),
            report: Report::default(),
        }
    }

    /// Takes one step, and compares the outcome with the model.
    pub(crate) fn take(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Open { shard, arrival, capacity } => self.open(shard, arrival, capacity)?,
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
            Step::Writable { shard, nth } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].writable(nth, &mut self.model)?;
            }
            Step::Exchange { shard, posts } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].exchange(posts, &mut self.model)?;
                self.report.congested += u64::from(self.shards[shard].shard.is_congested());
                self.report.saturated += u64::from(self.shards[shard].shard.policy().is_saturated());
            }
            Step::Flush { shard, budget } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].flush(budget, self.at, &mut self.model)?;
            }
            Step::Sweep { shard } => {
                let shard = usize::from(shard) % self.shards.len();
                self.shards[shard].sweep(self.at, &mut self.model)?;
            }
            Step::Elapse { sweeps } => (0..sweeps).try_for_each(|_| self.elapse())?,
            Step::StandStill { millis } => self.at += Duration::from_millis(millis),
        }
        self.model.check()?;
        self.answer_pings();
        Ok(())
    }

    /// Lets time pass up to the next sweep of all shards.
    fn elapse(&mut self) -> Result<(), Violation> {
        self.at += SWEEP_INTERVAL;
        for shard in &mut self.shards {
            shard.sweep(self.at, &mut self.model)?;
        }
        self.model.check()?;
        self.answer_pings();
        Ok(())
    }

    /// Has the clients that read answer PINGs.
    fn answer_pings(&mut self) {
        for (client, stalls) in self.model.clients.iter_mut().zip(&self.stalling) {
            if *stalls || client.closed || client.transport.has_client_ended() {
                continue;
            }
            for _ in 0..std::mem::take(&mut client.pings) {
                let pong = client.requests.pong();
                client.transport.write(&pong);
            }
        }
    }

    /// Picks one of the latest clients, because earlier ones have often been closed.
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

    fn open(&mut self, shard: u16, arrival: Arrival, capacity: Option<usize>) -> Result<(), Violation> {
        let number = self.model.clients.len();
        let transport = Transport::new(capacity);
        let plain = arrival == Arrival::Plain;
        let shard = usize::from(shard) % self.shards.len();
        let id = self.shards[shard].open(number, transport.clone(), plain, self.at, &mut self.model)?;
        self.report.reused_slots +=
            u64::from(self.model.clients.iter().any(|other| (other.id.shard, other.id.slot) == (id.shard, id.slot)));
        let mut client = Client::new(number, id, transport, arrival, &self.model.record, self.model.time_of(id.shard));
        let hello = client.requests.greet(arrival);
        client.transport.write(&hello);
        self.model.clients.push(client);
        self.stalling.push(capacity.is_some());
        self.report.connections += 1;
        Ok(())
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
        self.shards[usize::from(id.shard)].serve(id, bytes, self.at, &mut self.model)
    }

    /// Lets everything come to rest, stops the server, and checks the end.
    pub(crate) fn finish(mut self) -> Result<Report, Violation> {
        let cut_off: Vec<bool> = self.stalling.iter().map(|stalling| *stalling && self.settings.stubborn).collect();
        for (client, _) in self.model.clients.iter().zip(&cut_off).filter(|(_, cut_off)| !**cut_off) {
            client.transport.set_capacity(None);
        }
        if self.settings.rests {
            self.come_to_rest(&cut_off)?;
            self.outlive_deadlines(&cut_off)?;
        }
        self.stop(&cut_off)?;
        for (client, cut_off) in self.model.clients.iter().zip(cut_off) {
            client.check_end(cut_off, &self.model.record)?;
        }
        self.report()
    }

    /// Runs rounds until no task has anything to do, then checks that no bytes from clients are left unread.
    fn come_to_rest(&mut self, cut_off: &[bool]) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            let mut is_busy = self.round()?;
            while !is_busy && self.shards.iter().any(Driver::is_sleeping) {
                self.elapse()?;
                is_busy = self.round()?;
            }
            if !is_busy {
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

    /// Lets time pass until every deadline has passed, then checks that each has had its effect.
    fn outlive_deadlines(&mut self, cut_off: &[bool]) -> Result<(), Violation> {
        self.leave(cut_off);
        let had_been: Vec<_> = self.model.clients.iter().map(|client| client.transport.is_broken_off()).collect();
        let end = self.at + self.settings.longest_deadline();
        while self.at < end {
            self.elapse()?;
            self.round()?;
            self.leave(cut_off);
        }
        for ((client, had_been), cut_off) in self.model.clients.iter().zip(had_been).zip(cut_off) {
            client.check_given_up(had_been || *cut_off)?;
        }
        self.model.check_deadlines(&self.stalling)
    }

    /// Gives everything a turn, full transports first. Returns true if there was anything to do.
    fn round(&mut self) -> Result<bool, Violation> {
        let mut busy = false;
        for shard in 0..self.shards.len() {
            let shard = &mut self.shards[shard];
            while shard.writable(0, &mut self.model)? {
                busy = true;
            }
            busy |= shard.tick(self.at, &mut self.model)?;
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
        let had_ended: Vec<_> = self.model.clients.iter().map(|client| client.ended.is_some()).collect();
        let mut unasked: Vec<ShardId> = self.shards.iter().map(|shard| shard.id).collect();
        for _ in 0..PATIENCE {
            unasked.retain(|shard| !self.shards[0].mesh.try_stop(*shard));
            for _ in 0..ROUNDS_PER_SWEEP {
                self.round()?;
                self.leave(cut_off);
            }
            self.elapse()?;
            self.check_exchange()?;
            if self.shards.iter().all(|shard| shard.shard.drain_stage() == Drain::Done) {
                return self.check_given_up(&had_ended, cut_off);
            }
        }
        let stages: Vec<_> = self.shards.iter().map(|shard| shard.shard.drain_stage()).collect();
        Err(Promise::CleanEnd.broken(format!("the shards never end: {stages:?}")))
    }

    /// Checks that a stopping shard has the messages of the others long before it would give up waiting for them.
    fn check_exchange(&self) -> Result<(), Violation> {
        self.shards.iter().try_for_each(|shard| {
            let Drain::Exchanging(deadline) = shard.shard.drain_stage() else { return Ok(()) };
            let is_late = shard.shard.now() + DRAIN_TIMEOUT / 2 > deadline;
            Promise::CleanEnd
                .demand(!is_late, || format!("shard {} is never told that the others have ended", shard.id))
        })
    }

    /// Checks that no client that reads, and leaves when told to, was broken off while the server stopped.
    fn check_given_up(&self, had_ended: &[bool], cut_off: &[bool]) -> Result<(), Violation> {
        for ((client, had_ended), cut_off) in self.model.clients.iter().zip(had_ended).zip(cut_off) {
            let is_told = !had_ended && client.ended == Some(Code::GoingAway);
            client.check_given_up(!is_told || *cut_off)?;
        }
        Ok(())
    }

    /// Has the clients leave that have been told to, except those that do not read.
    fn leave(&mut self, cut_off: &[bool]) {
        for (client, cut_off) in self.model.clients.iter().zip(cut_off) {
            if client.transport.is_finished() && !*cut_off {
                client.transport.end_stream();
            }
        }
    }

    /// Checks that nothing is left, and returns the report.
    fn report(mut self) -> Result<Report, Violation> {
        // The policies' last messages to each other, once all connections are gone.
        for _ in 0..LAST_ROUNDS {
            self.round()?;
        }
        let mut counters = Counters::default();
        self.shards.iter().for_each(|shard| counters += shard.shard.policy().counters());
        self.model.check_accounts(&counters)?;
        let channel_logs: usize = self.shards.iter().map(|shard| F::channel_logs(shard.shard.policy())).sum();
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
        for client in &self.model.clients {
            let code = client.ended.unwrap_or(Code::Normal);
            let is_timeout =
                matches!(code, Code::HelloTimeout | Code::FrameTimeout | Code::IdleTimeout | Code::WriteTimeout);
            self.report.timeouts += u64::from(is_timeout);
            self.report.over_rate += u64::from(code == Code::RateExceeded);
        }
        self.report.short_sends = counters.short_sends;
        Ok(self.report)
    }
}
