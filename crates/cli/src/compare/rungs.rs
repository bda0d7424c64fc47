//! What `--policies` names: policies, ways of running one, and lists of them.

use corecast_engine::PolicyKind;

use super::contestant::Started;

/// `docs/LADDER.md`, from the bottom up.
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

/// The contestants that a list names, in its order, each once.
pub(super) fn expand(names: &[String]) -> Vec<String> {
    let mut rungs: Vec<String> = Vec::new();
    for name in names {
        let of_name: Vec<&str> = match name.as_str() {
            "all" => PolicyKind::AVAILABLE.iter().map(|policy| policy.name()).collect(),
            "ladder" => LADDER.to_vec(),
            rung => vec![rung],
        };
        rungs.extend(of_name.into_iter().map(str::to_owned));
    }
    let mut seen = std::collections::HashSet::new();
    rungs.retain(|rung| seen.insert(rung.clone()));
    rungs
}

/// `POLICY[+owner][@SHARDS]` as a server to start. What is wrong with it shows when its flags are checked.
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

    #[test]
    fn a_list_names_each_contestant_once_and_the_ladder_has_every_policy() {
        let names = |text: &str| expand(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(names("mutex,sharded,mutex"), ["mutex", "sharded"]);
        let all = names("sharded,all");
        assert_eq!((all.len(), all[0].as_str()), (PolicyKind::AVAILABLE.len(), "sharded"));
        assert!(all.iter().all(|policy| LADDER.contains(&policy.as_str())), "{all:?}");
    }

    #[test]
    fn a_rung_is_a_policy_with_flags() {
        let specs = ["mutex", "mutex@1", "snapshot+owner", "mutex+owner@2"].map(|rung| started(rung).to_string());
        assert_eq!(specs, ["mutex", "mutex,shards=1", "snapshot,handoff=owner", "mutex,handoff=owner,shards=2"]);
    }
}
