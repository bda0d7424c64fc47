//! The sources of a setting (flag before variable before file before default), and the one-line errors of invalid
//! settings.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use corecast_testkit::{Deadline, Process, ServerProcess};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// Runs a command that must refuse before it does anything. Returns its error message.
#[track_caller]
fn refused(command: Command) -> String {
    Process::spawn(command).finish(Deadline::start()).complaint(2).to_owned()
}

/// A configuration file in its own directory.
struct File {
    _directory: TempDir,
    path: PathBuf,
}

impl File {
    fn with(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("server.toml");
        fs::write(&path, text).expect("a writable file");
        Self { _directory: directory, path }
    }

    /// Returns a `corecast serve` command that reads the file.
    fn serve(&self) -> Command {
        let mut command = Process::command(BINARY);
        command.arg("serve").arg("--config").arg(&self.path);
        command
    }

    /// Returns the message with which a server refuses the file, from the file's name on.
    fn complaint(&self) -> String {
        let line = refused(self.serve());
        let name = line.find("server.toml").unwrap_or_else(|| panic!("'{line}' names no file"));
        line[name..].to_owned()
    }
}

/// Returns the log line with which a server starts, as JSON text.
fn start_line(command: Command) -> String {
    let mut server = ServerProcess::spawn(command, 1);
    let line = server.process.error_line_with("serving", Deadline::start());
    assert_eq!(server.stop().code, 0);
    line
}

#[track_caller]
fn holds(line: &str, part: &str) {
    assert!(line.contains(part), "no {part} in {line}");
}

const FILE: &str = r#"
# Each of these is a flag of the same name.
listen = ["native://127.0.0.1:0"]
policy = "mutex"
shards = 3
log_format = "json"
"#;

