//! The policies of each build of the binary: all of them, or `sharded` alone without the feature `baselines`.

use corecast_engine::PolicyKind;
use corecast_testkit::{Deadline, Process};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn help() -> String {
    let finished = Process::start(BINARY, ["serve", "--help"]).finish(Deadline::start());
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    String::from_utf8(finished.stdout).expect("UTF-8")
}

#[test]
fn the_help_names_the_policies_of_the_build_and_no_other() {
    let help = help();
    for policy in PolicyKind::ALL {
        let is_named = help.contains(policy.name());
        assert_eq!(is_named, PolicyKind::AVAILABLE.contains(policy), "{policy}: {help}");
    }
    assert_eq!(help.contains("--handoff"), cfg!(feature = "baselines"), "{help}");
}

#[test]
#[cfg(not(feature = "baselines"))]
fn a_policy_that_the_build_lacks_is_refused_with_the_way_to_have_it() {
    for policy in PolicyKind::ALL.iter().filter(|policy| **policy != PolicyKind::Sharded) {
        let refused = Process::start(BINARY, ["serve", "--policy", policy.name()]).finish(Deadline::start());
        let expected = format!("--policy {policy} has a shared registry, and this build has sharded alone");
        let complaint = refused.complaint(2);
        assert!(complaint.contains(&expected) && complaint.contains("--features baselines"), "{complaint}");
    }
    // As `corecast-bench compare --policies mutex+owner` starts a server.
    for (arguments, reason) in [
        (&["--policy", "mutex", "--handoff", "owner"][..], "--policy mutex has a shared registry"),
        (&["--handoff", "owner"], "--handoff is for the policies with a shared registry"),
    ] {
        let refused = Process::start(BINARY, [&["serve"], arguments].concat()).finish(Deadline::start());
        let complaint = refused.complaint(2);
        assert!(complaint.starts_with(reason) && complaint.contains("--features baselines"), "{complaint}");
    }
}

#[test]
#[cfg(not(feature = "baselines"))]
fn the_engine_refuses_a_policy_that_it_was_built_without() {
    let mut config = corecast_testkit::LocalServer::config(PolicyKind::Sharded, 1);
    config.policy = PolicyKind::Mutex;
    let error = corecast_engine::Server::start(&config).expect_err("no such policy").to_string();
    assert!(error.contains("the policy mutex") && error.contains("feature 'baselines'"), "{error}");
}
