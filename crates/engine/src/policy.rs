//! From the configuration to the policy of each shard.

use crate::config::{Config, Handoff, PolicyKind};
use crate::error::StartError;
use crate::server::Start;
use crate::socket::Socket;
use corecast_fanout::policy::{
    self, Directory, MutexDirectory, Sharded, Shared, SnapshotDirectory, SubjectorDirectory,
};
use corecast_fanout::{Limits, ShardId};
use corecast_session::{Codec, NATIVE};
use subjector::executor::{self, Mailbox};
use subjector::{Alone, Channel, Mutex, Portal, Spin};

/// Starts all shards with the policy that is configured.
pub(crate) fn start(start: Start<'_>) -> Result<(), StartError> {
    let config = start.config;
    let all = Shards { handoff: handoff(config), limits: fanout_limits(config), count: start.shards(), start };
    match config.policy {
        PolicyKind::Sharded => all.apart(),
        PolicyKind::Mutex => all.with(&MutexDirectory::default()),
        PolicyKind::Snapshot => all.with(&SnapshotDirectory::default()),
        PolicyKind::SubjectorSpin => all.with(&SubjectorDirectory::new(Spin)),
        PolicyKind::SubjectorMutex => all.with(&SubjectorDirectory::new(Mutex)),
        PolicyKind::SubjectorPortal => all.with(&SubjectorDirectory::new(Portal::on(own_thread()?))),
        PolicyKind::SubjectorAlone => all.with(&SubjectorDirectory::new(Alone::default())),
        PolicyKind::SubjectorChannel => all.with(&SubjectorDirectory::new(Channel::on(own_thread()?))),
    }
}

/// The shards, before they have a policy.
struct Shards<'a> {
    start: Start<'a>,
    handoff: policy::Handoff,
    limits: Limits,
    count: ShardId,
}

impl Shards<'_> {
    /// Each with its own registry.
    fn apart(self) -> Result<(), StartError> {
        let Self { start, limits, count, .. } = self;
        start.all(|shard| {
            let limits = limits.clone();
            move || Sharded::new(shard, count, limits, Codec)
        })
    }

    /// All with one registry.
    fn with(self, directory: &impl Directory<Socket>) -> Result<(), StartError> {
        let Self { start, handoff, limits, count } = self;
        start.all(|shard| {
            let (limits, directory) = (limits.clone(), directory.clone());
            move || Shared::new(shard, count, limits, Codec, directory).with_handoff(handoff)
        })
    }
}

fn handoff(config: &Config) -> policy::Handoff {
    match config.handoff.unwrap_or(Handoff::Direct) {
        Handoff::Direct => policy::Handoff::Direct,
        Handoff::Owner => policy::Handoff::Owner,
    }
}

/// A thread for the registry. It is not pinned: the scheduler places it among the CPUs that the process may use. It
/// ends when the last shard has.
fn own_thread() -> Result<Mailbox, StartError> {
    executor::thread("registry")
        .map_err(|error| StartError::Invalid(format!("cannot start a thread for the registry: {error}")))
}

fn fanout_limits(config: &Config) -> Limits {
    let mut limits = Limits {
        log_bytes: config.limits.log_bytes,
        shard_log_bytes: config.limits.shard_log_bytes,
        reserved_connections: config.limits.connections_of(0, config.cpus.len()),
        max_subscriptions: config.limits.max_subscriptions,
        ..Limits::default()
    };
    limits.lag[NATIVE.index()] = config.limits.native_lag.of_fanout();
    limits
}
