//! One shard: what its tasks share, and its life.

use crate::accept::{Door, accept};
use crate::affinity::Place;
use crate::codec::encoding;
use crate::config::{Limits, Protocol, Tuning};
use crate::connection::Link;
use crate::deadline::{Activity, Clock, Due};
use crate::journal::{Departure, Journal};
use crate::lifecycle::Event;
use crate::mesh::Mesh;
use crate::pause::PauseReport;
use crate::reactor::Reactor;
use crate::send_queue;
use crate::signal::Signal;
use crate::socket::Socket;
use crate::tick::tick;
use corecast_fanout::{ConnectionId, Counters, Policy, ShardId};
use corecast_session::{Context, End};
use corecast_wire::Code;
use glommio::io::PollableFd;
use rustix::event::{EventfdFlags, eventfd};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// A policy that writes to sockets.
pub(crate) trait Engine: Policy<Socket> + 'static {}

impl<P: Policy<Socket> + 'static> Engine for P {}

/// What the tasks of one shard share. No borrow lives across an `.await`.
pub(crate) struct Shard<P> {
    pub(crate) policy: RefCell<P>,
    pub(crate) mesh: Mesh,
    pub(crate) limits: Limits,
    pub(crate) tuning: Tuning,
    pub(crate) clock: Clock,
    /// There is something for the tick to do.
    pub(crate) work: Signal,
    pub(crate) reactor: Rc<Reactor>,
    /// A tick has ended while the shard stops.
    pub(crate) progress: Signal,
    /// Where every connection receives.
    pub(crate) scratch: RefCell<Vec<u8>>,
    /// Connections that are not read, or whose end waits, until the mesh and the flush have caught up.
    pub(crate) paused: RefCell<Vec<ConnectionId>>,
    /// Connections whose end has a deadline.
    pub(crate) ending: RefCell<Vec<(Instant, ConnectionId)>>,
    /// Connections to close at the end of the tick.
    pub(crate) to_reap: RefCell<Vec<Rc<Link>>>,
    /// Tasks that wait for a full socket.
    pub(crate) full: Cell<usize>,
    /// Other shards that will post nothing more.
    pub(crate) finished: Cell<ShardId>,
    pub(crate) tally: RefCell<Tally>,
    pub(crate) pause_report: Cell<PauseReport>,
    pub(crate) journal: RefCell<Journal>,
    /// Connections that may be open at a time.
    capacity: usize,
    open: Cell<usize>,
    stopping: Cell<bool>,
    stop: Signal,
    links: RefCell<Vec<Option<Rc<Link>>>>,
    answer: RefCell<Vec<u8>>,
    /// Readable at all times: waiting for it is one trip through the executor's ring.
    always_ready: PollableFd<OwnedFd>,
}

/// What a shard did, for the report at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) closed: BTreeMap<Code, u64>,
    /// Connections that had taken what was queued when the server stopped.
    pub(crate) drained: u64,
    /// Connections that had not taken what was queued when the server stopped.
    pub(crate) cut_off: u64,
    /// Messages that were undelivered when the server stopped.
    pub(crate) undelivered_before: u64,
    pub(crate) counters: Counters,
}

impl<P: Engine> Shard<P> {
    /// Must be called on the shard's own executor. An error is a lack of descriptors.
    pub(crate) fn new(policy: P, mesh: Mesh, limits: Limits, tuning: Tuning) -> io::Result<Self> {
        let always_ready = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let capacity = limits.connections_of(mesh.shard().into(), mesh.shards().into());
        Ok(Self {
            policy: RefCell::new(policy),
            reactor: Reactor::new(Arc::clone(mesh.waker()), tuning.spin_before_park)?,
            mesh,
            clock: Clock::start(),
            work: Signal::default(),
            progress: Signal::default(),
            scratch: RefCell::new(vec![0; tuning.scratch_bytes]),
            tuning,
            paused: RefCell::default(),
            ending: RefCell::default(),
            to_reap: RefCell::default(),
            full: Cell::new(0),
            finished: Cell::new(0),
            tally: RefCell::default(),
            pause_report: Cell::default(),
            journal: RefCell::new(Journal::new(limits.departure_lines)),
            capacity,
            open: Cell::new(0),
            stopping: Cell::new(false),
            stop: Signal::default(),
            // Reserved, not touched: it costs no memory before the connections are there.
            links: RefCell::new(Vec::with_capacity(capacity)),
            answer: RefCell::default(),
            always_ready: PollableFd::new(always_ready)?,
            limits,
        })
    }

