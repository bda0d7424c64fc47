//! The flags that choose how a message finds its subscribers, and who writes to them.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use corecast_engine::{Config, PolicyKind};

use corecast_command::SetupError;

/// The policy, and the flags that belong to some policies.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shards")]
pub(crate) struct PolicySettings {
    /// Policy by which a message finds its subscribers.
    ///
    /// sharded: each shard has its own registry and sends to its own subscribers, without a lock.
    #[cfg_attr(
        feature = "baselines",
        doc = "The others are baselines to compare with: mutex, one registry behind a lock that is held for the whole \
               fan-out; snapshot, one copy-on-write registry, copied by a join or leave while a fan-out uses it; \
               subjector-…, one registry that is called through a spin lock, an asynchronous lock, a thread of its own \
               (portal), the current caller (alone), or an actor's mailbox (channel). portal and channel use an \
               additional, unpinned thread."
    )]
    #[cfg_attr(not(feature = "baselines"), doc = "This build has no other policy.")]
    #[arg(
        long,
        env = "CORECAST_POLICY",
        value_name = "POLICY",
        value_parser = policies(),
        default_value_t = PolicyKind::Sharded
    )]
    policy: PolicyKind,

    /// Thread that writes to a subscriber's socket, under a policy with a shared registry [default: direct]
    ///
    /// direct: the thread that does the fan-out. owner: the shard that owns the subscriber, to which the fan-out
    /// only names it. Under sharded the owning shard always writes, and the flag is refused.
    #[cfg(feature = "baselines")]
    #[arg(
        long,
        env = "CORECAST_HANDOFF",
        value_name = "WRITER",
        value_parser = corecast_command::one_of(corecast_engine::Handoff::ALL)
    )]
    handoff: Option<corecast_engine::Handoff>,

    /// Refused with the reason, as the policies are that go with it.
    #[cfg(not(feature = "baselines"))]
    #[arg(long, env = "CORECAST_HANDOFF", value_name = "WRITER", hide = true)]
    handoff: Option<String>,
}

/// Returns a parser of policies. The help names those of this build; [`PolicySettings::apply`] reports why another is
/// missing.
fn policies() -> impl TypedValueParser<Value = PolicyKind> {
    let value = |policy: &PolicyKind| PossibleValue::new(policy.name()).hide(!PolicyKind::AVAILABLE.contains(policy));
    PossibleValuesParser::new(PolicyKind::ALL.iter().map(value)).try_map(|name| name.parse::<PolicyKind>())
}

impl PolicySettings {
    /// Sets the policy for the engine.
    ///
    /// # Errors
    /// The flags do not go together, or this build does not have the policy.
    pub(crate) fn apply(&self, config: &mut Config) -> Result<(), SetupError> {
        let policy = self.policy;
        if !PolicyKind::AVAILABLE.contains(&policy) {
            return Err(not_built(&format!("--policy {policy} has a shared registry")));
        }
        config.policy = policy;
        #[cfg(not(feature = "baselines"))]
        if self.handoff.is_some() {
            return Err(not_built("--handoff is for the policies with a shared registry"));
        }
        #[cfg(feature = "baselines")]
        {
            if policy == PolicyKind::Sharded && self.handoff.is_some() {
                let reason = "--handoff is for the policies with a shared registry, and --policy is sharded: there the \
                              owning shard always writes";
                return Err(SetupError(reason.to_owned()));
            }
            config.handoff = self.handoff;
        }
        Ok(())
    }
}

/// The refusal of what only a build with the baselines has.
fn not_built(reason: &str) -> SetupError {
    SetupError(format!(
        "{reason}, and this build has sharded alone: build corecast with its default features, or with --features \
         baselines"
    ))
}

#[cfg(all(test, feature = "baselines"))]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};
    use corecast_engine::Handoff;

    #[test]
    fn a_handoff_is_for_a_shared_registry() {
        let engine = |arguments: &[&str]| {
            let command = PolicySettings::augment_args(Command::new("serve"))
                .mut_args(|arg| arg.env(clap::builder::Resettable::Reset))
                .no_binary_name(true);
            let mut config = Config::new(Vec::new(), Vec::new());
            let settings = PolicySettings::from_arg_matches(&command.get_matches_from(arguments)).unwrap();
            settings.apply(&mut config).map(|()| (config.policy, config.handoff))
        };
        let owner = engine(&["--policy=subjector-alone", "--handoff=owner"]).unwrap();
        assert_eq!(owner, (PolicyKind::SubjectorAlone, Some(Handoff::Owner)));
        assert_eq!(engine(&["--policy=mutex"]).unwrap(), (PolicyKind::Mutex, None));
        for handoff in ["direct", "owner"] {
            let error = engine(&["--handoff", handoff]).unwrap_err().to_string();
            assert!(error.contains("--handoff") && error.contains("sharded"), "{error}");
        }
    }
}
