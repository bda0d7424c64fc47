//! The tick: the mailbox, the flush, the reaping, in this order, after every pass of reads.
//!
//! It is one task. Whoever gives it something to do sets [`Shard::work`], which queues it behind all
//! connections that are readable in the same pass of the executor: so their messages leave in one send
//! per subscriber. A shard that is never idle looks into its mailbox here and does not depend on being
//! woken.

use crate::affinity::CpuPlacement;
use crate::connection::ConnectionState;
use crate::deadline::Due;
use crate::lifecycle::Event;
use crate::mesh::MailboxMessage;
use crate::pause::{Pause, Sends};
use crate::shard::{Engine, Shard};
use crate::signal::settle;
use corecast_fanout::{ConnectionId, Effect};
use corecast_session::End;
use corecast_wire::Code;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections whose deadlines every sweep looks at, at least.
const LEAST_CHECKED: usize = 256;

/// Sweeps in which every connection is looked at once.
pub(crate) const SWEEPS_FOR_ALL: u32 = 10;

/// Messages taken from the mailbox in one tick.
const MAX_MAILBOX_MESSAGES: usize = 256;

/// How long a stopping shard sleeps at most: its tasks wait for each other then, which the executor alone sees.
const STOPPING_SLEEP: Duration = Duration::from_millis(1);

/// Runs the ticks, and between them lets everything else run or sleeps.
pub(crate) async fn tick<P: Engine>(shard: Rc<Shard<P>>, placement: CpuPlacement) {
    let mut pause = Pause::new(&shard.tuning, Instant::now());
    let mut sweep = Sweep { placement, next_slot: 0, due: Instant::now() + shard.tuning.sweep_interval };
    // The executor runs a new task at once, and this one must not sleep before the others are there.
    settle().await;
    loop {
        while !shard.has_work() {
            shard.sleep(&mut sweep, None).await;
        }
        shard.work.take();
        shard.mesh.waker().clear_notification();
        shard.exchange();
        while let Some(until) = pause.until(Instant::now()) {
            // What comes meanwhile is posted and answered at once; only the flush waits.
            let slept = shard.sleep(&mut sweep, Some(until)).await;
            pause.add_paused(slept);
            if shard.work.take() || shard.mesh.has_message() {
                shard.exchange();
            }
        }
        let (begin, before) = (Instant::now(), shard.policy.borrow().counters());
        let mut more;
        loop {
            more = shard.flush();
            shard.look(&mut sweep).await;
            if !more || shard.policy.borrow().is_between_rounds() {
                break;
            }
            shard.exchange();
        }
        if more {
            shard.work.set();
        }
        let policy = shard.policy.borrow();
        if policy.merges() {
            let sends = Sends::between(&before, &policy.counters());
            pause.after_flush(begin, Instant::now(), sends, more);
            shard.pause_report.set(pause.report());
        }
    }
}

/// The coarse timer: ends what lingers too long, looks after the placement of the thread, and lets the executor look at its ring.
struct Sweep {
    placement: CpuPlacement,
    next_slot: usize,
    due: Instant,
}

impl<P: Engine> Shard<P> {
    /// Returns true if a tick would find something to do.
    fn has_work(&self) -> bool {
        self.work.is_set() || self.mesh.has_message() || self.mesh.has_room() || self.mesh.waker().is_notified()
    }

    /// Lets everything that is ready have its turn.
    async fn look(&self, sweep: &mut Sweep) {
        self.reactor.look();
        self.give_turns(sweep).await;
    }

    /// The same, but sleeps until something is ready, or until then; for how long it slept.
    async fn sleep(&self, sweep: &mut Sweep, until: Option<Instant>) -> Duration {
        let mut deadline = until.map_or(sweep.due, |until| until.min(sweep.due));
        if self.is_stopping() {
            deadline = deadline.min(Instant::now() + STOPPING_SLEEP);
        }
        let slept = self.reactor.sleep(deadline, || !self.has_work());
        self.give_turns(sweep).await;
        slept
    }

    async fn give_turns(&self, sweep: &mut Sweep) {
        settle().await;
        let is_due = Instant::now() >= sweep.due;
        if is_due {
            self.sweep(sweep).await;
        }
        if is_due || self.is_stopping() {
            self.let_executor_look().await;
            settle().await;
        }
    }

