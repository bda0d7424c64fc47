//! One connection from its accept to its end: the steps of its task.
//!
//! The driver asks [`next`](Connection::next) for a [`Step`], does it, and asks again. It reads only when a step says so.

use crate::connections::Endpoint;
use crate::lifecycle::{Event, State};
use crate::limits::ShardLimits;
use crate::rate::Rate;
use crate::shard::Shard;
use corecast_fanout::{ConnectionId, Policy};
use corecast_session::{End, Session, Taken, receive_admitted};
use corecast_wire::{Code, Reassembly};
use std::time::Duration;

/// The state that the task of a connection owns; the shard has the rest.
#[derive(Debug)]
pub struct Connection<S> {
    id: ConnectionId,
    session: S,
    incomplete: Reassembly,
    rate: Option<Rate>,
    /// True if the last read published something.
    published: bool,
    has_finished_sending: bool,
    /// The time of the shard's clock until which the connection waits for the other shards to account for it.
    accounted_by: Option<Duration>,
}

/// A step that the driver takes for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until the transport is readable or the connection is woken. Once the transport is readable and
    /// [`next`](Connection::next) still says so, receive and call [`received`](Connection::received).
    Read,
    /// Wait until the connection is woken.
    Wait,
    /// Wait until the connection is woken, for this long at most: the rate limit delays its next frame by this long.
    Sleep(Duration),
    /// Tell the peer that nothing more will come.
    FinishSending,
    /// Receive and drop everything until the peer ends; then call [`peer_ended`](Connection::peer_ended).
    Linger,
    /// The connection has ended. The shard closes it at the end of the tick.
    Done,
}

/// The outcome of receiving from a transport.
#[derive(Clone, Copy, Debug)]
pub enum Received<'a> {
    /// At least one byte. With a rate limit, the bytes are still in the transport.
    Bytes(&'a [u8]),
    /// Nothing now.
    Nothing,
    /// The peer has sent its last byte.
    End,
    /// The connection is broken.
    Broken,
}

/// The outcome of a turn of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The number of bytes taken. With a rate limit, the driver takes this many out of the transport now.
    pub taken: usize,
    /// The next step.
    pub step: Step,
}

impl<S: Session> Connection<S> {
    pub(crate) fn new(id: ConnectionId, session: S, limits: &ShardLimits, at: Duration) -> Self {
        Self {
            id,
            session,
            incomplete: Reassembly::new(),
            rate: Rate::new(limits.frames_per_second, limits.bytes_per_second, at),
            published: false,
            has_finished_sending: false,
            accounted_by: None,
        }
    }

    /// Returns the connection's name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns true if the connection has a rate limit. Then the driver leaves received bytes in the transport until the
    /// connection has taken them: a frame over the rate stays there.
    pub fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    /// Returns the step to take now. `at` returns the driver's time, and is called only where it is needed.
    pub fn next<P: Policy<E::Outlet>, E: Endpoint>(
        &mut self,
        shard: &mut Shard<P, E>,
        at: impl Fn() -> Duration,
    ) -> Step {
        let now = shard.clock.now();
        let Some(connection) = shard.connections.get_mut(self.id) else { return Step::Done };
        connection.activity.resume(now);
        match connection.lifecycle.state() {
            State::Opening | State::Open => self.read_or_wait(shard),
            State::Ending if connection.reason().is_some_and(|end| end.code == Code::Reset) => {
                connection.lifecycle.apply(Event::Finish);
                self.account(shard, at())
            }
            State::Ending => {
                connection.lifecycle.apply(Event::CloseFrame);
                self.send_close_frame(shard, at());
                Step::Wait
            }
            State::Draining => {
                if connection.lagged {
                    self.send_close_frame(shard, at());
                }
                Step::Wait
            }
            State::Lingering if self.has_finished_sending => Step::Linger,
            State::Lingering => {
                self.has_finished_sending = true;
                Step::FinishSending
            }
            State::Closed => self.account(shard, at()),
            State::Reaped => Step::Done,
        }
    }

    /// Takes what the transport received, and returns the number of bytes taken with the next step.
    pub fn received<P: Policy<E::Outlet>, E: Endpoint>(
        &mut self,
        shard: &mut Shard<P, E>,
        received: Received<'_>,
        at: impl Fn() -> Duration,
    ) -> Turn {
        let serves = shard.connections.get(self.id).is_some_and(|connection| connection.lifecycle.is_serving());
        if !serves {
            return Turn { taken: 0, step: self.next(shard, at) };
        }
        let outcome = match received {
            Received::Bytes(bytes) => self.take(shard, bytes, &at),
            Received::Nothing => Ok((0, Duration::ZERO)),
            Received::End => Err(End::of_stream(&self.incomplete)),
            Received::Broken => Err(End::new(Code::Reset, "the connection is broken")),
        };
        match outcome {
            Ok((taken, wait)) if wait.is_zero() => Turn { taken, step: self.read_or_wait(shard) },
            Ok((taken, _)) if shard.limits.close_over_rate => {
                let end = End::new(Code::RateExceeded, "the client sent faster than it may");
                Turn { taken, step: self.end(shard, end, at) }
            }
            Ok((taken, wait)) => {
                self.pause(shard);
                Turn { taken, step: Step::Sleep(wait) }
            }
            Err(end) => Turn { taken: 0, step: self.end(shard, end, at) },
        }
    }

