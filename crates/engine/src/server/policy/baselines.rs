//! The shards of the baselines, all with one registry.

use super::{fanout_limits, sharded};
use crate::config::{Config, PolicyKind};
use crate::control::Control;
use crate::error::StartError;
use crate::net::Socket;
use crate::server::shard_thread::Start;
use corecast_baselines::{Directory, MutexDirectory, Shared, SnapshotDirectory, SubjectorDirectory};
use corecast_session::Codec;
use subjector::executor::{self, Mailbox};
use subjector::{Alone, Channel, Mutex, Portal, Spin};

/// Refuses a handoff where no registry is shared.
pub(super) fn validate(config: &Config) -> Result<(), StartError> {
    if config.policy == PolicyKind::Sharded && config.handoff.is_some() {
        return Err(StartError::Invalid(
            "a handoff is for the policies with a shared registry: under sharded the owning shard always writes"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Starts all shards with the configured policy.
pub(super) fn start(start: Start<'_>) -> Result<Control, StartError> {
    match start.config.policy {
        PolicyKind::Sharded => sharded(start),
        PolicyKind::Mutex => shared(start, &MutexDirectory::default()),
        PolicyKind::Snapshot => shared(start, &SnapshotDirectory::default()),
        PolicyKind::SubjectorSpin => shared(start, &SubjectorDirectory::new(Spin)),
        PolicyKind::SubjectorMutex => shared(start, &SubjectorDirectory::new(Mutex)),
        PolicyKind::SubjectorPortal => shared(start, &SubjectorDirectory::new(Portal::on(own_thread()?))),
        PolicyKind::SubjectorAlone => shared(start, &SubjectorDirectory::new(Alone::default())),
        PolicyKind::SubjectorChannel => shared(start, &SubjectorDirectory::new(Channel::on(own_thread()?))),
    }
}

/// Starts all shards with one registry.
fn shared(start: Start<'_>, directory: &impl Directory<Socket>) -> Result<Control, StartError> {
    let (limits, shards) = (fanout_limits(start.config), start.shards);
    let handoff = start.config.handoff.unwrap_or_default();
    start.all(|shard| {
        let (limits, directory) = (limits.clone(), directory.clone());
        move || Shared::new(shard, shards, limits, Codec, directory).with_handoff(handoff)
    })
}

/// Starts a thread for the registry. It is not pinned: the scheduler places it among the CPUs that the process may use. It
/// ends after the last shard.
fn own_thread() -> Result<Mailbox, StartError> {
    executor::thread("registry")
        .map_err(|error| StartError::Invalid(format!("cannot start a thread for the registry: {error}")))
}
