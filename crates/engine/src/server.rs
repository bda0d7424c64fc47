//! The server: starts the shards, waits for their end.

use crate::accept::BoundListener;
use crate::affinity::{self, CpuPlacement};
use crate::config::{Config, Limits, Listener, Protocol};
use crate::control::{Control, ControlMailbox};
use crate::driver::{Driver, Engine, run};
use crate::error::{RunError, StartError};
use crate::mesh::{Mailbox, Mesh, mesh};
use crate::{io_uring, listener, open_files, policy};
use corecast_fanout::{Counters, ShardId};
use corecast_session::{Native, Plain};
use corecast_shard::ShardStats;
use corecast_wire::{ChannelName, Code};
use flume::{Receiver, Sender};
use glommio::{LocalExecutorBuilder, Placement};
use nix::sys::signal::{SigSet, Signal};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Completions that a shard's ring holds: 128, glommio's default, took twice as long to serve 3,000
/// sockets that became readable together.
const RING_DEPTH: usize = 2048;

/// Practically never. Preempted before it has run anything, an executor of glommio 0.12 parks with runnable
/// tasks (glommio/glommio#53), the sweep's among them; and no task here depends on being preempted, since
/// each ends its turn by waiting for the ring. `docs/decisions/0003-no-preemption.md` has the measurement.
const PREEMPT_TIMER: Duration = Duration::from_hours(1);

/// What stops a server, if it is to be stopped by signals.
const STOPPING_SIGNALS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// A running server. Dropping it does not stop it.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    control: Control,
    shards: usize,
    events: Receiver<(ShardId, ShardEvent)>,
}

/// What a server did, in the end.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed, by reason.
    pub closed: BTreeMap<Code, u64>,
    /// Connections that had taken everything that was queued for them when the server stopped.
    pub drained: u64,
    /// Connections that had not taken what was queued when the time to drain was over.
    pub cut_off: u64,
    /// Of the undelivered messages, those of connections that had ended when the server stopped.
    pub undelivered_before: u64,
    /// Messages and sends.
    pub counters: Counters,
}

/// What a shard tells the thread that waits for it.
#[derive(Debug)]
enum ShardEvent {
    Ready,
    Failed(StartError),
    Ended(ShardStats),
    Panicked(String),
}

