//! The task of one connection, cut into turns between which other tasks have theirs.

use crate::Transport;
use crate::scenario::Scenario;
use crate::transport::Received;
use corecast_fanout::{ConnectionId, Policy};
use corecast_session::{Native, Plain};
use corecast_shard::{Connection, Endpoint, HangUp, Shard, Step};
use corecast_wire::{Code, FrameLimits};
use std::time::Duration;

/// The greatest length field that a client may send.
pub(crate) const MAX_FRAME: u32 = 2048;

/// The simulator's end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedEndpoint {
    /// The client of the connection.
    pub(crate) client: usize,
    pub(crate) transport: Transport,
}

impl Endpoint for SimulatedEndpoint {
    type Outlet = Transport;

    fn outlet(&self) -> Transport {
        self.transport.clone()
    }

    fn unacknowledged(&self) -> u32 {
        u32::try_from(self.transport.unread()).unwrap_or(u32::MAX)
    }

    fn hang_up(&self) -> Option<HangUp> {
        if self.transport.is_broken() {
            Some(HangUp::Broken)
        } else {
            self.transport.has_client_ended().then_some(HangUp::Ended)
        }
    }
}

/// A shard of the simulator.
pub(crate) type SimulatedShard<P> = Shard<P, SimulatedEndpoint>;

/// The task of a connection that has not been reaped.
pub(crate) struct Task {
    pub(crate) id: ConnectionId,
    pub(crate) client: usize,
    pub(crate) transport: Transport,
    /// The next step.
    pub(crate) step: Step,
    /// True if the task was woken since its last turn.
    pub(crate) woken: bool,
    /// The time at which the task continues, if it sleeps.
    pub(crate) sleeps_until: Duration,
    /// The reason for the connection's end that the model knows.
    pub(crate) told: Option<Code>,
    protocol: Protocol,
}

enum Protocol {
    Native(Connection<Native>),
    Plain(Connection<Plain>),
}

/// The outcome of reading from a transport in a turn.
pub(crate) struct Taken {
    pub(crate) received: Received,
    /// The number of bytes that the server has taken.
    pub(crate) bytes: usize,
}

impl Task {
    /// Takes a client's connection into the shard.
    pub(crate) fn open<P: Policy<Transport>>(
        shard: &mut SimulatedShard<P>,
        endpoint: SimulatedEndpoint,
        plain: bool,
        idle_timeout: Duration,
        at: Duration,
    ) -> Self {
        let limits = FrameLimits { max_frame: MAX_FRAME };
        let (client, transport) = (endpoint.client, endpoint.transport.clone());
        let protocol = if plain {
            let session = Plain { channel: Scenario::CHANNELS[0].into(), limits, lag: None };
            Protocol::Plain(shard.open(endpoint, session, Duration::ZERO, at))
        } else {
            Protocol::Native(shard.open(endpoint, Native::new(limits), idle_timeout, at))
        };
        let id = match &protocol {
            Protocol::Native(connection) => connection.id(),
            Protocol::Plain(connection) => connection.id(),
        };
        let mut task =
            Self { id, client, transport, step: Step::Read, woken: false, sleeps_until: at, told: None, protocol };
        task.go_on(shard, at);
        task
    }

    /// Returns true if the task can run now.
    pub(crate) fn is_runnable(&self, at: Duration) -> bool {
        match self.step {
            Step::Read | Step::Linger => self.woken || self.transport.is_readable(),
            Step::Wait => self.woken,
            Step::Sleep(_) => self.woken || at >= self.sleeps_until,
            Step::FinishSending => true,
            Step::Done => false,
        }
    }

    /// Does the current step. Returns what was read from the transport, if the step was to read.
    pub(crate) fn turn<P: Policy<Transport>>(
        &mut self,
        shard: &mut SimulatedShard<P>,
        bytes: usize,
        at: Duration,
    ) -> Option<Taken> {
        self.woken = false;
        match self.step {
            Step::Done => {}
            Step::Read => {
                self.go_on(shard, at);
                if self.step == Step::Read && self.transport.is_readable() {
                    return Some(self.receive(shard, bytes, at));
                }
            }
            Step::Wait | Step::Sleep(_) => self.go_on(shard, at),
            Step::FinishSending => {
                self.transport.finish_sending();
                self.go_on(shard, at);
            }
            Step::Linger => {
                if matches!(self.transport.receive(bytes), Received::End | Received::Broken) {
                    match &mut self.protocol {
                        Protocol::Native(connection) => connection.peer_ended(shard),
                        Protocol::Plain(connection) => connection.peer_ended(shard),
                    }
                }
                self.go_on(shard, at);
            }
        }
        None
    }

    fn go_on<P: Policy<Transport>>(&mut self, shard: &mut SimulatedShard<P>, at: Duration) {
        let step = match &mut self.protocol {
            Protocol::Native(connection) => connection.next(shard, || at),
            Protocol::Plain(connection) => connection.next(shard, || at),
        };
        self.go_to(step, at);
    }

    fn go_to(&mut self, step: Step, at: Duration) {
        self.step = step;
        if let Step::Sleep(wait) = step {
            self.sleeps_until = at + wait;
        }
    }

    fn receive<P: Policy<Transport>>(&mut self, shard: &mut SimulatedShard<P>, bytes: usize, at: Duration) -> Taken {
        let has_rate = match &self.protocol {
            Protocol::Native(connection) => connection.has_rate(),
            Protocol::Plain(connection) => connection.has_rate(),
        };
        let received = if has_rate { self.transport.peek(bytes) } else { self.transport.receive(bytes) };
        let outcome = match &received {
            Received::Bytes(bytes) => corecast_shard::Received::Bytes(bytes),
            Received::Nothing => corecast_shard::Received::Nothing,
            Received::End => corecast_shard::Received::End,
            Received::Broken => corecast_shard::Received::Broken,
        };
        let turn = match &mut self.protocol {
            Protocol::Native(connection) => connection.received(shard, outcome, || at),
            Protocol::Plain(connection) => connection.received(shard, outcome, || at),
        };
        self.go_to(turn.step, at);
        let offered = if let Received::Bytes(bytes) = &received { bytes.len() } else { 0 };
        let end = shard.connection(self.id).and_then(|connection| connection.reason());
        // A frame that ends the connection is taken with the frames before it; the bytes after it have no effect.
        let is_cut = end.is_some_and(|end| end.code != Code::RateExceeded);
        let bytes = if has_rate && !is_cut { turn.taken } else { offered };
        if has_rate {
            self.transport.receive(bytes);
        }
        Taken { received, bytes }
    }
}
