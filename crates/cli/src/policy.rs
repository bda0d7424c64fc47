//! The flags that say how a message finds its subscribers, and who writes to them.

use clap::Args;
use corecast_engine::{Handoff, PolicyKind};

use corecast_command::SetupError;
use corecast_command::one_of;

/// The policy, and what goes with some of them.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shards")]
pub(crate) struct PolicySettings {
    /// How a message finds its subscribers.
    ///
    /// sharded: each shard has its own registry and sends to its own subscribers, without a lock. The others
    /// are baselines to compare with: mutex, one registry behind a lock that is held for the whole fan-out;
    /// snapshot, one registry that is copied on every join and leave; subjector-…, one registry that is called
    /// through a spin lock, an asynchronous lock, a thread of its own (portal), whoever is in (alone), or an actor's
    /// mailbox (channel). portal and channel have one thread more, which is not pinned.
    #[arg(
        long,
        env = "CORECAST_POLICY",
        value_name = "POLICY",
        value_parser = one_of(PolicyKind::ALL),
        default_value_t = PolicyKind::Sharded
    )]
    policy: PolicyKind,

    /// Who writes to a subscriber's socket, under a policy with a shared registry [default: direct]
    ///
    /// direct: the thread that does the fan-out. owner: the shard that owns the subscriber, to which the fan-out
    /// only names it. Under sharded the owning shard always writes, and the flag is refused.
    #[arg(long, env = "CORECAST_HANDOFF", value_name = "WRITER", value_parser = one_of(Handoff::ALL))]
    handoff: Option<Handoff>,
}

impl PolicySettings {
    /// What the engine is to run.
    ///
    /// # Errors
    /// Flags that do not go together.
    pub(crate) fn engine(&self) -> Result<(PolicyKind, Option<Handoff>), SetupError> {
        if self.policy == PolicyKind::Sharded && self.handoff.is_some() {
            let reason = "--handoff is for the policies with a shared registry, and --policy is sharded: there the \
                          owning shard always writes";
            return Err(SetupError(reason.to_owned()));
        }
        Ok((self.policy, self.handoff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};

    #[test]
    fn a_handoff_is_for_a_shared_registry() {
        let engine = |arguments: &[&str]| {
            let command = PolicySettings::augment_args(Command::new("serve"))
                .mut_args(|arg| arg.env(clap::builder::Resettable::Reset))
                .no_binary_name(true);
            PolicySettings::from_arg_matches(&command.get_matches_from(arguments)).unwrap().engine()
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
