//! The builder of a server: one call for each setting.

use super::Server;
use crate::config::{Config, Limits, Listener, PolicyKind, Protocol, Tuning};
use crate::error::StartError;
#[cfg(feature = "baselines")]
use corecast_baselines::Handoff;
use rustix::thread::CpuSet;
use std::io;
use std::net::SocketAddr;

/// A server that has not been started. [`Server::builder`] creates one.
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

    /// Sets the CPU of each shard, one entry per shard. Default: one shard on each of [`allowed_cpus`].
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.config.cpus = cpus.into_iter().collect();
        self
    }

    /// Sets the policy, which finds the subscribers of a message. Default: [`PolicyKind::Sharded`].
    pub fn policy(mut self, policy: PolicyKind) -> Self {
        self.config.policy = policy;
        self
    }

    /// Sets the thread that writes, where the registry is shared.
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

    /// Sets the tuning: settings whose defaults were measured.
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.config.tuning = tuning;
        self
    }

    /// Sets whether SIGTERM and SIGINT stop the server, as [`Config::stop_on_signals`] describes. Default: they do not.
    pub fn stop_on_signals(mut self, stop: bool) -> Self {
        self.config.stop_on_signals = stop;
        self
    }

    /// Starts the server, as [`Server::start`] does.
    ///
    /// # Errors
    /// As [`Server::start`]. Also [`StartError::Invalid`] if no CPUs were given and those of the process cannot be read.
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

/// Returns the CPUs on which this process may run, in ascending order.
///
/// # Errors
/// If the kernel does not say: it has more CPUs than fit into an affinity mask here.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect())
}
