//! The server: it starts the shards and waits for their end.

mod builder;
mod policy;
mod shard_thread;
mod signals;

pub use builder::{ServerBuilder, allowed_cpus};
/// The totals of everything that a server has done.
pub use corecast_shard::ShardStats as Summary;

use crate::config::{Config, Listener};
use crate::control::Control;
use crate::error::{RunError, StartError};
use crate::{host, net};
use corecast_fanout::ShardId;
use corecast_wire::ChannelName;
use flume::Receiver;
use shard_thread::{ShardEvent, Start};
use std::os::fd::OwnedFd;

/// A running server. Dropping it does not stop it.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    control: Control,
    shards: usize,
    events: Receiver<(ShardId, ShardEvent)>,
}

impl Server {
    /// Returns a builder with the default settings.
    ///
    /// ```
    /// use corecast_engine::{Protocol, Server};
    ///
    /// let server = Server::builder().listen(Protocol::Native, ([127, 0, 0, 1], 0)).start()?;
    /// println!("listening on {}", server.listeners()[0].address);
    /// server.stop();
    /// let summary = server.wait()?;
    /// assert_eq!(summary.accepted, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Binds the listeners and starts one thread per shard. Returns when all shards serve.
    ///
    /// # Errors
    /// One line that says what is missing and what to do about it. Nothing runs then.
    ///
    /// # Panics
    /// If there are more than 65,535 shards.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, policy::start)
    }

    /// Starts the server with the policy that `run_policy` starts.
    fn start_with(
        config: &Config,
        run_policy: impl FnOnce(Start<'_>) -> Result<Control, StartError>,
    ) -> Result<Self, StartError> {
        validate(config)?;
        host::check_open_files(config)?;
        host::probe_io_uring()?;
        let shards = ShardId::try_from(config.cpus.len()).expect("fewer than 2^16 shards");
        let mut listeners = Vec::new();
        let mut bound: Vec<Vec<(Listener, OwnedFd)>> = config.cpus.iter().map(|_| Vec::new()).collect();
        for (listener, sockets) in net::bind(&config.listeners, config.cpus.len())? {
            for (of_shard, socket) in bound.iter_mut().zip(sockets) {
                of_shard.push((listener.clone(), socket));
            }
            listeners.push(listener);
        }
        if config.stop_on_signals {
            // Block them before any thread exists, so that all threads inherit the mask.
            signals::block()?;
        }
        let (report, events) = flume::unbounded();
        let control = run_policy(Start { config, shards, report, listeners: bound })?;
        let server = Self { listeners, control, shards: config.cpus.len(), events };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Returns the listeners, with the ports that the kernel picked.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Returns a handle for requests to the server from other threads.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Asks the server to stop: it accepts no new connections, delivers what was published, and tells every client the
    /// reason.
    pub fn stop(&self) {
        self.control.stop();
    }

    /// Waits for the end of the server.
    ///
    /// # Errors
    /// If a shard panicked. The others may still run: end the process.
    pub fn wait(self) -> Result<Summary, RunError> {
        let mut summary = Summary::default();
        let mut running = self.shards;
        while running > 0 {
            match self.events.recv() {
                Ok((_, ShardEvent::Ended(stats))) => {
                    summary += stats;
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

#[cfg(test)]
mod panicking;

#[cfg(test)]
mod tests {
    use crate::net::Socket;

    /// With the baselines, sockets cross threads; nothing else does.
    #[test]
    fn a_socket_may_be_sent_from_any_thread() {
        fn assert<T: Send + Sync>() {}
        assert::<Socket>();
    }
}
