//! The `subjector-*` registries: one map as an object of `corecast_subjector`, under one of its policies.
//!
//! Each shard keeps a queue of its requests to the registry and makes one at a time: the next one when the previous one
//! is done. So its publishers' order holds under every policy, even `Spin`, which has no order.
//!
//! Absent here: executors, except the thread on which two of the registries run. The owner of the policy polls it with every
//! flush, and is woken to do so.

use crate::{Directory, FanOut, Membership, Outcome, Registry};
use corecast_fanout::{ConnectionId, Encode, Outlet};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use subjector::executor::{self, Mailbox};
use subjector::{Alone, Channel, Mutex, Policy, Portal, Spin, Subjector};

/// The number of requests after which a shard is saturated and its publishers are not read. Requests that are not for
/// publishers go on: for what one read of a connection brings, and for each subscription that ends.
pub(crate) const MAX_WAITING: usize = 256;

/// An operation to run on the registry.
type Operation<O> = Box<dyn FnOnce(&mut Registry<O>) -> Outcome + Send>;

/// The access of one shard to the registry, under the policy `P`.
pub struct SubjectorDirectory<O: Outlet, P: Policy> {
    registry: Subjector<Registry<O>, P>,
    waiting: VecDeque<Operation<O>>,
    /// The number of operations that have been done.
    done: u64,
    running: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    waker: Waker,
}

impl<O: Outlet, P: Policy> SubjectorDirectory<O, P> {
    /// Creates an empty registry under this policy.
    pub fn new(policy: P) -> Self {
        let registry = Subjector::build(Registry::default()).name("registry").policy(policy);
        Self::to(registry)
    }

    fn to(registry: Subjector<Registry<O>, P>) -> Self {
        Self { registry, waiting: VecDeque::new(), done: 0, running: None, waker: Waker::noop().clone() }
    }

    fn ask(&mut self, operation: impl FnOnce(&mut Registry<O>) -> Outcome + Send + 'static) {
        self.waiting.push_back(Box::new(operation));
    }
}

impl<O: Outlet> SubjectorDirectory<O, Spin> {
    /// Creates an empty registry behind a spinlock.
    pub fn spin() -> Self {
        Self::new(Spin)
    }
}

impl<O: Outlet> SubjectorDirectory<O, Mutex> {
    /// Creates an empty registry behind a mutex.
    pub fn mutex() -> Self {
        Self::new(Mutex)
    }
}

impl<O: Outlet> SubjectorDirectory<O, Alone> {
    /// Creates an empty registry that callers enter in the order of their calls.
    pub fn alone() -> Self {
        Self::new(Alone::default())
    }
}

impl<O: Outlet> SubjectorDirectory<O, Portal> {
    /// Creates an empty registry on a thread of its own, to which calls go.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn portal() -> io::Result<Self> {
        own_thread().map(|thread| Self::new(Portal::on(thread)))
    }
}

impl<O: Outlet> SubjectorDirectory<O, Channel> {
    /// Creates an empty registry on a thread of its own, which takes calls as messages.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn channel() -> io::Result<Self> {
        own_thread().map(|thread| Self::new(Channel::on(thread)))
    }
}

/// Starts a thread for a registry. It is not pinned: the scheduler places it among the CPUs that the process may use. It ends
/// after the last shard.
fn own_thread() -> io::Result<Mailbox> {
    executor::thread("registry")
}

impl<O: Outlet, P: Policy> Clone for SubjectorDirectory<O, P> {
    fn clone(&self) -> Self {
        Self::to(self.registry.clone())
    }
}

impl<O: Outlet, P: Policy> Directory<O> for SubjectorDirectory<O, P> {
    fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>, answer: &[u8]) {
        member.writer.await_join(answer);
        let (channel, member) = (Arc::clone(channel), Arc::clone(member));
        self.ask(move |registry| {
            registry.join(&channel, &member);
            // This comes before any other operation can write to the new member.
            member.writer.joined();
            Outcome { joined: vec![member.id()], ..Outcome::default() }
        });
    }

    fn leave(&mut self, channel: &Arc<str>, id: ConnectionId) {
        let channel = Arc::clone(channel);
        self.ask(move |registry| {
            registry.leave(&channel, id);
            Outcome::default()
        });
    }

    fn fan_out<E: Encode>(&mut self, fan_out: &mut FanOut<E>, _outcome: &mut Outcome) {
        let channels = fan_out.channels();
        let mut fan_out = fan_out.take();
        self.ask(move |registry| {
            let mut outcome = Outcome::default();
            registry.fan_out(&channels, &mut fan_out, &mut outcome);
            outcome
        });
    }

    fn advance(&mut self, outcome: &mut Outcome) {
        loop {
            if self.running.is_none() {
                let Some(operation) = self.waiting.pop_front() else { return };
                let registry = self.registry.clone();
                self.running = Some(Box::pin(async move { registry.call(operation).await }));
            }
            let Some(running) = &mut self.running else { return };
            match running.as_mut().poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(later) => {
                    self.running = None;
                    self.done += 1;
                    outcome.append(later);
                }
                Poll::Pending => return,
            }
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }

    fn done(&self) -> u64 {
        self.done
    }

    fn wake_with(&mut self, waker: Waker) {
        self.waker = waker;
    }
}

impl<O: Outlet, P: Policy> fmt::Debug for SubjectorDirectory<O, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SubjectorDirectory");
        shown.field("registry", &self.registry).field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