impl Server {
    /// Binds the listeners and starts one thread a shard; returns when all of them serve.
    ///
    /// # Errors
    /// What is missing, in one line that says what to do. Nothing runs then.
    ///
    /// # Panics
    /// If there are more than 65,535 shards.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, policy::start)
    }

    /// Starts it with the policy that `run_policy` starts.
    fn start_with(
        config: &Config,
        run_policy: impl FnOnce(Start<'_>) -> Result<Control, StartError>,
    ) -> Result<Self, StartError> {
        validate(config)?;
        open_files::check(config)?;
        io_uring::probe()?;
        let shards = ShardId::try_from(config.cpus.len()).expect("fewer than 2^16 shards");
        let mut listeners = Vec::new();
        let mut bound: Vec<Vec<(Listener, OwnedFd)>> = config.cpus.iter().map(|_| Vec::new()).collect();
        for (listener, sockets) in listener::bind(&config.listeners, config.cpus.len())? {
            for (of_shard, socket) in bound.iter_mut().zip(sockets) {
                of_shard.push((listener.clone(), socket));
            }
            listeners.push(listener);
        }
        if config.stop_on_signals {
            // Before any thread exists, so that all of them inherit it.
            glommio::signal::block(&STOPPING_SIGNALS.map(|signal| signal as i32))
                .map_err(|error| StartError::Invalid(format!("cannot block signals: {error}")))?;
        }
        let (report, events) = flume::unbounded();
        let control = run_policy(Start { config, shards, report, listeners: bound })?;
        let server = Self { listeners, control, shards: config.cpus.len(), events };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Where it listens, with the ports that were picked.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// What asks things of it from elsewhere.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Asks it to stop: no new connections, what was published is delivered, everybody is told.
    pub fn stop(&self) {
        self.control.stop();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// A shard panicked. The others may still run: end the process.
    pub fn wait(self) -> Result<Summary, RunError> {
        let mut summary = Summary::default();
        let mut running = self.shards;
        while running > 0 {
            match self.events.recv() {
                Ok((_, ShardEvent::Ended(stats))) => {
                    summary.add(stats);
                    running -= 1;
                }
                Ok((shard, ShardEvent::Panicked(message))) => return Err(RunError::Panicked { shard, message }),
                Ok((_, ShardEvent::Ready | ShardEvent::Failed(_))) => {}
                Err(_) => unreachable!("every shard reports its end"),
            }
        }
        Ok(summary)
    }

    fn wait_until_ready(&self) -> Result<(), StartError> {
        for _ in 0..self.shards {
            let failure = match self.events.recv() {
                Ok((_, ShardEvent::Ready)) => continue,
                Ok((_, ShardEvent::Failed(error))) => error,
                Ok((shard, ShardEvent::Panicked(reason))) => StartError::Shard { shard, reason },
                Ok((_, ShardEvent::Ended(_))) | Err(_) => unreachable!("a shard reports its start before its end"),
            };
            self.stop();
            return Err(failure);
        }
        Ok(())
    }
}

impl Summary {
    fn add(&mut self, stats: ShardStats) {
        self.accepted += stats.accepted;
        self.drained += stats.drained;
        self.cut_off += stats.cut_off;
        self.undelivered_before += stats.undelivered_before;
        self.counters += stats.counters;
        for (code, count) in stats.closed {
            *self.closed.entry(code).or_default() += count;
        }
    }
}

impl fmt::Display for Summary {
    /// One line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { published, deliveries, sends, missed, undelivered, .. } = self.counters;
        write!(
            formatter,
            "{} connections closed, {} drained, {} cut off, {} messages undelivered by the drain; {} connections accepted, \
             {published} messages published, {deliveries} delivered in {sends} sends, {missed} missed, {} undelivered \
             before the drain; closed:",
            self.closed.values().sum::<u64>(),
            self.drained,
            self.cut_off,
            undelivered.saturating_sub(self.undelivered_before),
            self.accepted,
            self.undelivered_before,
        )?;
        for (code, count) in &self.closed {
            write!(formatter, " {} {count}", code.name())?;
        }
        Ok(())
    }
}

fn validate(config: &Config) -> Result<(), StartError> {
    let invalid = |what: &str| Err(StartError::Invalid(what.to_owned()));
    if config.listeners.is_empty() {
        return invalid("there is nowhere to listen: give at least one address");
    }
    if config.cpus.is_empty() {
        return invalid("there is no shard: give at least one CPU");
    }
    policy::validate(config)?;
    if config.limits.max_connections < config.cpus.len() {
        let (connections, shards) = (config.limits.max_connections, config.cpus.len());
        return invalid(&format!(
            "each shard must have room for a connection: {connections} connections are too few for {shards} shards"
        ));
    }
    if config.limits.mailbox_capacity == 0 {
        return invalid("the capacity of a mailbox must be at least 1");
    }
    for channel in config.listeners.iter().filter_map(|listener| listener.channel.as_deref()) {
        if let Err(error) = ChannelName::new(channel) {
            return invalid(&format!("the channel of a listener is invalid: {error}"));
        }
    }
    Ok(())
}

/// What starting the shards takes.
pub(crate) struct Start<'a> {
    pub(crate) config: &'a Config,
    /// How many there are.
    pub(crate) shards: ShardId,
    report: Sender<(ShardId, ShardEvent)>,
    listeners: Vec<Vec<(Listener, OwnedFd)>>,
}

impl Start<'_> {
    /// Starts a thread for each shard, with the policy that `policy` makes there.
    pub(crate) fn all<P, M>(self, policy: impl Fn(ShardId) -> M) -> Result<Control, StartError>
    where
        P: Engine,
        M: FnOnce() -> P + Send + 'static,
    {
        let Self { config, shards, report, listeners } = self;
        let (mailboxes, meshes) = mesh::<P::Item>(shards, config.limits.mailbox_capacity)
            .map_err(|error| StartError::Invalid(format!("cannot make the shards' mailboxes: {error}")))?;
        let erase = |mailbox: Mailbox<P::Item>| -> Arc<dyn ControlMailbox> { Arc::new(mailbox) };
        let control = Control::new(mailboxes.into_iter().map(erase).collect());
        for ((mesh, listeners), cpu) in meshes.into_iter().zip(listeners).zip(&config.cpus) {
            let shard = mesh.shard();
            let thread = ShardThread {
                cpu: *cpu,
                mesh,
                listeners,
                config: config.clone(),
                control: (config.stop_on_signals && shard == 0).then(|| control.clone()),
                policy: policy(shard),
            };
            let report = report.clone();
            let body = move || {
                let ready = report.clone();
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| thread.run(move || drop(ready.send((shard, ShardEvent::Ready))))));
                let event = match outcome {
                    Ok(Ok(stats)) => ShardEvent::Ended(stats),
                    Ok(Err(error)) => ShardEvent::Failed(error),
                    Err(panic) => ShardEvent::Panicked(panic_message(&*panic)),
                };
                // Nobody listens any more when the start has failed elsewhere.
                let _ = report.send((shard, event));
            };
            let spawned = thread::Builder::new().name(format!("shard-{shard}")).spawn(body);
            if let Err(error) = spawned {
                control.stop();
                return Err(StartError::Shard { shard, reason: error.to_string() });
            }
        }
        Ok(control)
    }
}

