//! The help exists, and contains what a user needs to know.

use corecast_testkit::{Deadline, Process};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn help(arguments: &[&str]) -> String {
    let finished = Process::start(BINARY, arguments).finish(Deadline::start());
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{arguments:?}");
    String::from_utf8(finished.stdout).expect("UTF-8")
}

#[test]
fn every_subcommand_has_help() {
    let overview = help(&["--help"]);
    for subcommand in ["serve", "pub", "sub", "admin", "doctor"] {
        assert!(overview.lines().any(|line| line.trim_start().starts_with(subcommand)), "{overview}");
        let help = help(&[subcommand, "--help"]);
        assert!(help.contains("Usage: corecast ") && !help.contains('`'), "{subcommand}: {help}");
    }
    assert!(overview.contains("Exit codes: 0"), "{overview}");
}

#[test]
fn the_help_of_serve_has_defaults_variables_and_examples() {
    let serve = help(&["serve", "--help"]);
    for part in ["[default: native://127.0.0.1:7070]", "[default: 1MiB]", "[env: CORECAST_LOG_BYTES=]", "Examples:"] {
        assert!(serve.contains(part), "{part}");
    }
}

#[test]
fn the_version_is_printed() {
    let commit = option_env!("CORECAST_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    assert_eq!(help(&["--version"]), format!("corecast {}{commit}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_subcommand_there_is_help_and_exit_code_2() {
    let finished = Process::start(BINARY, [""; 0]).finish(Deadline::start());
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("Usage: corecast"), "{}", finished.stderr);
}
