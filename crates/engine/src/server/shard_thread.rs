//! The threads of the shards. Each creates its executor, its policy and its driver, and reports its start and its end.

use super::signals;
use crate::config::{Config, Limits, Listener, Protocol};
use crate::control::{Control, ControlMailbox};
use crate::error::StartError;
use crate::host::{self, CpuPlacement};
use crate::mesh::{Mailbox, Mesh, mesh};
use crate::shard::{BoundListener, Driver, Engine, run};
use corecast_fanout::ShardId;
use corecast_session::{Native, Plain};
use corecast_shard::ShardStats;
use flume::Sender;
use glommio::{LocalExecutorBuilder, Placement};
use std::any::Any;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Completions that a shard's ring holds. With glommio's default of 128, serving 3,000 sockets that became readable
/// together took twice as long.
const RING_DEPTH: usize = 2048;

/// An interval long enough that no task is ever preempted. If an executor of glommio 0.12 is preempted before it has run
/// anything, it parks with runnable tasks (glommio/glommio#53), including the sweep's. No task here depends on preemption,
/// since each ends its turn by waiting for the ring. `docs/decisions/0003-no-preemption.md` has the measurement.
const PREEMPT_TIMER: Duration = Duration::from_hours(1);

/// A report of a shard's thread to the server.
#[derive(Debug)]
pub(super) enum ShardEvent {
    /// The shard serves.
    Ready,
    /// The shard could not start.
    Failed(StartError),
    /// The shard has stopped in order.
    Ended(ShardStats),
    /// The shard has panicked, with this message.
    Panicked(String),
}

/// Everything that the shards need to start, except the policy.
pub(super) struct Start<'a> {
    pub(super) config: &'a Config,
    /// The number of shards.
    pub(super) shards: ShardId,
    pub(super) report: Sender<(ShardId, ShardEvent)>,
    /// The listening sockets of each shard.
    pub(super) listeners: Vec<Vec<(Listener, OwnedFd)>>,
}

impl Start<'_> {
    /// Starts a thread for each shard, with the policy that `policy` creates there.
    pub(super) fn all<P, M>(self, policy: impl Fn(ShardId) -> M) -> Result<Control, StartError>
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
                // After another shard has failed to start, no thread receives this.
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

/// Everything that the thread of a shard is given at its start.
struct ShardThread<M, I> {
    cpu: usize,
    mesh: Mesh<I>,
    listeners: Vec<(Listener, OwnedFd)>,
    config: Config,
    /// Stops the server on a signal. Only the shard that waits for signals has it.
    control: Option<Control>,
    policy: M,
}

impl<M, I> ShardThread<M, I> {
    /// Runs the shard on this thread until the shard has stopped.
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
                glommio::spawn_local(signals::stop_on_signal(control)).detach();
            }
            host::schedule(config.tuning.scheduling);
            let placement = CpuPlacement::new(cpu, &config.cpus, config.tuning.affinity);
            let id = mesh.shard();
            let bound = |listener| bound_listener(listener, &config.limits);
            let listeners = listeners.into_iter().map(bound).collect();
            let driver = Driver::new(policy(), mesh, &config.limits, config.tuning)
                .map_err(|error| StartError::Shard { shard: id, reason: error.to_string() })?;
            ready();
            let on_stop = || {
                if config.stop_on_signals {
                    signals::unblock();
                }
            };
            Ok(run(driver, placement, listeners, on_stop).await)
        })
    }
}

/// Gives each protocol its session, in this place only.
fn bound_listener<P: Engine>((listener, descriptor): (Listener, OwnedFd), limits: &Limits) -> BoundListener<P> {
    match listener.protocol {
        Protocol::Plain => {
            let channel: Rc<str> = match listener.channel {
                Some(channel) => channel.into(),
                None => format!("{}:{}", listener.protocol, listener.address).into(),
            };
            let lag = listener.lag;
            let limits = corecast_wire::FrameLimits { max_frame: limits.plain_max_frame };
            let session = move || Plain { channel: Rc::clone(&channel), limits, lag };
            BoundListener::new(descriptor, listener.idle_timeout.unwrap_or_default(), session)
        }
        Protocol::Native => {
            let frame_limits = corecast_wire::FrameLimits { max_frame: limits.native_max_frame };
            BoundListener::new(descriptor, limits.idle_timeout, move || Native::new(frame_limits))
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
