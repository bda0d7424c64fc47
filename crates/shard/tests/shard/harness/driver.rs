//! The driver of one shard, which does what the engine does, one call at a time.

use super::hooked_policy::HookedPolicy;
use super::mesh::{Mesh, Request};
use super::time::Time;
use super::{Client, HELLO, SWEEP, Settings, Transport, encoded, subscribe};
use corecast_fanout::policy::Sharded;
use corecast_fanout::{ConnectionId, ShardId};
use corecast_session::{Codec, End, Native, Session};
use corecast_shard::{ConnectionState, Disconnect, Received, Shard, ShardEffect, State, Step, Turn};
use corecast_wire::native::Frame;
use corecast_wire::{Code, FrameLimits};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

/// Subscribers to whom a tick sends, at most about.
const BUDGET: usize = 64;

/// Ticks after which shards that do not come to rest have a bug.
const MOST_TICKS: usize = 1_000;

/// Steps after which a task that does not come to rest has a bug.
const MOST_STEPS: usize = 100;

/// An effect other than a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    WaitWritable(ConnectionId),
    ResetOnClose(ConnectionId),
    BreakOff(ConnectionId),
    Disconnected(ConnectionId, Code),
    Closed(ConnectionId),
}

pub(crate) struct Driver {
    pub(crate) shard: Shard<HookedPolicy, Rc<Transport>>,
    pub(crate) mesh: Mesh,
    pub(crate) time: Time,
    /// The records of the connections that have ended.
    pub(crate) disconnects: Vec<Disconnect>,
    /// The requests that were answered, each with the number of connections at the time.
    pub(crate) answered: Vec<(Request, usize)>,
    settings: Settings,
    observed: Vec<Observed>,
    woken: HashSet<ConnectionId>,
    /// The endpoints of the connections that have not been closed.
    endpoints: Vec<(ConnectionId, Rc<Transport>)>,
    /// The last flush left something.
    has_more: bool,
}

/// The drivers of so many shards.
pub(crate) fn shards<const N: usize>(settings: &Settings) -> [Driver; N] {
    let (time, shards) = (Time::begin(), ShardId::try_from(N).unwrap());
    let mut ends = Mesh::new(shards, settings.mailbox).into_iter();
    std::array::from_fn(|own| {
        let own = ShardId::try_from(own).unwrap();
        Driver::new(own, shards, ends.next().unwrap(), time.clone(), settings)
    })
}

impl Driver {
    fn new(own: ShardId, shards: ShardId, mesh: Mesh, time: Time, settings: &Settings) -> Self {
        let policy = HookedPolicy::new(Sharded::new(own, shards, settings.fanout.clone(), Codec));
        Self {
            shard: Shard::new(own, shards, policy, settings.limits.clone(), time.now(), settings.seed),
            mesh,
            time,
            disconnects: Vec::new(),
            answered: Vec::new(),
            settings: settings.clone(),
            observed: Vec::new(),
            woken: HashSet::new(),
            endpoints: Vec::new(),
            has_more: false,
        }
    }

    /// The only shard.
    pub(crate) fn alone(settings: &Settings) -> Self {
        let [driver] = shards(settings);
        driver
    }

    /// Accepts a connection.
    pub(crate) fn connect<S: Session>(&mut self, session: S) -> Client<S> {
        let transport = Transport::default();
        let endpoint = Rc::new(transport.clone());
        let connection = self.shard.open(Rc::clone(&endpoint), session, self.settings.idle_timeout, self.time.now());
        self.endpoints.push((connection.id(), endpoint));
        let mut client = Client { connection, transport, step: Step::Read };
        self.next(&mut client);
        client
    }

    /// Accepts a connection whose client says nothing yet.
    pub(crate) fn native(&mut self) -> Client<Native> {
        self.connect(Native::new(FrameLimits::NATIVE))
    }

    /// A client behind the handshake.
    pub(crate) fn greeted(&mut self) -> Client<Native> {
        let mut client = self.native();
        self.send(&mut client, &[HELLO]);
        self.tick();
        assert_eq!(client.read(), "welcome");
        client
    }

    /// A client that is subscribed to a channel; of the only shard.
    pub(crate) fn join(&mut self, channel: &str) -> Client<Native> {
        join(&mut [self], channel)
    }

    /// The task of a connection asks for its next step.
    pub(crate) fn next<S: Session>(&mut self, client: &mut Client<S>) -> Step {
        self.woken.remove(&client.id());
        let at = self.time.now();
        client.step = client.connection.next(&mut self.shard, || at);
        self.carry_out();
        client.step
    }

    /// The task goes on for as long as nothing makes it wait.
    pub(crate) fn go_on<S: Session>(&mut self, client: &mut Client<S>) -> Step {
        for _ in 0..MOST_STEPS {
            let is_done = client.step == Step::Done;
            if is_done || !self.is_woken(client) && client.step != Step::FinishSending {
                return client.step;
            }
            self.next(client);
        }
        panic!("{} does not come to rest", client.id());
    }

    /// The transport of a connection that may be read has something.
    pub(crate) fn receive<S: Session>(&mut self, client: &mut Client<S>, received: Received<'_>) -> Turn {
        assert_eq!(self.next(client), Step::Read, "{} must not be read", client.id());
        self.receive_late(client, received)
    }

    /// The same, where the connection may have ended since it was found readable.
    pub(crate) fn receive_late<S: Session>(&mut self, client: &mut Client<S>, received: Received<'_>) -> Turn {
        let at = self.time.now();
        let turn = client.connection.received(&mut self.shard, received, || at);
        client.step = turn.step;
        self.carry_out();
        turn
    }

