//! The journal of `corecast serve`: the connections that have left.

use std::path::Path;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, ServerProcess, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Makes one connection that subscribes and leaves. Returns its address.
fn visit(server: &ServerProcess) -> String {
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("lobby");
    peer.shutdown();
    peer.expect_refusal(corecast_wire::Code::Normal);
    peer.stream().local_addr().expect("it was connected").to_string()
}

#[test]
fn a_disconnect_is_a_line_with_fields() {
    let mut server = ServerProcess::start(BINARY, &["--log-format", "json"]);
    let peer = visit(&server);
    let event = event(&server.process.error_line_with("disconnect", Deadline::start()));
    let fields = &event;
    assert_eq!((&fields["peer"], &fields["code"], &fields["channels"]), (&peer.into(), &200.into(), &1.into()));
    for field in ["connection", "age_ms", "name", "reason", "bytes_behind"] {
        assert!(!fields[field].is_null(), "{field}: {event}");
    }
}

#[test]
fn disconnects_over_the_limit_are_counted_in_one_line() {
    const VISITS: u64 = 30;
    let arguments = ["--log-format", "json", "--disconnect-lines", "2", "--shards", "1"];
    let mut server = ServerProcess::start(BINARY, &arguments);
    for _ in 0..VISITS {
        visit(&server);
    }
    let (mut told, mut left_out) = (0, 0);
    while told + left_out < VISITS {
        let event = event(&server.process.error_line_with("disconnect", Deadline::start()));
        match &event["left_out"] {
            Value::Null => told += 1,
            count => left_out += count.as_u64().expect("a count"),
        }
    }
    assert!(told >= 2 && left_out > 0, "{told} told, {left_out} left out");
    assert_eq!(told + left_out, VISITS);
}

fn journal_in(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).map(|text| text.lines().map(event).collect()).unwrap_or_default()
}

#[test]
fn sigusr1_replaces_the_journal_file_and_does_not_end_the_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("journal.jsonl");
    let file = path.to_str().expect("UTF-8");
    let server = ServerProcess::start(BINARY, &["--journal", file, "--disconnect-lines", "0"]);
    for visits in 1..=2 {
        let peer = visit(&server);
        wait_until(Deadline::start(), "the journal to have the last visit", || {
            server.process.signal(Signal::USR1);
            journal_in(&path).len() == visits
        });
        let last = journal_in(&path).pop().expect("waited for");
        assert_eq!((&last["peer"], &last["code"], &last["name"]), (&peer.into(), &200.into(), &"normal".into()));
        assert_eq!((&last["channels"], &last["bytes_behind"]), (&1.into(), &0.into()));
        assert!(last["at_unix_ms"].as_u64() > Some(0), "{last}");
    }
    assert_eq!(server.stop().code, 0);
}

#[test]
fn without_a_file_the_journal_goes_to_standard_error() {
    let mut server = ServerProcess::start(BINARY, &["--disconnect-lines", "0"]);
    let peer = visit(&server);
    // The server may record the disconnect after the client has seen the end.
    while !server.process.error_line_with("", Deadline::start()).contains(&format!("\"peer\":\"{peer}\"")) {
        server.process.signal(Signal::USR1);
    }
}

#[test]
fn the_journal_changes_no_other_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (link, path, other) =
        (directory.path().join("link"), directory.path().join("journal"), directory.path().join("journal.part"));
    std::fs::write(&other, "another program's").expect("a writable file");
    std::fs::write(&path, "what was there before").expect("a writable file");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let mut server = ServerProcess::start(BINARY, &["--journal", link.to_str().expect("UTF-8")]);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"what was there before", "until there is a journal");
    server.process.signal(Signal::USR1);
    server.process.error_line_with("journal written", Deadline::start());
    assert_eq!(std::fs::read(&path).expect("it is there"), b"", "the link leads to it");
    assert!(std::fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(server.stop().code, 0);
    assert_eq!(std::fs::read(&other).expect("it is still there"), b"another program's");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a folder").count(), 3, "and nothing is left behind");
}
