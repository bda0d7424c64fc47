//! The tick: the mailbox, the flush, the reaping, in this order, after every pass of reads.
//!
//! It is one task. Whoever gives it something to do sets [`Shard::work`], which queues it behind all
//! connections that are readable in the same pass of the executor: so their messages leave in one send
//! per subscriber. A shard that is never idle looks into its mailbox here and does not depend on being
//! woken.

use crate::affinity::Place;
use crate::codec;
use crate::connection::Link;
use crate::deadline::Due;
use crate::lifecycle::Event;
use crate::mesh::Post;
use crate::pause::{Pause, Sends};
use crate::shard::{Engine, Shard};
use corecast_fanout::{ConnectionId, Effect};
use corecast_session::End;
use corecast_wire::Code;
use futures_lite::future::or;
use glommio::io::PollableFd;
use glommio::timer::sleep;
use std::rc::Rc;
use std::time::Instant;

/// Connections whose deadlines every sweep looks at, at least.
const LEAST_CHECKED: usize = 256;

/// Sweeps in which every connection is looked at once.
const SWEEPS_FOR_ALL: usize = 10;

/// Posts taken from the mailbox in one tick.
const MAX_POSTS: usize = 256;

/// Runs the ticks.
pub(crate) async fn tick<P: Engine>(shard: Rc<Shard<P>>) {
    let mut pause = Pause::new(&shard.tuning);
    let mut more = false;
    loop {
        if more {
            shard.let_io_in().await;
        } else {
            shard.work.wait().await;
        }
        shard.exchange();
        while let Some(remaining) = pause.remaining(Instant::now()) {
            // What comes meanwhile is posted and answered at once; only the flush waits.
            or(shard.work.wait(), sleep(remaining)).await;
            shard.exchange();
        }
        let (begin, before) = (Instant::now(), shard.policy.borrow().counters());
        loop {
            more = shard.flush();
            if !more || shard.policy.borrow().is_between_rounds() {
                break;
            }
            shard.let_io_in().await;
            shard.exchange();
        }
        let policy = shard.policy.borrow();
        if policy.merges() {
            pause.after_flush(begin, Instant::now(), Sends::between(&before, &policy.counters()));
        }
    }
}

/// The coarse timer: ends what lingers too long, looks after the thread's place, and bounds how long a shard that was not woken sleeps.
pub(crate) async fn sweep<P: Engine>(shard: Rc<Shard<P>>, mut place: Place) {
    let mut next = 0;
    loop {
        sleep(shard.tuning.sweep_interval).await;
        shard.clock.advance();
        shard.journal.borrow_mut().close_second(shard.clock.now());
        next = shard.check_deadlines(next);
        let now = Instant::now();
        let expired: Vec<_> = shard.ending.borrow_mut().extract_if(.., |(deadline, _)| *deadline <= now).collect();
        for (_, id) in expired {
            if let Some(link) = shard.link(id) {
                link.expire();
            }
        }
        place.review();
        shard.work.set();
    }
}

impl<P: Engine> Shard<P> {
    /// Does what is due for some connections, from this slot on; the slot to go on from.
    fn check_deadlines(&self, from: usize) -> usize {
        let count = self.slots().div_ceil(SWEEPS_FOR_ALL).max(LEAST_CHECKED);
        let (due, next) = self.due(from, count);
        for (link, due) in due {
            match due {
                Due::Ping => self.ping(&link),
                Due::End(end) => drop(link.end(end)),
                Due::GiveUp(end) => drop(link.give_up(end)),
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
        self.take_posts(&mut policy);
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
        for link in self.to_reap.take() {
            policy.close(link.id);
            self.forget(&link);
        }
        // A subscription that ended in the flush may have something to ask of the other shards.
        self.dispatch(&mut policy);
        drop(policy);
        for id in full {
            self.wait_for_room(id);
        }
        if !saturated && !self.mesh.is_congested() {
            for id in self.paused.take() {
                if let Some(link) = self.link(id) {
                    link.signal.set();
                }
            }
        }
        self.progress.set();
        more || (!saturated && self.mesh.has_post())
    }

    fn take_posts(&self, policy: &mut P) {
        if policy.is_saturated() {
            return;
        }
        for _ in 0..MAX_POSTS {
            match self.mesh.try_take() {
                Some(Post::Parcel(from, parcel)) => policy.receive(from, parcel),
                Some(Post::Stop) => self.begin_to_stop(),
                Some(Post::Request(request)) => self.answer_request(request, policy),
                Some(Post::Finished(from)) => {
                    self.finished.update(|finished| finished + 1);
                    policy.finished(from);
                }
                None => {
                    self.mailbox_drained.set();
                    return;
                }
            }
        }
    }

    fn ping(&self, link: &Link) {
        let mut frame = Vec::new();
        codec::ping(link.activity.protocol(), &mut frame);
        self.policy.borrow_mut().answer(link.id, &frame);
    }

    fn carry_out(&self, effect: Effect, full: &mut Vec<ConnectionId>) {
        match effect {
            Effect::Full(id) => {
                if let Some(link) = self.link(id) {
                    link.full.set(true);
                    full.push(id);
                }
            }
            Effect::Drained(id) => {
                if let Some(link) = self.link(id) {
                    link.full.set(false);
                    link.lifecycle.apply(Event::Drained);
                    link.signal.set();
                }
            }
            Effect::Lagged(id) => {
                if let Some(link) = self.link(id) {
                    link.end_lagged(End::new(Code::Lagged, "the subscriber fell behind by more than the log holds"));
                }
            }
            Effect::Gone(id) => {
                if let Some(link) = self.link(id) {
                    link.end(End::new(Code::Reset, "the connection is broken"));
                    link.expire();
                }
            }
        }
    }

    /// Waits until a full socket takes bytes again.
    fn wait_for_room(self: &Rc<Self>, id: ConnectionId) {
        let Some(link) = self.link(id) else { return };
        let Ok(socket) = PollableFd::new(link.socket.clone()) else { return link.expire() };
        link.activity.block(self.clock.now());
        let shard = Rc::clone(self);
        self.full.update(|full| full + 1);
        glommio::spawn_local(async move {
            // An error is the socket's; the send that follows finds it.
            let _ = socket.writable().await;
            shard.full.update(|full| full - 1);
            link.activity.unblock();
            drop(link);
            shard.policy.borrow_mut().writable(id);
            shard.work.set();
        })
        .detach();
    }
}
