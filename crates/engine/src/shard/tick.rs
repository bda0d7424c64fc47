//! The tick: both halves of the shard's tick after every pass of reads, and the sleep between ticks.
//!
//! The tick is one task. Code that gives it something to do sets [`Driver::work`], which queues the task after all
//! connections that are readable in the same pass of the executor. So their messages leave in one send per subscriber. A
//! shard that is never idle looks into its mailbox here, and does not depend on being woken.

use super::driver::{Driver, Engine, SocketShard};
use super::pause::{Pause, Sends};
use crate::host::CpuPlacement;
use crate::runtime::settle;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest sleep of a stopping shard: its tasks then wait for each other, which only the executor sees.
const STOPPING_SLEEP: Duration = Duration::from_millis(1);

/// Runs the ticks. Between them, lets everything else run, or sleeps.
pub(crate) async fn tick<P: Engine>(driver: Rc<Driver<P>>, placement: CpuPlacement) {
    let mut pause = Pause::new(&driver.tuning, Instant::now());
    let mut sweep = Sweep { placement, due: Instant::now() + driver.tuning.sweep_interval };
    // The executor runs a new task at once, and this one must not sleep before the others exist.
    settle().await;
    loop {
        while !driver.has_work() {
            driver.sleep(&mut sweep, None).await;
        }
        driver.work.take();
        driver.mesh.waker().clear_notification();
        driver.exchange();
        while let Some(until) = pause.until(Instant::now()) {
            // Messages that arrive meanwhile are posted and answered at once; only the flush waits.
            let slept = driver.sleep(&mut sweep, Some(until)).await;
            pause.add_paused(slept);
            if driver.work.take() || driver.mesh.has_message() {
                driver.exchange();
            }
        }
        let (begin, before) = (Instant::now(), driver.shard.borrow().policy().counters());
        let mut more;
        loop {
            more = driver.flush();
            driver.look(&mut sweep).await;
            if !more || driver.shard.borrow().policy().is_between_rounds() {
                break;
            }
            driver.exchange();
        }
        if more {
            driver.work.set();
        }
        let shard = driver.shard.borrow();
        let policy = shard.policy();
        if policy.merges() {
            let sends = Sends::between(&before, &policy.counters());
            pause.after_flush(begin, Instant::now(), sends, more);
            driver.pause_report.set(pause.report());
        }
    }
}

/// The coarse timer: it has the shard check its deadlines, reviews the CPU placement of the thread, and lets the executor
/// look at its ring.
struct Sweep {
    placement: CpuPlacement,
    due: Instant,
}

impl<P: Engine> Driver<P> {
    /// Returns true if a tick would find something to do.
    fn has_work(&self) -> bool {
        let can_exchange = || self.shard.borrow().can_exchange(&&self.mesh);
        self.work.is_set() || self.mesh.waker().is_notified() || can_exchange()
    }

    /// Lets everything that is ready have its turn.
    async fn look(self: &Rc<Self>, sweep: &mut Sweep) {
        self.reactor.look();
        self.give_turns(sweep).await;
    }

    /// Does the same, but first sleeps until something is ready or `until` has come. Returns the time slept.
    async fn sleep(self: &Rc<Self>, sweep: &mut Sweep, until: Option<Instant>) -> Duration {
        let mut deadline = until.map_or(sweep.due, |until| until.min(sweep.due));
        if self.is_stopping() {
            deadline = deadline.min(Instant::now() + STOPPING_SLEEP);
        }
        let slept = self.reactor.sleep(deadline, || !self.has_work());
        self.give_turns(sweep).await;
        slept
    }

    async fn give_turns(self: &Rc<Self>, sweep: &mut Sweep) {
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

    async fn sweep(self: &Rc<Self>, sweep: &mut Sweep) {
        sweep.due = Instant::now() + self.tuning.sweep_interval;
        let standstill = self.with(|shard| shard.advance_clock(self.at()));
        if let Some(gap) = standstill {
            let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(shard = self.mesh.shard(), gap_ms, "the shard stood still; no deadline counts that time");
            // Read what peers sent meanwhile before a deadline ends any of them.
            self.reactor.look();
            settle().await;
        }
        self.journal.borrow_mut().close_second(self.shard.borrow().now());
        self.with(SocketShard::sweep);
        self.closing.close_unshared();
        sweep.placement.review();
    }

    /// Does the first half of a tick.
    fn exchange(self: &Rc<Self>) {
        self.with(|shard| shard.exchange(&mut &self.mesh, |shard, request| self.answer_request(request, shard)));
        self.signal_stage();
    }

    /// Does the second half of a tick. Returns true if there is more to do.
    fn flush(self: &Rc<Self>) -> bool {
        let more = self.with(|shard| {
            let more = shard.flush(self.tuning.flush_budget, &mut &self.mesh);
            if shard.is_stopping() {
                shard.drain(self.at(), &&self.mesh);
            }
            more
        });
        self.closing.close_unshared();
        self.signal_stage();
        more
    }
}
