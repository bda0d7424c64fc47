//! Settings of a server, one call each.

use super::Server;
use crate::config::{Config, Limits, Listener, PolicyKind, Protocol, Tuning};
use crate::error::StartError;
#[cfg(feature = "baselines")]
use corecast_baselines::Handoff;
use rustix::thread::CpuSet;
use std::io;
use std::net::SocketAddr;

/// A server that was not started yet. [`Server::builder`] makes one.
#[derive(Clone, Debug)]
#[must_use = "nothing runs before start is called"]
pub struct ServerBuilder {
    config: Config,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self { config: Config::new(Vec::new(), Vec::new()) }
    }

    /// Listens on an address; port 0 lets the kernel pick one. May be called again for more addresses.
    pub fn listen(self, protocol: Protocol, address: impl Into<SocketAddr>) -> Self {
        self.listener(Listener::new(protocol, address))
    }

    /// Adds a listener with settings of its own.
    pub fn listener(mut self, listener: Listener) -> Self {
        self.config.listeners.push(listener);
        self
    }

    /// Sets the CPU of each shard: as many shards as entries. Default: one shard on each of [`allowed_cpus`].
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.config.cpus = cpus.into_iter().collect();
        self
    }

    /// Sets how a message finds its subscribers. Default: [`PolicyKind::Sharded`].
    pub fn policy(mut self, policy: PolicyKind) -> Self {
        self.config.policy = policy;
        self
    }

    /// Sets who writes where the registry is shared.
    #[cfg(feature = "baselines")]
    pub fn handoff(mut self, handoff: Handoff) -> Self {
        self.config.handoff = Some(handoff);
        self
    }

    /// Sets the bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Sets what was measured.
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.config.tuning = tuning;
        self
    }

    /// Lets SIGTERM and SIGINT stop the server, as [`Config::stop_on_signals`] says. Default: they do not.
    pub fn stop_on_signals(mut self, stop: bool) -> Self {
        self.config.stop_on_signals = stop;
        self
    }

    /// Starts the server, as [`Server::start`] does.
    ///
    /// # Errors
    /// As [`Server::start`]; [`StartError::Invalid`] if no CPUs were given and those of the process cannot be read.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start(mut self) -> Result<Server, StartError> {
        if self.config.cpus.is_empty() {
            self.config.cpus = allowed_cpus().map_err(|error| {
                StartError::Invalid(format!("cannot read the CPU affinity of this process: {error}; give the CPUs"))
            })?;
        }
        Server::start(&self.config)
    }
}

/// The CPUs that this process may run on, ascending.
///
/// # Errors
/// The kernel does not tell: it has more CPUs than an affinity mask can name here.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect())
}
