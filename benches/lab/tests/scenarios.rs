//! `corecast-bench scenarios`: the list, and the files.

use corecast_testkit::{Deadline, Finished, Process};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

fn scenarios(arguments: &[&str]) -> Finished {
    Process::start(BINARY, [&["scenarios"], arguments].concat()).finish(Deadline::start())
}

#[test]
fn scenarios_are_listed_one_a_line() {
    let finished = scenarios(&[]);
    let list = String::from_utf8(finished.stdout).expect("UTF-8");
    let names: Vec<&str> = list.lines().map(|line| line.split_once(' ').expect("a summary").0).collect();
    let expected = [
        "light", "sparse", "paced", "overload", "saturate", "ramp", "curve", "large", "channels", "churn", "stall",
        "hostile", "storm", "idle",
    ];
    assert_eq!((finished.code, names.as_slice()), (0, &expected[..]));
}

#[test]
fn the_file_of_a_scenario_can_be_run_as_ones_own() {
    let finished = scenarios(&["storm"]);
    let text = String::from_utf8(finished.stdout).expect("UTF-8");
    assert!(finished.code == 0 && text.contains("\n[storm]\nat_percent = 50\n"), "{text}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("own.toml");
    std::fs::write(&file, text).expect("a writable file");
    let arguments = ["run", "--address", "127.0.0.1:1", "--scenario", file.to_str().expect("UTF-8")];
    let unreachable = Process::start(BINARY, arguments).finish(Deadline::start());
    assert!(unreachable.complaint(2).starts_with("connecting to 127.0.0.1:1: "), "{unreachable:?}");
}

#[test]
fn a_name_that_is_none_is_told_what_there_is() {
    let refused = scenarios(&["quick"]);
    assert!(
        refused.complaint(2).starts_with("unknown scenario 'quick'; expected one of light, sparse, "),
        "{refused:?}"
    );
}
