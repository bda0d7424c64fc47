//! The driver of one shard: it does the engine's work with sockets, timers and tasks, with a seed in their place.

use crate::mailbox::Mesh;
use crate::observer::Observer;
use crate::scenario::Settings;
use crate::task::{SimulatedEndpoint, SimulatedShard, Task};
use crate::transport::Received;
use crate::{Promise, Transport, Violation};
use corecast_fanout::{ConnectionId, Policy, ShardId};
use corecast_shard::{Disconnect, Drain, Shard, ShardEffect, State, Step};
use std::time::Duration;

/// The limit of a receive that takes everything available, in bytes.
pub(crate) const WHOLE: usize = 64 * 1024;

/// The most turns that connections have in one sweep.
const MOST_TURNS: usize = 10_000;

/// A shard, and the tasks of its connections by slot.
pub(crate) struct Driver<P: Policy<Transport>> {
    pub(crate) id: ShardId,
    pub(crate) shard: SimulatedShard<P>,
    pub(crate) mesh: Mesh<P::Item>,
    /// Full transports for which the driver waits.
    pub(crate) full: Vec<(ConnectionId, Transport)>,
    tasks: Vec<Option<Task>>,
    idle_timeout: Duration,
    /// True if the last flush left something to do.
    has_more: bool,
}

impl<P: Policy<Transport>> Driver<P> {
    pub(crate) fn new(id: ShardId, policy: P, mesh: Mesh<P::Item>, settings: &Settings) -> Self {
        let shard = Shard::new(id, mesh.shards(), policy, settings.shard_limits(), Duration::ZERO, u64::from(id));
        Self {
            id,
            shard,
            mesh,
            full: Vec::new(),
            tasks: Vec::new(),
            idle_timeout: settings.idle_timeout,
            has_more: false,
        }
    }

    /// Connects a client.
    pub(crate) fn open(
        &mut self,
        client: usize,
        transport: Transport,
        plain: bool,
        at: Duration,
        model: &mut impl Observer,
    ) -> Result<ConnectionId, Violation> {
        let endpoint = SimulatedEndpoint { client, transport };
        let task = Task::open(&mut self.shard, endpoint, plain, self.idle_timeout, at);
        let (id, slot) = (task.id, task.id.slot as usize);
        if self.tasks.len() <= slot {
            self.tasks.resize_with(slot + 1, || None);
        }
        self.tasks[slot] = Some(task);
        self.carry_out(model)?;
        Ok(id)
    }

    /// Does the first half of a tick, and takes at most `messages` messages.
    pub(crate) fn exchange(&mut self, messages: usize, model: &mut impl Observer) -> Result<(), Violation> {
        self.shard.exchange(&mut self.mesh.for_tick(messages, model), |_, ()| ());
        self.tell_what_is_posted(model);
        self.carry_out(model)
    }

    /// Does the second half of a tick. Returns true if there is more to do.
    pub(crate) fn flush(&mut self, budget: usize, at: Duration, model: &mut impl Observer) -> Result<bool, Violation> {
        let mut mailboxes = self.mesh.for_tick(0, model);
        let more = self.shard.flush(budget, &mut mailboxes);
        if self.shard.drain_stage() == Drain::Stopping {
            self.shard.begin_drain(at);
        }
        self.shard.drain(at, &mailboxes);
        self.tell_what_is_posted(model);
        self.carry_out(model)?;
        self.has_more = more;
        if !more {
            model.flushed(self.id)?;
        }
        Ok(more)
    }

    /// Ticks if a tick has something to do. Returns true if it had. A policy with pending work would wake the engine's shard.
    pub(crate) fn tick(&mut self, at: Duration, model: &mut impl Observer) -> Result<bool, Violation> {
        let is_wanted = self.shard.take_tick_request() | std::mem::take(&mut self.has_more);
        let can_exchange = self.shard.can_exchange(&self.mesh.for_tick(0, model));
        if !is_wanted && !can_exchange && !self.shard.policy().is_pending() {
            return Ok(false);
        }
        self.exchange(usize::MAX, model)?;
        self.flush(64, at, model)?;
        Ok(true)
    }

    /// Sweeps: every ready task has its turn, then deadlines are checked.
    pub(crate) fn sweep(&mut self, at: Duration, model: &mut impl Observer) -> Result<(), Violation> {
        self.shard.advance_clock(at);
        model.swept(self.id, at)?;
        while self.writable(0, model)? {}
        for turn in 0.. {
            let runnable = self.tasks.iter().flatten().find(|task| task.is_runnable(at)).map(|task| task.id);
            let Some(id) = runnable else { break };
            Promise::CleanEnd.demand(turn < MOST_TURNS, || format!("{id} never comes to rest"))?;
            self.serve(id, WHOLE, at, model)?;
        }
        self.shard.sweep();
        self.carry_out(model)
    }

