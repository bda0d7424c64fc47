//! The driver of one shard: the shard itself, and everything that its tasks share.
//!
//! `corecast_shard` decides; the driver carries out its effects and measures its time.

use super::accept::{BoundListener, accept};
use super::closing::ClosingSockets;
use super::connection::ConnectionIo;
use super::pause::PauseReport;
use super::tick::tick;
use crate::config::{Limits, OverRate, Tuning};
use crate::host::CpuPlacement;
use crate::journal::{DisconnectRecord, Journal};
use crate::mesh::Mesh;
use crate::net::Socket;
use crate::runtime::{Reactor, Signal};
use corecast_fanout::{ConnectionId, Policy};
use corecast_shard::{Disconnect, Drain, Shard, ShardEffect, ShardLimits, ShardStats};
use glommio::io::PollableFd;
use rustix::event::{EventfdFlags, eventfd};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

/// A policy that writes to sockets.
pub(crate) trait Engine: Policy<Socket> + 'static {}

impl<P: Policy<Socket> + 'static> Engine for P {}

/// A shard whose connections are sockets.
pub(crate) type SocketShard<P> = Shard<P, Rc<ConnectionIo>>;

/// The driver of one shard. No borrow lives across an `.await`.
pub(crate) struct Driver<P: Engine> {
    pub(crate) shard: RefCell<SocketShard<P>>,
    pub(crate) mesh: Mesh<P::Item>,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) tuning: Tuning,
    /// Set while the tick has something to do.
    pub(crate) work: Signal,
    /// Set when the shard begins to stop.
    stop: Signal,
    /// Set when the drain is over.
    done: Signal,
    /// The buffer into which every connection receives.
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) closing: ClosingSockets,
    pub(crate) journal: RefCell<Journal>,
    pub(crate) pause_report: Cell<PauseReport>,
    pub(crate) write_timeout: Duration,
    started: Instant,
    /// A descriptor that is always readable: waiting for it takes one trip through the executor's ring.
    always_ready: PollableFd<OwnedFd>,
}

impl<P: Engine> Driver<P> {
    /// Creates the driver. Must be called on the shard's own executor. An error is a lack of descriptors.
    pub(crate) fn new(policy: P, mesh: Mesh<P::Item>, limits: &Limits, tuning: Tuning) -> io::Result<Self> {
        let always_ready = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shard_limits = shard_limits(limits, &tuning, &mesh);
        let seed = fastrand::u64(..);
        Ok(Self {
            shard: RefCell::new(Shard::new(mesh.shard(), mesh.shards(), policy, shard_limits, Duration::ZERO, seed)),
            reactor: Reactor::new(Arc::clone(mesh.waker()), tuning.spin_before_park)?,
            mesh,
            work: Signal::default(),
            stop: Signal::default(),
            done: Signal::default(),
            scratch: RefCell::new(vec![0; tuning.scratch_bytes]),
            tuning,
            closing: ClosingSockets::new(),
            journal: RefCell::new(Journal::new(limits.disconnect_lines)),
            pause_report: Cell::default(),
            write_timeout: limits.write_timeout,
            started: Instant::now(),
            always_ready: PollableFd::new(always_ready)?,
        })
    }

