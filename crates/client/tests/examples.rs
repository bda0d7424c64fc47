//! The examples do what they claim, against a server.
#![allow(clippy::unwrap_used)]

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{Deadline, LocalServer, Process};
use std::path::PathBuf;

/// Starts an example with the address of a server and these arguments. Returns none if it was not built.
fn start(name: &str, server: &LocalServer, arguments: &[&str]) -> Option<Process> {
    let program = program(name);
    if !program.exists() {
        eprintln!("skipped: {} is not there; cargo test without --test builds it", program.display());
        return None;
    }
    let address = server.address(Protocol::Native).to_string();
    Some(Process::start(program, [&[address.as_str()], arguments].concat()))
}

/// Returns the path of an example. Examples are built beside the folder of the tests.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(|folder| folder.parent()).unwrap().join("examples").join(name)
}

fn server() -> LocalServer {
    LocalServer::start(LocalServer::config(PolicyKind::Sharded, 1))
}

#[test]
fn what_publish_sends_subscribe_prints() {
    let server = server();
    let deadline = Deadline::start();
    let Some(mut subscriber) = start("subscribe", &server, &["numbers", "letters"]) else { return };
    for channel in ["numbers", "letters"] {
        subscriber.error_line_with(&format!("subscribed to {channel}"), deadline);
    }
    let Some(mut publisher) = start("publish", &server, &["numbers"]) else { return };
    publisher.write(b"1\n2\n3\n");
    publisher.close_stdin();
    assert_eq!(publisher.text_line(deadline).unwrap(), "3 messages accepted");
    assert_eq!(publisher.finish(deadline).code, 0);
    for number in 1..=3 {
        assert_eq!(subscriber.text_line(deadline).unwrap(), format!("numbers: {number}"));
    }
}

#[test]
fn two_who_chat_hear_each_other() {
    let server = server();
    let deadline = Deadline::start();
    let Some(mut alice) = start("chat", &server, &["lobby", "alice"]) else { return };
    let Some(mut bob) = start("chat", &server, &["lobby", "bob"]) else { return };
    for process in [&mut alice, &mut bob] {
        assert!(process.text_line(deadline).unwrap().starts_with("you are in lobby"));
    }
    alice.write(b"hello bob\n");
    assert_eq!(bob.text_line(deadline).unwrap(), "alice: hello bob");
    bob.write(b"hello alice\n");
    assert_eq!(alice.text_line(deadline).unwrap(), "bob: hello alice");
    for process in [&mut alice, &mut bob] {
        process.close_stdin();
    }
    assert_eq!((alice.finish(deadline).code, bob.finish(deadline).code), (0, 0));
}

#[test]
fn without_arguments_the_usage_is_told() {
    for name in ["publish", "subscribe", "chat"] {
        if !program(name).exists() {
            eprintln!("skipped: {name} is not built; cargo test without --test builds it");
            continue;
        }
        let finished = Process::start(program(name), [] as [&str; 0]).finish(Deadline::start());
        assert!(finished.code != 0 && finished.stderr.contains("usage:"), "{finished:?}");
    }
}
