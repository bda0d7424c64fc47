//! `corecast admin`: shows an administrator the state of a running server, and acts on it, over its Unix socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Finished, Peer, Process, ServerProcess, wait_until};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

struct Administered {
    server: ServerProcess,
    socket: PathBuf,
    _directory: TempDir,
}

impl Administered {
    fn start(shards: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let socket = directory.path().join("admin.sock");
        let server = ServerProcess::start(BINARY, &["--shards", shards, "--admin-socket", text(&socket)]);
        Self { server, socket, _directory: directory }
    }

    fn admin(&self, arguments: &[&str]) -> Finished {
        let arguments = ["admin", "--socket", text(&self.socket)].into_iter().chain(arguments.iter().copied());
        Process::start(BINARY, arguments).finish(Deadline::start())
    }

    /// Returns the lines of a command that succeeds, as JSON.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.admin(arguments);
        assert_eq!(finished.code, 0, "{finished:?}");
        let output = String::from_utf8(finished.stdout).expect("UTF-8");
        output.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Returns the server's name for this connection.
    fn name(&self, peer: &Peer) -> String {
        let address = peer.stream().local_addr().expect("it is connected").to_string();
        let mut name = None;
        wait_until(Deadline::start(), "the connection to be listed", || {
            let connections = self.lines(&["connections", "--json"]);
            let found = connections.iter().find(|line| line["peer"] == address.as_str());
            name = found.map(|line| line["connection"].as_str().expect("a name").to_owned());
            name.is_some()
        });
        name.expect("waited for")
    }

    fn subscriber(&self) -> Peer {
        let mut peer = Peer::connect_native(self.server.address(Protocol::Native));
        peer.subscribe("news");
        peer
    }

    /// Sends bytes over the socket without `corecast admin`. Returns the whole answer.
    fn say(&self, words: &[u8]) -> String {
        let mut client = self.silent();
        client.write_all(words).expect("it reads");
        answer(client)
    }

    /// Connects a client that has sent nothing.
    fn silent(&self) -> UnixStream {
        UnixStream::connect(&self.socket).expect("the server listens")
    }
}