    /// Returns the driver's time, as the shard counts it.
    pub(crate) fn at(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets `act` act on the shard, and carries out the effects.
    pub(crate) fn with<T>(self: &Rc<Self>, act: impl FnOnce(&mut SocketShard<P>) -> T) -> T {
        let mut shard = self.shard.borrow_mut();
        let result = act(&mut shard);
        if shard.take_tick_request() {
            self.work.set();
        }
        let mut effect = shard.take_effect();
        drop(shard);
        // A spawned task runs at once, and borrows the shard.
        while let Some(next) = effect {
            self.carry_out(next);
            effect = self.shard.borrow_mut().take_effect();
        }
        result
    }

    fn carry_out(self: &Rc<Self>, effect: ShardEffect<Rc<ConnectionIo>>) {
        match effect {
            ShardEffect::Wake(id) => self.with_io(id, |io| io.signal.set()),
            ShardEffect::WaitWritable(id) => self.wait_writable(id),
            ShardEffect::ResetOnClose(id) => self.with_io(id, |io| io.socket.reset_on_close()),
            ShardEffect::BreakOff(id) => self.with_io(id, |io| io.socket.break_off()),
            ShardEffect::Disconnected(disconnect) => self.record(disconnect),
            ShardEffect::Close(io) => self.closing.add(io),
        }
    }

    fn with_io(&self, id: ConnectionId, act: impl FnOnce(&ConnectionIo)) {
        if let Some(connection) = self.shard.borrow().connection(id) {
            act(connection.endpoint());
        }
    }

    /// Waits until a full socket takes bytes again.
    fn wait_writable(self: &Rc<Self>, id: ConnectionId) {
        let io = self.shard.borrow().connection(id).map(|connection| Rc::clone(connection.endpoint()));
        let driver = Rc::clone(self);
        glommio::spawn_local(async move {
            if let Some(io) = io {
                // An error belongs to the socket; the next send finds it.
                io.watch.writable().await;
            }
            driver.with(|shard| shard.writable(id));
        })
        .detach();
    }

    fn record(&self, Disconnect { id, end, backlog }: Disconnect) {
        let shard = self.shard.borrow();
        let Some(connection) = shard.connection(id) else { return };
        let io = connection.endpoint();
        let record = DisconnectRecord {
            at: SystemTime::now(),
            connection: id,
            peer: io.peer,
            age: io.age(),
            code: end.code,
            reason: end.text,
            backlog,
        };
        self.journal.borrow_mut().add(shard.now(), record);
    }

    /// Returns true if the shard accepts nothing new.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shard.borrow().is_stopping()
    }

    /// Signals the stage of the shard's end to the tasks that wait for it.
    pub(crate) fn signal_stage(&self) {
        match self.shard.borrow().drain_stage() {
            Drain::Serving => {}
            Drain::Done => self.done.set(),
            _ => self.stop.set(),
        }
    }

    /// Completes when everything that is ready now has had its turn.
    pub(crate) async fn let_io_in(&self) {
        self.reactor.let_others_in().await;
    }

    /// Has the executor look at its own ring, where signals arrive.
    pub(crate) async fn let_executor_look(&self) {
        if let Err(error) = self.always_ready.readable().await {
            tracing::warn!(%error, "the executor's ring refused to poll");
        }
    }
}

fn shard_limits<I>(limits: &Limits, tuning: &Tuning, mesh: &Mesh<I>) -> ShardLimits {
    ShardLimits {
        connections: limits.connections_of(mesh.shard().into(), mesh.shards().into()),
        control_bytes: limits.control_bytes,
        frames_per_second: limits.rate.frames,
        bytes_per_second: limits.rate.bytes,
        close_over_rate: limits.rate.over == OverRate::Close,
        hello_timeout: limits.hello_timeout,
        frame_timeout: limits.frame_timeout,
        write_timeout: limits.write_timeout,
        linger: limits.linger,
        reconnect_spread: limits.reconnect_spread,
        drain_timeout: limits.drain_timeout,
        sweep_interval: tuning.sweep_interval,
    }
}

/// Runs a shard until it has ended, and returns its statistics. Calls `on_stop` when the shard begins to stop.
pub(crate) async fn run<P: Engine>(
    driver: Driver<P>,
    placement: CpuPlacement,
    listeners: Vec<BoundListener<P>>,
    on_stop: impl FnOnce(),
) -> ShardStats {
    let driver = Rc::new(driver);
    driver.with(|shard| shard.policy_mut().wake_with(Waker::from(Arc::clone(driver.mesh.waker()))));
    let ticks = glommio::spawn_local(tick(Rc::clone(&driver), placement));
    let listeners: Vec<_> = listeners.into_iter().map(Rc::new).collect();
    let spawn = |listener| glommio::spawn_local(accept(Rc::clone(&driver), Rc::clone(listener)));
    let accepting: Vec<_> = listeners.iter().map(spawn).collect();
    driver.stop.wait().await;
    on_stop();
    for task in accepting {
        task.cancel().await;
    }
    for listener in listeners {
        listener.close(&driver);
    }
    driver.with(|shard| shard.begin_drain(driver.at()));
    driver.done.wait().await;
    ticks.cancel().await;
    driver.shard.borrow().stats()
}
