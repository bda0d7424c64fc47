//! One shard: what its tasks share, and its life.

use crate::accept::{BoundListener, accept};
use crate::affinity::CpuPlacement;
use crate::clock::Clock;
use crate::config::{Limits, Tuning};
use crate::connection::ConnectionState;
use crate::deadline::{Activity, Due};
use crate::hang_up;
use crate::journal::{DisconnectRecord, Journal};
use crate::lifecycle::{Event, Lifecycle};
use crate::mesh::Mesh;
use crate::pause::PauseReport;
use crate::reactor::Reactor;
use crate::send_queue;
use crate::signal::Signal;
use crate::socket::Socket;
use crate::tick::tick;
use corecast_fanout::{ConnectionId, Counters, Policy, ShardId};
use corecast_session::{Context, End, Session};
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
use std::time::Duration;

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
    /// Connections whose end has a deadline, by the shard's clock.
    pub(crate) ending: RefCell<Vec<(Duration, ConnectionId)>>,
    /// Connections to close at the end of the tick.
    pub(crate) to_reap: RefCell<Vec<Rc<ConnectionState>>>,
    /// Tasks that wait for a full socket.
    pub(crate) full: Cell<usize>,
    /// Other shards that will post nothing more.
    pub(crate) finished: Cell<ShardId>,
    pub(crate) stats: RefCell<ShardStats>,
    pub(crate) pause_report: Cell<PauseReport>,
    pub(crate) journal: RefCell<Journal>,
    /// Connections that may be open at a time.
    capacity: usize,
    open: Cell<usize>,
    stopping: Cell<bool>,
    stop: Signal,
    connections: RefCell<Vec<Option<Rc<ConnectionState>>>>,
    answer: RefCell<Vec<u8>>,
    /// Readable at all times: waiting for it is one trip through the executor's ring.
    always_ready: PollableFd<OwnedFd>,
}