/// Returns the whole answer to a client.
fn answer(mut client: UnixStream) -> String {
    client.set_read_timeout(Some(corecast_testkit::DEADLINE)).expect("a socket");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers, and ends");
    answer
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn status_counts_what_each_shard_has_done() {
    let server = Administered::start("2");
    let mut peers: Vec<_> = (0..8).map(|_| server.subscriber()).collect();
    let channel = ChannelName::new("news").expect("a valid name");
    peers[0].send_native(&Frame::Publish(Publish { channel, payload: b"x", ack: None, no_echo: false }));
    for peer in &mut peers {
        peer.expect_native(&Frame::Message { channel, payload: b"x" });
    }
    drop(peers.pop());
    wait_until(Deadline::start(), "one to have left", || server.lines(&["connections", "--json"]).len() == 7);
    let shards = server.lines(&["status", "--json"]);
    assert_eq!(shards.iter().map(|shard| shard["shard"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    for (field, expected) in [("connections", 7), ("accepted", 8), ("published", 1), ("deliveries", 8)] {
        let sum: u64 = shards.iter().map(|shard| shard[field].as_u64().expect("a count")).sum();
        assert_eq!(sum, expected, "{field}: {shards:?}");
    }
    let left: u64 = shards.iter().filter_map(|shard| shard["closed"]["normal"].as_u64()).sum();
    assert_eq!(left, 1, "{shards:?}");
    for shard in &shards {
        let pause = &shard["pause"];
        // How busy the machine is, is not ours to say; but a pause has a reason.
        let count = |field: &str| pause[field].as_u64().unwrap_or_else(|| panic!("{field} is a count: {pause}"));
        assert!(count("waited_per_mille") <= 1000, "{pause}");
        let is_contended = pause["contended"].as_bool().expect("a flag");
        assert!(!is_contended || count("contentions") > 0, "{pause}");
        let has_reason = count("contentions") > 0 || count("saturated_pauses") > 0;
        assert!(has_reason || count("paused_ms") == 0, "{pause}");
    }
    let table = String::from_utf8(server.admin(&["status"]).stdout).expect("UTF-8");
    assert!(table.starts_with("shard  connections  accepted") && table.lines().count() == 3, "{table}");
}

#[test]
fn close_ends_one_connection_with_a_reason_and_only_once() {
    let server = Administered::start("2");
    let (mut one, mut other) = (server.subscriber(), server.subscriber());
    let name = server.name(&one);
    assert_eq!(server.admin(&["close", &name, "--reason", "for maintenance"]).code, 0);
    one.read_native(|frame| {
        let Frame::Close(reason) = frame else { panic!("{frame:?}") };
        assert_eq!((reason.code, reason.text), (Code::Administrator.number(), "for maintenance"));
    });
    one.expect_end();
    drop(one);
    let journal = || server.lines(&["journal"]);
    wait_until(Deadline::start(), "the disconnect", || !journal().is_empty());
    assert_eq!((&journal()[0]["connection"], &journal()[0]["code"]), (&name.as_str().into(), &211.into()));
    let again = server.admin(&["close", &name]);
    assert!(again.complaint(1).contains(&name), "{again:?}");
    other.send_native(&Frame::Ping(b"there"));
    other.expect_native(&Frame::Pong(b"there"));
}

#[test]
fn a_reset_tells_nothing() {
    let server = Administered::start("1");
    let mut peer = server.subscriber();
    assert_eq!(server.admin(&["close", &server.name(&peer), "--reset"]).code, 0);
    peer.expect_end();
}

#[test]
fn a_reason_that_is_too_long_is_cut() {
    let server = Administered::start("1");
    let mut peer = server.subscriber();
    assert_eq!(server.admin(&["close", &server.name(&peer), "--reason", &"ü".repeat(5000)]).code, 0);
    peer.read_native(|frame| {
        let Frame::Close(reason) = frame else { panic!("{frame:?}") };
        assert_eq!(reason.text, "ü".repeat(127));
    });
}

#[test]
fn stop_ends_the_server_and_takes_the_socket_away() {
    let mut server = Administered::start("2");
    let mut peer = server.subscriber();
    assert_eq!(server.admin(&["stop"]).code, 0);
    peer.expect_refusal(Code::GoingAway);
    drop(peer);
    assert!(server.server.process.wait(Deadline::start()).success());
    assert!(!server.socket.exists());
    let finished = server.admin(&["status"]);
    assert!(finished.complaint(1).contains("no answer from a server"), "{finished:?}");
}

#[test]
fn the_socket_is_for_its_user_alone() {
    let server = Administered::start("1");
    let file = std::fs::symlink_metadata(&server.socket).expect("it is there");
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_socket_that_a_dead_server_left_is_replaced_and_anything_else_is_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("admin.sock");
    let refused = || {
        let arguments = ["serve", "--listen", "native://127.0.0.1:0", "--admin-socket", text(&socket)];
        Process::start(BINARY, arguments).finish(Deadline::start()).complaint(2).to_owned()
    };
    let listener = UnixListener::bind(&socket).expect("it is free");
    assert!(refused().contains("--admin-socket"), "somebody listens there");
    drop(listener);
    let server = ServerProcess::start(BINARY, &["--admin-socket", text(&socket)]);
    assert_eq!(server.stop().code, 0);
    std::fs::write(&socket, "a file of somebody's").expect("it is gone");
    let complaint = refused();
    assert!(complaint.contains("--admin-socket") && complaint.contains("not a socket"), "{complaint}");
    assert_eq!(std::fs::read(&socket).expect("it is still there"), b"a file of somebody's");
}

#[test]
fn what_is_no_request_is_answered_with_an_error_and_the_next_is_served() {
    let server = Administered::start("1");
    let endless = vec![b' '; 1 << 16];
    for words in ["\n", "\"explode\"\n", "{\"close\":{\"connection\":\"x\",\"reason\":\"\",\"reset\":true}}\n"] {
        let answer = server.say(words.as_bytes());
        assert!(answer.starts_with("{\"error\":") && answer.ends_with('\n'), "{answer}");
    }
    let mut client = UnixStream::connect(&server.socket).expect("the server listens");
    // The server may close while this is in flight.
    let _ = client.write_all(&endless);
    drop(client);
    assert_eq!(server.lines(&["status", "--json"]).len(), 1);
}

#[test]
fn a_request_that_is_too_large_or_invalid_or_not_the_only_one_is_answered_with_an_error() {
    let server = Administered::start("1");
    for (words, expected) in [
        (vec![b'x'; 5_000], "the request exceeds 4096 bytes"),
        (vec![b' '; 1 << 20], "the request exceeds 4096 bytes"),
        (b"\"status\"\n\"status\"\n".to_vec(), "only one request per connection"),
        (b"\"explode\"\n".to_vec(), "invalid request: unknown variant"),
        (b"\xff\x00\n".to_vec(), "invalid request: "),
    ] {
        let answer = server.say(&words);
        assert!(answer.starts_with(&format!("{{\"error\":\"{expected}")) && answer.ends_with("\"}\n"), "{answer}");
    }
}

#[test]
fn silent_clients_block_nobody_and_the_oldest_is_evicted() {
    let server = Administered::start("1");
    let mut silent: Vec<_> = (0..16).map(|_| server.silent()).collect();
    assert_eq!(server.lines(&["status", "--json"]).len(), 1);
    let said = answer(silent.remove(0));
    assert!(said.contains("evicted: this was the oldest of 16 clients without a request"), "{said}");
    silent.extend((0..100).map(|_| server.silent()));
    assert_eq!(server.lines(&["status", "--json"]).len(), 1);
    let mut last = silent.pop().expect("many");
    last.write_all(b"\"status\"\n").expect("it reads");
    let said = answer(last);
    assert!(said.starts_with("{\"status\":["), "the youngest keep their place: {said}");
}

#[test]
fn a_client_without_a_complete_request_is_told_so_and_closed() {
    let server = Administered::start("1");
    let mut client = server.silent();
    client.write_all(b"\"sta").expect("it reads");
    let said = answer(client);
    assert!(said.contains("no request within 5s"), "{said}");
}

#[test]
fn control_characters_of_a_reason_are_escaped_in_the_log_and_the_journal() {
    let mut server = Administered::start("1");
    let peer = server.subscriber();
    let reason = "a\nFAKE code=200\u{1b}[31m\u{9b}2J\u{202e}";
    assert_eq!(server.admin(&["close", &server.name(&peer), "--reason", reason]).code, 0);
    drop(peer);
    let line = server.server.process.error_line_with("disconnect", Deadline::start());
    assert!(line.contains(r#"reason="a\nFAKE code=200\u{1b}[31m\u{9b}2J\u{202e}""#), "{line}");
    assert!(!line.contains(char::is_control), "{line}");
    assert_eq!(server.lines(&["journal"])[0]["reason"], reason);
    let journal = String::from_utf8(server.admin(&["journal"]).stdout).expect("UTF-8");
    assert!(!journal.trim_end().contains(|character: char| character.is_control() || character == '\u{202e}'));
}

#[test]
fn a_long_reason_of_a_script_is_truncated_in_the_journal_too() {
    let server = Administered::start("1");
    let peer = server.subscriber();
    let close = serde_json::json!({ "close": { "connection": server.name(&peer), "reason": "x".repeat(3_000), "reset": false } });
    assert_eq!(server.say(format!("{close}\n").as_bytes()), "{\"close\":true}\n");
    drop(peer);
    wait_until(Deadline::start(), "the disconnect", || !server.lines(&["journal"]).is_empty());
    assert_eq!(server.lines(&["journal"])[0]["reason"].as_str().expect("text").len(), 255);
}

/// Another program may own the socket.
#[test]
fn the_reply_of_another_server_is_escaped() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("admin.sock");
    let listener = UnixListener::bind(&socket).expect("it is free");
    for (command, reply) in [
        (
            "connections",
            r#"{"connections":[{"connection":"a\nb\u001b[2J","peer":"","state":"","age_ms":0,"bytes_behind":0,"channels":0}]}"#,
        ),
        ("status", r#"{"error":"a\nb\u001b[2J"}"#),
    ] {
        let client = Process::start(BINARY, ["admin", "--socket", text(&socket), command]);
        let (mut asking, _) = listener.accept().expect("it connects");
        BufReader::new(&asking).read_line(&mut String::new()).expect("it asks");
        asking.write_all(reply.as_bytes()).expect("it reads");
        drop(asking);
        let finished = client.finish(Deadline::start());
        let said = String::from_utf8(finished.stdout).expect("UTF-8") + &finished.stderr;
        assert!(said.contains(r"b\u{1b}[2J") && !said.contains('\u{1b}'), "{said}");
    }
}

#[test]
fn the_socket_of_a_running_server_is_not_replaced() {
    let first = Administered::start("1");
    let arguments = ["serve", "--listen", "native://127.0.0.1:0", "--admin-socket", text(&first.socket)];
    let second = Process::start(BINARY, arguments).finish(Deadline::start());
    assert!(second.complaint(2).contains("--admin-socket"), "{second:?}");
    assert_eq!(first.lines(&["status", "--json"]).len(), 1);
}

#[test]
fn a_server_does_not_remove_the_socket_of_another() {
    let first = Administered::start("1");
    std::fs::remove_file(&first.socket).expect("it is there");
    let second = ServerProcess::start(BINARY, &["--admin-socket", text(&first.socket)]);
    assert_eq!(first.server.stop().code, 0);
    let status = Process::start(BINARY, ["admin", "--socket", text(&first.socket), "status"]);
    assert_eq!(status.finish(Deadline::start()).code, 0);
    assert_eq!(second.stop().code, 0);
    assert!(!first.socket.exists());
}

#[test]
fn without_a_socket_it_says_which_flag_is_missing() {
    let finished = Process::start(BINARY, ["admin", "status"]).finish(Deadline::start());
    assert!(finished.complaint(2).contains("--socket"), "{finished:?}");
}