    async fn sweep(&self, sweep: &mut Sweep) {
        sweep.due = Instant::now() + self.tuning.sweep_interval;
        if let Some(gap) = self.clock.advance() {
            let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(shard = self.mesh.shard(), gap_ms, "the shard stood still; no deadline counts that time");
            // What peers said meanwhile is heard before anybody is judged.
            self.reactor.look();
            settle().await;
        }
        self.journal.borrow_mut().close_second(self.clock.now());
        sweep.next_slot = self.check_deadlines(sweep.next_slot);
        let now = self.clock.now();
        let expired: Vec<_> = self.ending.borrow_mut().extract_if(.., |(deadline, _)| *deadline <= now).collect();
        for (_, id) in expired {
            if let Some(connection) = self.connection(id) {
                connection.expire();
            }
        }
        sweep.placement.review();
        self.work.set();
    }

    /// Does what is due for some connections, from this slot on; the slot to go on from.
    fn check_deadlines(&self, from: usize) -> usize {
        let count = self.slots().div_ceil(SWEEPS_FOR_ALL as usize).max(LEAST_CHECKED);
        let (due, next) = self.due(from, count);
        for (connection, due) in due {
            match due {
                Due::Ping => self.ping(&connection),
                Due::End(end) => drop(connection.end(end)),
                Due::Reset(end) => drop(connection.reset(end)),
            }
        }
        next
    }

    /// The first half of a tick: what was read goes to the other shards, what they posted is taken, answers
    /// leave.
    fn exchange(self: &Rc<Self>) {
        let mut policy = self.policy.borrow_mut();
        policy.post();
        // Before anything else, so that the other shards begin meanwhile.
        self.dispatch(&mut policy);
        self.take_messages(&mut policy);
        self.dispatch(&mut policy);
        policy.flush(0);
    }

    /// The second half: messages leave, and what has ended is reaped; whether there is more to do.
    fn flush(self: &Rc<Self>) -> bool {
        let mut policy = self.policy.borrow_mut();
        let more = policy.flush(self.tuning.flush_budget);
        let mut full = Vec::new();
        while let Some(effect) = policy.take_effect() {
            self.carry_out(effect, &mut full);
        }
        let saturated = policy.is_saturated();
        for connection in self.to_reap.take() {
            policy.close(connection.id);
            self.forget(&connection);
        }
        // A subscription that ended in the flush may have something to ask of the other shards.
        self.dispatch(&mut policy);
        drop(policy);
        for id in full {
            self.wait_for_room(id);
        }
        if !saturated && !self.mesh.is_congested() {
            for id in self.paused.take() {
                if let Some(connection) = self.connection(id) {
                    connection.signal.set();
                }
            }
        }
        self.progress.set();
        more || (!saturated && self.mesh.has_message())
    }

    fn take_messages(&self, policy: &mut P) {
        if policy.is_saturated() {
            return;
        }
        for _ in 0..MAX_MAILBOX_MESSAGES {
            match self.mesh.try_take() {
                Some(MailboxMessage::Batch(from, shard_batch)) => policy.receive(from, shard_batch),
                Some(MailboxMessage::Stop) => self.begin_to_stop(),
                Some(MailboxMessage::Request(request)) => self.answer_request(request, policy),
                Some(MailboxMessage::Finished(from)) => {
                    self.finished.update(|finished| finished + 1);
                    policy.finished(from);
                }
                None => return,
            }
        }
    }

    fn ping(&self, connection: &ConnectionState) {
        let mut frame = Vec::new();
        connection.activity.ping(&mut frame);
        self.policy.borrow_mut().answer(connection.id, &frame);
    }

    fn carry_out(&self, effect: Effect, full: &mut Vec<ConnectionId>) {
        match effect {
            Effect::Full(id) => {
                if let Some(connection) = self.connection(id) {
                    connection.full.set(true);
                    full.push(id);
                }
            }
            Effect::Drained(id) => {
                if let Some(connection) = self.connection(id) {
                    connection.full.set(false);
                    connection.lifecycle.apply(Event::Drained);
                    connection.signal.set();
                }
            }
            Effect::Lagged(id) => {
                if let Some(connection) = self.connection(id) {
                    connection
                        .end_lagged(End::new(Code::Lagged, "the subscriber fell behind by more than the log holds"));
                }
            }
            Effect::Gone(id) => {
                if let Some(connection) = self.connection(id) {
                    connection.end(End::new(Code::Reset, "the connection is broken"));
                    connection.expire();
                }
            }
        }
    }

    /// Waits until a full socket takes bytes again.
    fn wait_for_room(self: &Rc<Self>, id: ConnectionId) {
        let Some(connection) = self.connection(id) else { return };
        connection.activity.block(self.clock.now());
        let shard = Rc::clone(self);
        self.full.update(|full| full + 1);
        glommio::spawn_local(async move {
            // An error is the socket's; the send that follows finds it.
            connection.watch.writable().await;
            shard.full.update(|full| full - 1);
            connection.activity.unblock();
            drop(connection);
            shard.policy.borrow_mut().writable(id);
            shard.work.set();
        })
        .detach();
    }
}