/// What a shard did, for the report at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardStats {
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
            clock: Clock::start(tuning.sweep_interval),
            work: Signal::default(),
            progress: Signal::default(),
            scratch: RefCell::new(vec![0; tuning.scratch_bytes]),
            tuning,
            paused: RefCell::default(),
            ending: RefCell::default(),
            to_reap: RefCell::default(),
            full: Cell::new(0),
            finished: Cell::new(0),
            stats: RefCell::default(),
            pause_report: Cell::default(),
            journal: RefCell::new(Journal::new(limits.disconnect_lines)),
            capacity,
            open: Cell::new(0),
            stopping: Cell::new(false),
            stop: Signal::default(),
            // Reserved, not touched: it costs no memory before the connections are there.
            connections: RefCell::new(Vec::with_capacity(capacity)),
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
    pub(crate) fn open<S: Session>(
        &self,
        accepted: (Socket, SocketAddr),
        idle_timeout: Duration,
    ) -> Rc<ConnectionState> {
        let id = self.policy.borrow_mut().open(accepted.0.clone(), S::ENCODING);
        let watch = self.reactor.watch(&accepted.0);
        let activity = Activity::begin(S::PING, idle_timeout, self.clock.read());
        let lifecycle = Lifecycle::begin(S::HAS_HANDSHAKE);
        let connection = Rc::new(ConnectionState::new(id, accepted, watch, lifecycle, activity));
        let mut connections = self.connections.borrow_mut();
        let slot = id.slot as usize;
        if connections.len() <= slot {
            connections.resize(slot + 1, None);
        }
        connections[slot] = Some(Rc::clone(&connection));
        self.open.update(|open| open + 1);
        self.stats.borrow_mut().accepted += 1;
        connection
    }

    /// The connection of this name, unless it is gone.
    pub(crate) fn connection(&self, id: ConnectionId) -> Option<Rc<ConnectionState>> {
        let connections = self.connections.borrow();
        connections.get(id.slot as usize)?.as_ref().filter(|connection| connection.id == id).cloned()
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
    pub(crate) fn must_pause(&self, connection: &ConnectionState, published: bool) -> bool {
        let policy = self.policy.borrow();
        let congested = published && (self.mesh.is_congested() || policy.is_saturated());
        // The flush that comes sends the answers, or finds the socket full: then that they have left is told.
        let unread = policy.pending_bytes(connection.id) > self.limits.control_bytes;
        // What a connection says behind a SUBSCRIBE is read when that has taken effect: so a `plain`
        // connection, which is not answered, hears itself and everybody from its first frame on.
        if congested || policy.awaits_subscription(connection.id) || (unread && !connection.full.get()) {
            self.paused.borrow_mut().push(connection.id);
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

    /// Begins the end of a connection: nothing leaves behind the close frame, and what was accepted before leaves before it.
    pub(crate) fn end(&self, id: ConnectionId, close_frame: &[u8]) {
        self.policy.borrow_mut().end(id, close_frame);
        self.ending.borrow_mut().push((self.clock.read() + self.limits.linger, id));
        self.work.set();
    }

    /// Has the connection closed at the end of the tick.
    pub(crate) fn reap(&self, connection: &Rc<ConnectionState>) {
        let backlog = self.policy.borrow().backlog(connection.id);
        let (now, reason) = (self.clock.now(), connection.reason());
        let record = DisconnectRecord::now(connection.id, connection.peer, connection.activity.age(), &reason, backlog);
        self.journal.borrow_mut().add(now, record);
        self.count_closed(reason.code);
        self.to_reap.borrow_mut().push(Rc::clone(connection));
        self.work.set();
    }

    /// Counts the end of a connection.
    pub(crate) fn count_closed(&self, code: Code) {
        *self.stats.borrow_mut().closed.entry(code).or_default() += 1;
    }

    /// Forgets a connection.
    pub(crate) fn forget(&self, connection: &ConnectionState) {
        connection.lifecycle.apply(Event::Reap);
        self.connections.borrow_mut()[connection.id.slot as usize] = None;
        self.open.update(|open| open - 1);
    }

    /// What is due for so many connections, from this slot on, and the slot behind them.
    pub(crate) fn due(&self, from: usize, count: usize) -> (Vec<(Rc<ConnectionState>, Due)>, usize) {
        let connections = self.connections.borrow();
        let from = if from < connections.len() { from } else { 0 };
        let to = connections.len().min(from + count);
        let now = self.clock.now();
        let due = |connection: &Rc<ConnectionState>| {
            let held = || send_queue::unacknowledged(&connection.socket);
            let is_unread = connection.lifecycle.is_serving() && connection.activity.is_unread();
            let hang_up = is_unread.then(|| hang_up::due(connection, now)).flatten();
            let due =
                hang_up.or_else(|| connection.activity.due(connection.lifecycle.state(), now, &self.limits, held))?;
            Some((Rc::clone(connection), due))
        };
        (connections[from..to].iter().flatten().filter_map(due).collect(), to)
    }

    /// How many slots there are for connections, taken or free.
    pub(crate) fn slots(&self) -> usize {
        self.connections.borrow().len()
    }

    pub(crate) fn all_connections(&self) -> Vec<Rc<ConnectionState>> {
        self.connections.borrow().iter().flatten().cloned().collect()
    }

    /// Waits until `done` or this time of the shard's; whether it was `done`.
    async fn wait_until(&self, deadline: Duration, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            if self.clock.read() >= deadline {
                return false;
            }
            self.progress.wait().await;
        }
        true
    }

    /// After the stop: everything read is published, everything published is sent, everybody is told.
    async fn drain(&self) {
        let deadline = self.clock.read() + self.limits.drain_timeout;
        self.stats.borrow_mut().undelivered_before = self.policy.borrow().counters().undelivered;
        self.work.set();
        let others = self.mesh.shards() - 1;
        self.wait_until(deadline, |shard| {
            shard.finished.get() == others && !shard.mesh.has_message() && !shard.mesh.is_congested()
        })
        .await;
        // What others had not posted by then is not waited for.
        self.mesh.others().for_each(|other| self.policy.borrow_mut().finished(other));
        self.let_io_in().await;
        self.wait_until(deadline, |shard| {
            let mut policy = shard.policy.borrow_mut();
            shard.full.get() == 0 && !policy.flush(0) && !policy.is_pending()
        })
        .await;
        let connections = self.all_connections();
        let (open, cut_off) = (connections.len() as u64, self.full.get() as u64);
        self.stats.borrow_mut().cut_off += cut_off;
        self.stats.borrow_mut().drained += open.saturating_sub(cut_off);
        for connection in connections {
            let delay = random_below(self.limits.reconnect_spread);
            connection.end(End::new(Code::GoingAway, "the server is stopping").with_reconnect_delay(delay));
        }
        let everybody_gone = |shard: &Self| shard.connections.borrow().iter().all(Option::is_none);
        if !self.wait_until(self.clock.read() + 2 * self.limits.linger, everybody_gone).await {
            self.all_connections().iter().for_each(|connection| connection.expire());
            self.wait_until(self.clock.read() + self.limits.linger, everybody_gone).await;
        }
    }
}

/// A random time, to the millisecond; none below nothing.
fn random_below(spread: Duration) -> Option<Duration> {
    let milliseconds = u32::try_from(spread.as_millis()).unwrap_or(u32::MAX);
    (milliseconds > 0).then(|| Duration::from_millis(fastrand::u32(..milliseconds).into()))
}

/// Runs a shard until it is stopped, which `on_stop` is told of; what it did.
pub(crate) async fn run<P: Engine>(
    shard: Shard<P>,
    placement: CpuPlacement,
    listeners: Vec<BoundListener<P>>,
    on_stop: impl FnOnce(),
) -> ShardStats {
    let shard = Rc::new(shard);
    shard.policy.borrow_mut().wake_with(Waker::from(Arc::clone(shard.mesh.waker())));
    let ticks = glommio::spawn_local(tick(Rc::clone(&shard), placement));
    let listeners: Vec<_> = listeners.into_iter().map(Rc::new).collect();
    let spawn = |listener| glommio::spawn_local(accept(Rc::clone(&shard), Rc::clone(listener)));
    let accepting: Vec<_> = listeners.iter().map(spawn).collect();
    shard.stop.wait().await;
    on_stop();
    for task in accepting {
        task.cancel().await;
    }
    for listener in listeners {
        listener.close(&shard);
    }
    shard.drain().await;
    ticks.cancel().await;
    let mut stats = shard.stats.take();
    stats.counters = shard.policy.borrow().counters();
    stats
}