    /// Reports one of the full transports as writable, if one is. Returns true if one is.
    pub(crate) fn writable(&mut self, nth: usize, model: &mut impl Observer) -> Result<bool, Violation> {
        let candidates: Vec<_> = (0..self.full.len()).filter(|index| self.full[*index].1.is_writable()).collect();
        if candidates.is_empty() {
            return Ok(false);
        }
        let (id, _) = self.full.remove(candidates[nth % candidates.len()]);
        self.shard.writable(id);
        self.carry_out(model)?;
        Ok(true)
    }

    /// Gives a connection's task its turn, if the task was woken. Returns true if it was.
    pub(crate) fn serve(
        &mut self,
        id: ConnectionId,
        bytes: usize,
        at: Duration,
        model: &mut impl Observer,
    ) -> Result<bool, Violation> {
        let Self { shard, tasks, .. } = self;
        let task = tasks[id.slot as usize].as_mut().filter(|task| task.id == id && task.is_runnable(at));
        let Some(task) = task else { return Ok(false) };
        model.begins_turn(task.client)?;
        let is_behind = shard.is_congested() || shard.policy().is_saturated();
        let taken = task.turn(shard, bytes, at);
        let connection = shard.connection(id).filter(|connection| connection.state() > State::Ending);
        let ended = connection.and_then(|connection| connection.reason()).map(|end| end.code);
        if let Some(taken) = taken {
            if let Received::Bytes(_) = taken.received {
                model.accept(task.client, taken.bytes, ended, is_behind)?;
            }
            model.found(task.client, &taken.received);
        }
        if let Some(code) = ended.filter(|_| task.told != ended) {
            task.told = ended;
            model.ends(task.client, code)?;
        }
        if task.step == Step::Done {
            model.accounted(task.client, !shard.policy().awaits_others(id))?;
        }
        self.carry_out(model)?;
        Ok(true)
    }

    /// Carries out the effects of the shard.
    fn carry_out(&mut self, model: &mut impl Observer) -> Result<(), Violation> {
        while let Some(effect) = self.shard.take_effect() {
            match effect {
                ShardEffect::Wake(id) => {
                    if let Some(task) = self.task(id) {
                        task.woken = true;
                    }
                }
                ShardEffect::WaitWritable(id) => {
                    if let Some(task) = self.task(id) {
                        let transport = task.transport.clone();
                        self.full.push((id, transport));
                    }
                }
                ShardEffect::ResetOnClose(_) => {}
                ShardEffect::BreakOff(id) => {
                    if let Some(task) = self.task(id) {
                        task.transport.break_off_by_server();
                    }
                }
                ShardEffect::Disconnected(Disconnect { id, end, .. }) => {
                    let told = self.task(id).and_then(|task| task.told);
                    Promise::CloseFrame.demand(told == Some(end.code), || {
                        format!("{id} is recorded to end with {}, which it did not", end.code.name())
                    })?;
                }
                ShardEffect::Close(endpoint) => self.forget(&endpoint, model)?,
            }
        }
        Ok(())
    }

    fn forget(&mut self, endpoint: &SimulatedEndpoint, model: &mut impl Observer) -> Result<(), Violation> {
        let is_its = |task: &&mut Option<Task>| task.as_ref().is_some_and(|task| task.client == endpoint.client);
        let Some(task) = self.tasks.iter_mut().find(is_its).and_then(Option::take) else {
            return Err(Promise::CleanEnd.broken("a connection is closed twice"));
        };
        Promise::CleanEnd.demand(task.step == Step::Done, || format!("{} is closed before its end", task.id))?;
        // The kernel resets a connection that is closed before its peer has ended, and the close frame is lost.
        let is_clean = task.transport.is_broken() || task.transport.has_client_ended();
        Promise::CloseFrame
            .demand(is_clean, || format!("{} was closed while its client could still write", task.id))?;
        model.closed(task.client)
    }

    /// Returns true if a connection waits for time to pass.
    pub(crate) fn is_sleeping(&self) -> bool {
        self.tasks.iter().flatten().any(|task| matches!(task.step, Step::Sleep(_)))
    }

    fn task(&mut self, id: ConnectionId) -> Option<&mut Task> {
        self.tasks.get_mut(id.slot as usize)?.as_mut().filter(|task| task.id == id)
    }

    /// Tells the model of the shards for which nothing is left to post.
    fn tell_what_is_posted(&mut self, model: &mut impl Observer) {
        for to in (0..self.mesh.shards()).filter(|to| *to != self.id) {
            if !self.shard.is_waiting_for(to) && self.shard.policy_mut().shard_batch(to).is_empty() {
                model.has_nothing_to_post(self.id, to);
            }
        }
    }
}
