//! The help exists, and contains what a user needs to know.

use corecast_testkit::{Deadline, Process};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

fn help(arguments: &[&str]) -> String {
    let finished = Process::start(BINARY, arguments).finish(Deadline::start());
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{arguments:?}");
    String::from_utf8(finished.stdout).expect("UTF-8")
}

#[test]
fn every_subcommand_has_help_with_examples() {
    let overview = help(&["--help"]);
    for subcommand in ["run", "compare", "report", "scenarios"] {
        assert!(overview.lines().any(|line| line.trim_start().starts_with(subcommand)), "{overview}");
        let help = help(&[subcommand, "--help"]);
        assert!(help.contains("Usage: corecast-bench ") && !help.contains('`'), "{subcommand}: {help}");
        assert!(help.contains(&format!("Examples:\n    corecast-bench {subcommand}")), "{subcommand}: {help}");
    }
    assert!(overview.contains("Exit codes: 0"), "{overview}");
}

#[test]
fn the_version_is_printed() {
    let version = help(&["--version"]);
    assert!(version.starts_with(&format!("corecast-bench {}", env!("CARGO_PKG_VERSION"))), "{version}");
}