    /// Whether the shard takes nothing new.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    pub(crate) fn begin_to_stop(&self) {
        self.stopping.set(true);
        self.stop.set();
    }

    /// How many connections it has.
    pub(crate) fn connections(&self) -> usize {
        self.open.get()
    }

    /// Whether there is no room for another connection.
    pub(crate) fn is_full(&self) -> bool {
        self.connections() >= self.capacity
    }

    /// Gives a socket its identity.
    pub(crate) fn open(&self, accepted: (Socket, SocketAddr), protocol: Protocol) -> Rc<Link> {
        let id = self.policy.borrow_mut().open(accepted.0.clone(), encoding(protocol));
        let watch = self.reactor.watch(&accepted.0);
        let link = Rc::new(Link::new(id, accepted, watch, Activity::new(protocol, self.clock.now())));
        let mut links = self.links.borrow_mut();
        let slot = id.slot as usize;
        if links.len() <= slot {
            links.resize(slot + 1, None);
        }
        links[slot] = Some(Rc::clone(&link));
        self.open.update(|open| open + 1);
        self.tally.borrow_mut().accepted += 1;
        link
    }

    /// The connection of this name, unless it is gone.
    pub(crate) fn link(&self, id: ConnectionId) -> Option<Rc<Link>> {
        let links = self.links.borrow();
        links.get(id.slot as usize)?.as_ref().filter(|link| link.id == id).cloned()
    }

    /// Lets a connection act on the policy, and ends its batch.
    pub(crate) fn with_context<T>(&self, id: ConnectionId, act: impl FnOnce(&mut Context<'_, P>) -> T) -> T {
        let mut policy = self.policy.borrow_mut();
        let mut answer = self.answer.borrow_mut();
        let mut context = Context { policy: &mut *policy, id, answer: &mut answer, published: false };
        let result = act(&mut context);
        if context.published {
            policy.commit(id);
        }
        self.work.set();
        result
    }

    /// Whether a connection must not be read now; if so, its signal is set when that may have changed.
    pub(crate) fn must_pause(&self, link: &Link, published: bool) -> bool {
        let policy = self.policy.borrow();
        let congested = published && (self.mesh.is_congested() || policy.is_saturated());
        // The flush that comes sends the answers, or finds the socket full: then that they have left is told.
        let unread = policy.backlog(link.id) > self.limits.control_bytes;
        // What a connection says behind a SUBSCRIBE is read when that has taken effect: so a `plain`
        // connection, which is not answered, hears itself and everybody from its first frame on.
        if congested || policy.awaits_subscription(link.id) || (unread && !link.full.get()) {
            self.paused.borrow_mut().push(link.id);
            return true;
        }
        self.is_stopping() || unread
    }

    /// Completes when everything that is ready elsewhere has had its turn.
    pub(crate) async fn let_io_in(&self) {
        self.reactor.let_others_in().await;
    }

    /// Has the executor look at its own ring: signals.
    pub(crate) async fn let_executor_look(&self) {
        if let Err(error) = self.always_ready.readable().await {
            tracing::warn!(%error, "the executor's ring refused to poll");
        }
    }

    /// Begins the end of a connection: nothing leaves behind the farewell.
    pub(crate) fn end(&self, id: ConnectionId, farewell: &[u8]) {
        self.policy.borrow_mut().end(id, farewell);
        self.ending.borrow_mut().push((Instant::now() + self.limits.linger, id));
        self.work.set();
    }

    /// Has the connection closed at the end of the tick.
    pub(crate) fn reap(&self, link: &Rc<Link>) {
        let standing = self.policy.borrow().standing(link.id);
        let (now, reason) = (self.clock.now(), link.reason());
        let departure = Departure::now(link.id, link.peer, link.activity.age(now), reason, standing);
        self.journal.borrow_mut().add(now, departure);
        self.count_closed(reason.code);
        self.to_reap.borrow_mut().push(Rc::clone(link));
        self.work.set();
    }

    /// Counts the end of a connection.
    pub(crate) fn count_closed(&self, code: Code) {
        *self.tally.borrow_mut().closed.entry(code).or_default() += 1;
    }

    /// Forgets a connection.
    pub(crate) fn forget(&self, link: &Link) {
        link.lifecycle.apply(Event::Reap);
        self.links.borrow_mut()[link.id.slot as usize] = None;
        self.open.update(|open| open - 1);
    }

    /// What is due for so many connections, from this slot on, and the slot behind them.
    pub(crate) fn due(&self, from: usize, count: usize) -> (Vec<(Rc<Link>, Due)>, usize) {
        let links = self.links.borrow();
        let from = if from < links.len() { from } else { 0 };
        let to = links.len().min(from + count);
        let due = |link: &Rc<Link>| {
            let held = || send_queue::unacknowledged(&link.socket);
            let due = link.activity.due(link.lifecycle.state(), self.clock.now(), &self.limits, held)?;
            Some((Rc::clone(link), due))
        };
        (links[from..to].iter().flatten().filter_map(due).collect(), to)
    }

    /// How many slots there are for connections, taken or free.
    pub(crate) fn slots(&self) -> usize {
        self.links.borrow().len()
    }

    pub(crate) fn all_links(&self) -> Vec<Rc<Link>> {
        self.links.borrow().iter().flatten().cloned().collect()
    }

    /// Waits until `done` or the deadline; whether it was `done`.
    async fn wait_until(&self, deadline: Instant, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            if Instant::now() >= deadline {
                return false;
            }
            self.progress.wait().await;
        }
        true
    }

    /// After the stop: everything read is published, everything published is sent, everybody is told.
    async fn drain(&self) {
        let deadline = Instant::now() + self.limits.drain_timeout;
        self.tally.borrow_mut().undelivered_before = self.policy.borrow().counters().undelivered;
        self.work.set();
        let others = self.mesh.shards() - 1;
        self.wait_until(deadline, |shard| {
            shard.finished.get() == others && !shard.mesh.has_post() && !shard.mesh.is_congested()
        })
        .await;
        self.let_io_in().await;
        self.wait_until(deadline, |shard| {
            let mut policy = shard.policy.borrow_mut();
            shard.full.get() == 0 && !policy.flush(0) && !policy.is_pending()
        })
        .await;
        let links = self.all_links();
        let (open, cut_off) = (links.len() as u64, self.full.get() as u64);
        self.tally.borrow_mut().cut_off += cut_off;
        self.tally.borrow_mut().drained += open.saturating_sub(cut_off);
        for link in links {
            let delay = random_below(self.limits.reconnect_spread);
            link.end(End::new(Code::GoingAway, "the server is stopping").with_reconnect_delay(delay));
        }
        let everybody_gone = |shard: &Self| shard.links.borrow().iter().all(Option::is_none);
        if !self.wait_until(Instant::now() + 2 * self.limits.linger, everybody_gone).await {
            self.all_links().iter().for_each(|link| link.expire());
            self.wait_until(Instant::now() + self.limits.linger, everybody_gone).await;
        }
    }
}

