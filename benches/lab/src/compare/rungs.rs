//! The names in `--policies`: policies, variants of them, and lists of both.

use super::contestant::Started;

/// Every policy of `corecast serve`.
const POLICIES: [&str; 8] = [
    "sharded",
    "mutex",
    "snapshot",
    "subjector-spin",
    "subjector-mutex",
    "subjector-portal",
    "subjector-alone",
    "subjector-channel",
];

/// The rungs of `docs/LADDER.md`, from the bottom up.
const LADDER: [&str; 11] = [
    "mutex@1",
    "mutex",
    "mutex+owner",
    "snapshot",
    "snapshot+owner",
    "subjector-spin",
    "subjector-mutex",
    "subjector-portal",
    "subjector-alone",
    "subjector-channel",
    "sharded",
];

/// Returns the contestants that a list names, in its order, each once.
pub(super) fn expand(names: &[String]) -> Vec<String> {
    let mut rungs: Vec<String> = Vec::new();
    for name in names {
        let of_name: Vec<&str> = match name.as_str() {
            "all" => POLICIES.to_vec(),
            "ladder" => LADDER.to_vec(),
            rung => vec![rung],
        };
        rungs.extend(of_name.into_iter().map(str::to_owned));
    }
    let mut seen = std::collections::HashSet::new();
    rungs.retain(|rung| seen.insert(rung.clone()));
    rungs
}

/// Parses `POLICY[+owner][@SHARDS]` as a server to start. An error in it shows when its flags are checked.
pub(super) fn started(rung: &str) -> Started {
    let (rung, shards) = rung.split_once('@').map_or((rung, None), |(rung, shards)| (rung, Some(shards)));
    let (policy, handoff) = rung.split_once('+').map_or((rung, None), |(policy, handoff)| (policy, Some(handoff)));
    let flags = [("handoff", handoff), ("shards", shards)];
    let flags = flags.into_iter().filter_map(|(flag, value)| Some((flag.to_owned(), value?.to_owned())));
    Started::new(policy, flags.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use corecast_engine::PolicyKind;

    #[test]
    fn all_names_every_policy_of_the_server() {
        let served = PolicyKind::ALL.iter().map(|policy| policy.name()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(std::collections::BTreeSet::from(POLICIES), served);
    }

    #[test]
    fn a_list_names_each_contestant_once_and_the_ladder_has_every_policy() {
        let names = |text: &str| expand(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(names("mutex,sharded,mutex"), ["mutex", "sharded"]);
        let all = names("sharded,all");
        assert_eq!((all.len(), all[0].as_str()), (POLICIES.len(), "sharded"));
        assert!(all.iter().all(|policy| LADDER.contains(&policy.as_str())), "{all:?}");
    }

    #[test]
    fn a_rung_is_a_policy_with_flags() {
        let specs = ["mutex", "mutex@1", "snapshot+owner", "mutex+owner@2"].map(|rung| started(rung).to_string());
        assert_eq!(specs, ["mutex", "mutex,shards=1", "snapshot,handoff=owner", "mutex,handoff=owner,shards=2"]);
    }
}