    /// A client sends frames, which are received at once.
    pub(crate) fn send(&mut self, client: &mut Client<Native>, frames: &[Frame<'_>]) -> Step {
        self.receive(client, Received::Bytes(&encoded(frames))).step
    }

    /// A client that lingers ends its stream.
    pub(crate) fn peer_ends<S: Session>(&mut self, client: &mut Client<S>) -> Step {
        assert_eq!(self.go_on(client), Step::Linger);
        client.connection.peer_ended(&mut self.shard);
        self.next(client)
    }

    /// The transport of a connection takes bytes again.
    pub(crate) fn writable<S: Session>(&mut self, client: &Client<S>) {
        self.shard.writable(client.id());
        self.carry_out();
    }

    /// Ends a connection, as an administrator does.
    pub(crate) fn end<S: Session>(&mut self, client: &Client<S>) -> bool {
        let first = self.shard.end(client.id(), End::new(Code::Administrator, "enough"));
        self.carry_out();
        first
    }

    /// The first half of a tick.
    pub(crate) fn exchange(&mut self) {
        let Self { shard, mesh, answered, .. } = self;
        shard.exchange(mesh, |shard, request| answered.push((request, shard.connection_count())));
        self.carry_out();
    }

    /// The second half; returns true if there is more to do.
    pub(crate) fn flush(&mut self, budget: usize) -> bool {
        let more = self.shard.flush(budget, &mut self.mesh);
        if self.shard.is_stopping() {
            self.shard.drain(self.time.now(), &self.mesh);
        }
        self.carry_out();
        self.has_more = more;
        more
    }

    /// Both halves.
    pub(crate) fn tick(&mut self) -> bool {
        self.exchange();
        self.flush(BUDGET)
    }

    /// Ticks until there is nothing for a tick to do.
    pub(crate) fn settle(&mut self) {
        settle(&mut [self]);
    }

    /// Returns true if a tick would find something to do; the shard forgets it.
    fn takes_work(&mut self) -> bool {
        let is_asked_for = self.shard.take_tick_request() | std::mem::take(&mut self.has_more);
        is_asked_for || self.shard.can_exchange(&self.mesh)
    }

    /// A sweep. Returns for how long it stood still before.
    pub(crate) fn sweep(&mut self) -> Option<Duration> {
        let standstill = self.shard.advance_clock(self.time.now());
        self.shard.sweep();
        self.carry_out();
        standstill
    }

    /// Lets time pass, sweep by sweep, with a tick behind each.
    pub(crate) fn pass(&mut self, duration: Duration) {
        assert_eq!(duration.as_millis() % SWEEP.as_millis(), 0, "whole sweeps");
        for _ in 0..duration.as_millis() / SWEEP.as_millis() {
            self.time.advance(SWEEP);
            assert_eq!(self.sweep(), None, "the shard does not stand still");
            self.tick();
        }
    }

    /// The effects since the last call, but for wake-ups.
    pub(crate) fn observed(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.observed)
    }

    /// Returns true if the task of a connection was woken since it last asked for its step.
    pub(crate) fn is_woken<S: Session>(&self, client: &Client<S>) -> bool {
        self.woken.contains(&client.id())
    }

    /// The state of a connection; none if it has been reaped.
    pub(crate) fn state<S: Session>(&self, client: &Client<S>) -> Option<State> {
        self.shard.connection(client.id()).map(ConnectionState::state)
    }

    /// The reason for which a connection ends, if it does.
    pub(crate) fn reason<S: Session>(&self, client: &Client<S>) -> Option<Code> {
        self.shard.connection(client.id())?.reason().map(|end| end.code)
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.shard.take_effect() {
            let observed = match effect {
                ShardEffect::Wake(id) => {
                    self.woken.insert(id);
                    continue;
                }
                ShardEffect::WaitWritable(id) => Observed::WaitWritable(id),
                ShardEffect::ResetOnClose(id) => Observed::ResetOnClose(id),
                ShardEffect::BreakOff(id) => Observed::BreakOff(id),
                ShardEffect::Disconnected(disconnect) => {
                    let (id, code) = (disconnect.id, disconnect.end.code);
                    self.disconnects.push(disconnect);
                    Observed::Disconnected(id, code)
                }
                ShardEffect::Close(endpoint) => Observed::Closed(self.forget(&endpoint)),
            };
            self.observed.push(observed);
        }
    }

    fn forget(&mut self, endpoint: &Rc<Transport>) -> ConnectionId {
        let position = self.endpoints.iter().position(|(_, other)| Rc::ptr_eq(endpoint, other));
        let (id, _) = self.endpoints.swap_remove(position.expect("no connection is closed twice"));
        assert!(self.shard.connection(id).is_none(), "{id} is closed and still there");
        id
    }
}

/// Ticks each shard until none has anything to do.
pub(crate) fn settle(drivers: &mut [&mut Driver]) {
    for _ in 0..MOST_TICKS {
        let mut is_quiet = true;
        for driver in &mut *drivers {
            if driver.takes_work() {
                driver.tick();
                is_quiet = false;
            }
        }
        if is_quiet {
            return;
        }
    }
    panic!("the shards do not come to rest");
}

/// A client of the first of these shards, which are all, that is subscribed to a channel.
pub(crate) fn join(drivers: &mut [&mut Driver], channel: &str) -> Client<Native> {
    let mut client = drivers[0].greeted();
    drivers[0].send(&mut client, &[subscribe(channel)]);
    settle(drivers);
    assert_eq!(client.read(), format!("subscribed {channel}"));
    assert_eq!(drivers[0].next(&mut client), Step::Read);
    client
}
