//! The policies: starts every shard with the configured policy.

#[cfg(feature = "baselines")]
mod baselines;

use super::shard_thread::Start;
use crate::config::{Config, PolicyKind};
use crate::control::Control;
use crate::error::StartError;
use corecast_fanout::FanoutLimits;
use corecast_fanout::policy::Sharded;
use corecast_session::{Codec, NATIVE};

/// Refuses a policy that this build does not have, and settings that contradict the policy.
pub(super) fn validate(config: &Config) -> Result<(), StartError> {
    if !PolicyKind::AVAILABLE.contains(&config.policy) {
        return Err(StartError::NoBaselines(config.policy));
    }
    #[cfg(feature = "baselines")]
    baselines::validate(config)?;
    Ok(())
}

/// Starts all shards with the configured policy, which must be valid.
pub(super) fn start(start: Start<'_>) -> Result<Control, StartError> {
    #[cfg(feature = "baselines")]
    return baselines::start(start);
    #[cfg(not(feature = "baselines"))]
    sharded(start)
}

/// Starts all shards, each with its own registry.
fn sharded(start: Start<'_>) -> Result<Control, StartError> {
    let (limits, shards) = (fanout_limits(start.config), start.shards);
    start.all(|shard| {
        let limits = limits.clone();
        move || Sharded::new(shard, shards, limits, Codec)
    })
}

fn fanout_limits(config: &Config) -> FanoutLimits {
    let mut limits = FanoutLimits {
        log_bytes: config.limits.log_bytes,
        shard_log_bytes: config.limits.shard_log_bytes,
        reserved_connections: config.limits.connections_of(0, config.cpus.len()),
        max_subscriptions: config.limits.max_subscriptions,
        ..FanoutLimits::default()
    };
    limits.lag[NATIVE.index()] = config.limits.native_lag;
    limits
}