/// A random time, to the millisecond; none below nothing.
fn random_below(spread: Duration) -> Option<Duration> {
    let milliseconds = u32::try_from(spread.as_millis()).unwrap_or(u32::MAX);
    (milliseconds > 0).then(|| Duration::from_millis(fastrand::u32(..milliseconds).into()))
}

/// Runs a shard until it is stopped, which `on_stop` is told of; what it did.
pub(crate) async fn run<P: Engine>(shard: Shard<P>, place: Place, doors: Vec<Door>, on_stop: impl FnOnce()) -> Tally {
    let shard = Rc::new(shard);
    shard.policy.borrow_mut().wake_with(Waker::from(Arc::clone(shard.mesh.waker())));
    let ticks = glommio::spawn_local(tick(Rc::clone(&shard), place));
    let doors: Vec<_> = doors.into_iter().map(Rc::new).collect();
    let spawn = |door| glommio::spawn_local(accept(Rc::clone(&shard), Rc::clone(door)));
    let accepting: Vec<_> = doors.iter().map(spawn).collect();
    shard.stop.wait().await;
    on_stop();
    for task in accepting {
        task.cancel().await;
    }
    for door in doors {
        door.close(&shard);
    }
    shard.drain().await;
    ticks.cancel().await;
    let mut tally = shard.tally.take();
    tally.counters = shard.policy.borrow().counters();
    tally
}