#[test]
fn a_file_beats_the_defaults() {
    let line = start_line(File::with(FILE).serve());
    holds(&line, r#""policy":"mutex""#);
    holds(&line, r#""shards":3"#);
}

#[test]
fn a_variable_beats_the_file() {
    let file = File::with(FILE);
    let mut command = file.serve();
    command.env("CORECAST_POLICY", "snapshot");
    let line = start_line(command);
    holds(&line, r#""policy":"snapshot""#);
    holds(&line, r#""shards":3"#);
}

#[test]
fn a_flag_beats_the_variable_and_the_file() {
    let file = File::with(FILE);
    let mut command = file.serve();
    command.env("CORECAST_POLICY", "snapshot").env("CORECAST_SHARDS", "1").args(["--policy", "sharded"]);
    let line = start_line(command);
    holds(&line, r#""policy":"sharded""#);
    holds(&line, r#""shards":1"#);
}

#[test]
fn limits_that_do_not_meet_are_told_at_the_start() {
    let arguments = ["--max-frame-native", "32MiB", "--log-bytes", "300MiB", "--idle-timeout", "500ms"];
    let mut server = ServerProcess::start(BINARY, &arguments);
    for parts in [
        ["WARN", "--max-frame-native 32MiB", "--max-frame"],
        ["WARN", "--log-bytes 300MiB", "--shard-log-bytes 256MiB"],
        ["WARN", "--idle-timeout 500ms", "1s"],
    ] {
        let line = server.process.error_line_with(parts[1], Deadline::start());
        for part in parts {
            holds(&line, part);
        }
    }
    assert_eq!(server.stop().code, 0);
}

#[test]
fn the_file_can_come_from_a_variable() {
    let file = File::with(FILE);
    let mut command = Process::command(BINARY);
    command.arg("serve").env("CORECAST_CONFIG", &file.path);
    holds(&start_line(command), r#""policy":"mutex""#);
}

#[test]
fn listeners_of_a_flag_replace_those_of_the_file() {
    let file = File::with(FILE);
    let mut command = file.serve();
    command.args(["--listen", "plain://127.0.0.1:0/lobby", "--listen", "plain://[::1]:0"]);
    let server = ServerProcess::spawn(command, 2);
    let protocols: Vec<String> = server.listeners().iter().map(|listener| listener.0.to_string()).collect();
    assert_eq!(protocols, ["plain", "plain"]);
    assert!(server.listeners()[1].1.is_ipv6());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let complaint = File::with("shards = 1\n\n[limits]\nlog_bytes = 1\n").complaint();
    assert!(complaint.starts_with("server.toml:3: limits: unknown key; known are listen, "), "{complaint}");
}

#[test]
fn the_file_cannot_name_another_file() {
    let complaint = File::with("config = \"other.toml\"\n").complaint();
    assert!(complaint.starts_with("server.toml:1: config: unknown key"), "{complaint}");
}

#[test]
fn a_bad_value_is_named_with_its_line_and_key() {
    for (text, expected) in [
        ("shards = 1\nlog_bytes = \"4 megs\"", "server.toml:2: log_bytes: invalid size '4 megs'"),
        ("shards = 0", "server.toml:1: shards: '0'"),
        ("shards = true", "server.toml:1: shards: a boolean stands where"),
        ("shards = [1, 2]", "server.toml:1: shards: takes one value, and here are 2"),
        (
            "\npolicy = \"swift\"",
            "server.toml:2: policy: unknown value 'swift'; expected one of sharded, mutex, snapshot",
        ),
        ("listen = [\n  \"native://127.0.0.1:0\",\n  \"plain:7000\",\n]", "server.toml:1: listen: 'plain:7000'"),
        ("max_frame_native = \"1KiB\"\nmax_frame_plain = 1", "server.toml:2: max_frame_plain: '1': 1B is not between"),
    ] {
        let complaint = File::with(text).complaint();
        assert!(complaint.starts_with(expected), "{text}\n{complaint}");
    }
}

#[test]
fn what_is_no_toml_is_named_with_its_line_and_key() {
    let complaint = File::with("shards = 1\npolicy = sharded\n").complaint();
    assert!(complaint.starts_with("server.toml:2: policy: "), "{complaint}");
    let complaint = File::with("shards = 1\nshards = 2\n").complaint();
    assert!(complaint.starts_with("server.toml:2: shards: "), "{complaint}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let mut command = Process::command(BINARY);
    command.args(["serve", "--config", "no-such-file.toml"]);
    let line = refused(command);
    assert!(line.contains("no-such-file.toml: cannot read"), "{line}");
}

#[test]
fn a_bad_flag_is_named() {
    for (arguments, expected) in [
        (&["serve", "--shrads", "2"][..], "'--shrads' found; tip: a similar argument exists: '--shards'"),
        (&["serve", "--shards", "two"], "--shards: 'two'"),
        (&["serve", "--shards=0"], "--shards: '0'"),
        (&["serve", "--policy", "swift"], "--policy: unknown value 'swift'; expected one of sharded, mutex, snapshot"),
        (&["serve", "--log-bytes", "1.5MiB"], "--log-bytes: invalid size '1.5MiB'"),
        (&["serve", "--log-bytes", "1KiB"], "--log-bytes 1KiB holds no frame of 1MiB"),
        (&["serve", "--cpus", "0,x"], "--cpus: invalid CPU list 'x'"),
        (&["serve", "--cpus", "1023"], "--cpus: CPU 1023 is not allowed"),
        (&["serve", "--listen", "native://127.0.0.1:0/lobby"], "'/lobby'"),
        (&["serve", "--listen", "native://127.0.0.1:1,plain://127.0.0.1:1"], "two listeners on 127.0.0.1:1"),
        (&["serve", "--listen"], "--listen"),
        (&["serve", "stray"], "'stray'"),
        (&["frobnicate"], "'frobnicate'"),
        (&["sub"], "<CHANNEL>"),
        (&["sub", "--count", "0", "lobby"], "--count: '0'"),
    ] {
        let mut command = Process::command(BINARY);
        command.args(arguments);
        let line = refused(command);
        assert!(line.contains(expected), "{arguments:?}: {line}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    let mut command = Process::command(BINARY);
    command.arg("serve").env("CORECAST_SHARDS", "many");
    let line = refused(command);
    assert!(line.contains("CORECAST_SHARDS: 'many'"), "{line}");
}