/// What a shard's thread is given.
struct ShardThread<M, I> {
    cpu: usize,
    mesh: Mesh<I>,
    listeners: Vec<(Listener, OwnedFd)>,
    config: Config,
    /// If this shard is the one that waits for signals.
    control: Option<Control>,
    policy: M,
}

impl<M, I> ShardThread<M, I> {
    /// Runs the shard on this thread until it is stopped.
    fn run<P>(self, ready: impl FnOnce() + 'static) -> Result<ShardStats, StartError>
    where
        P: Engine<Item = I>,
        M: FnOnce() -> P + 'static,
    {
        let Self { cpu, mesh, listeners, config, control, policy } = self;
        let executor = LocalExecutorBuilder::new(Placement::Fixed(cpu))
            .name("corecast")
            .io_memory(0)
            .ring_depth(RING_DEPTH)
            .preempt_timer(PREEMPT_TIMER)
            .make()
            .map_err(|error| StartError::Cpu { cpu, reason: error.to_string() })?;
        executor.run(async move {
            if let Some(control) = control {
                glommio::spawn_local(stop_on_signal(control)).detach();
            }
            affinity::schedule(config.tuning.scheduling);
            let placement = CpuPlacement::new(cpu, &config.cpus, config.tuning.affinity);
            let id = mesh.shard();
            let bound = |listener| bound_listener(listener, &config.limits);
            let listeners = listeners.into_iter().map(bound).collect();
            let driver = Driver::new(policy(), mesh, &config.limits, config.tuning)
                .map_err(|error| StartError::Shard { shard: id, reason: error.to_string() })?;
            ready();
            let on_stop = || {
                if config.stop_on_signals {
                    unblock_signals();
                }
            };
            Ok(run(driver, placement, listeners, on_stop).await)
        })
    }
}

/// The one place that knows which protocol has which session.
fn bound_listener<P: Engine>((listener, descriptor): (Listener, OwnedFd), limits: &Limits) -> BoundListener<P> {
    match listener.protocol {
        Protocol::Plain => {
            let channel: Rc<str> = match listener.channel {
                Some(channel) => channel.into(),
                None => format!("{}:{}", listener.protocol, listener.address).into(),
            };
            let lag = listener.lag;
            let limits = corecast_wire::Limits { max_frame: limits.plain_max_frame };
            let session = move || Plain { channel: Rc::clone(&channel), limits, lag };
            BoundListener::new(descriptor, listener.idle_timeout.unwrap_or_default(), session)
        }
        Protocol::Native => {
            let frame_limits = corecast_wire::Limits { max_frame: limits.native_max_frame };
            BoundListener::new(descriptor, limits.idle_timeout, move || Native::new(frame_limits))
        }
    }
}

async fn stop_on_signal(control: Control) {
    let received = match glommio::signal::Signals::new(&STOPPING_SIGNALS.map(|signal| signal as i32)) {
        Ok(signals) => signals.recv().await,
        Err(error) => Err(error),
    };
    match received {
        Ok(number) => tracing::info!(number, "stopping on a signal; a second one ends the process at once"),
        Err(error) => tracing::error!(%error, "signals cannot be received: stopping"),
    }
    control.stop_from_shard().await;
}

/// Has the next signal its default effect. Each shard does this as it stops: any of them may be the last to end.
fn unblock_signals() {
    if let Err(error) = SigSet::from_iter(STOPPING_SIGNALS).thread_unblock() {
        tracing::warn!(%error, "a second signal will have no effect");
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod panicking;

#[cfg(test)]
mod tests {
    use crate::socket::Socket;

    /// Sockets cross threads in the baselines, and nothing else does.
    #[test]
    fn a_socket_may_be_sent_from_any_thread() {
        fn assert<T: Send + Sync>() {}
        assert::<Socket>();
    }
}