    /// Notes that the peer of a lingering connection has ended or is gone.
    pub fn peer_ended<P: Policy<E::Outlet>, E: Endpoint>(&mut self, shard: &mut Shard<P, E>) {
        if let Some(connection) = shard.connections.get_mut(self.id) {
            connection.lifecycle.apply(Event::Finish);
        }
    }

    /// Takes bytes. Returns the number of bytes taken, and the time for which the next frame has to wait.
    fn take<P: Policy<E::Outlet>, E: Endpoint>(
        &mut self,
        shard: &mut Shard<P, E>,
        bytes: &[u8],
        at: impl Fn() -> Duration,
    ) -> Result<(usize, Duration), End> {
        let Self { session, incomplete, published, rate, .. } = self;
        let mut wait = Duration::ZERO;
        let admit = |bytes| {
            wait = rate.as_mut().map_or(Duration::ZERO, |rate| rate.admit(bytes, at()));
            wait.is_zero()
        };
        let outcome = shard.with_context(self.id, |context| {
            let outcome = receive_admitted(session, incomplete, bytes, context, admit);
            *published = context.published;
            outcome
        });
        let taken = outcome?;
        let now = shard.clock.now();
        if let Some(connection) = shard.connections.get_mut(self.id) {
            let Taken { frames, bytes } = taken;
            if frames > 0 {
                connection.lifecycle.apply(Event::Introduced);
            }
            if bytes > 0 {
                connection.activity.received(now, S::is_sign_of_life(taken), frames, incomplete.is_mid_frame());
            }
        }
        Ok((taken.bytes, wait))
    }

    fn end<P: Policy<E::Outlet>, E: Endpoint>(
        &mut self,
        shard: &mut Shard<P, E>,
        end: End,
        at: impl Fn() -> Duration,
    ) -> Step {
        if let Some(connection) = shard.connections.get_mut(self.id) {
            connection.end(end);
        }
        self.next(shard, at)
    }

    fn read_or_wait<P: Policy<E::Outlet>, E: Endpoint>(&self, shard: &mut Shard<P, E>) -> Step {
        if self.must_pause(shard) {
            self.pause(shard);
            return Step::Wait;
        }
        Step::Read
    }

    fn pause<P: Policy<E::Outlet>, E: Endpoint>(&self, shard: &mut Shard<P, E>) {
        let now = shard.clock.now();
        if let Some(connection) = shard.connections.get_mut(self.id) {
            connection.activity.pause(now);
        }
    }

    /// Returns true if the connection must not be read now. It is woken when that may have changed.
    fn must_pause<P: Policy<E::Outlet>, E: Endpoint>(&self, shard: &mut Shard<P, E>) -> bool {
        let policy = &shard.policy;
        let is_congested = self.published && (shard.outbound.is_congested() || policy.is_saturated());
        // The next flush sends the answers or finds the transport full; then the shard is told when they have left.
        let is_unread = policy.pending_bytes(self.id) > shard.limits.control_bytes;
        let is_full = || shard.connections.get(self.id).is_some_and(|connection| connection.full);
        // The frames that follow a SUBSCRIBE are read once that has taken effect. A connection that gets no answer then
        // receives its own messages and those of all others from its first frame on.
        if is_congested || policy.awaits_subscription(self.id) || (is_unread && !is_full()) {
            shard.waits.pause(self.id);
            return true;
        }
        shard.is_stopping() || is_unread
    }

    /// Sends the peer the reason, after everything that was accepted for it before.
    fn send_close_frame<P: Policy<E::Outlet>, E: Endpoint>(&self, shard: &mut Shard<P, E>, at: Duration) {
        let Some(connection) = shard.connections.get_mut(self.id) else { return };
        connection.lagged = false;
        let mut close_frame = Vec::new();
        if let Some(end) = connection.reason() {
            self.session.close_frame(end, &mut close_frame);
        }
        shard.policy.end(self.id, &close_frame);
        shard.deadlines.end_by(shard.clock.read(at) + shard.limits.linger, self.id);
        shard.effects.request_tick();
    }

    /// Reaps the connection once the other shards have reported what they had accepted for it, so that it is counted. Waits
    /// for them for the linger time at most.
    fn account<P: Policy<E::Outlet>, E: Endpoint>(&mut self, shard: &mut Shard<P, E>, at: Duration) -> Step {
        let now = shard.clock.read(at);
        let deadline = if let Some(deadline) = self.accounted_by {
            deadline
        } else {
            shard.policy.end(self.id, &[]);
            let deadline = now + shard.limits.linger;
            self.accounted_by = Some(deadline);
            if shard.policy.awaits_others(self.id) {
                shard.deadlines.end_by(deadline, self.id);
                shard.effects.request_tick();
            }
            deadline
        };
        if shard.policy.awaits_others(self.id) && now < deadline {
            // The tick in which the other shards have reported wakes the connection.
            shard.waits.pause(self.id);
            return Step::Wait;
        }
        shard.reap(self.id);
        Step::Done
    }
}
