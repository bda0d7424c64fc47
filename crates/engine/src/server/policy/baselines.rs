//! The shards of the baselines, all with one registry.

use super::{fanout_limits, sharded};
use crate::config::{Config, PolicyKind};
use crate::control::Control;
use crate::error::StartError;
use crate::net::Socket;
use crate::server::shard_thread::Start;
use corecast_baselines::{Directory, MutexDirectory, Shared, SnapshotDirectory, SubjectorDirectory};
use corecast_session::Codec;
use std::io;

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
        PolicyKind::SubjectorSpin => shared(start, &SubjectorDirectory::spin()),
        PolicyKind::SubjectorMutex => shared(start, &SubjectorDirectory::mutex()),
        PolicyKind::SubjectorPortal => shared(start, &started(SubjectorDirectory::portal())?),
        PolicyKind::SubjectorAlone => shared(start, &SubjectorDirectory::alone()),
        PolicyKind::SubjectorChannel => shared(start, &started(SubjectorDirectory::channel())?),
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

/// Returns the registry, if its thread could be started.
fn started<T>(directory: io::Result<T>) -> Result<T, StartError> {
    directory.map_err(|error| StartError::Invalid(format!("cannot start a thread for the registry: {error}")))
}
