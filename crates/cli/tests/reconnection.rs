//! `corecast sub --reconnect` outlives its server.

use std::net::SocketAddr;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Process, ServerProcess};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn server(address: &str) -> ServerProcess {
    ServerProcess::start(BINARY, &["--listen", &format!("native://{address}")])
}

fn subscriber(address: SocketAddr, arguments: &[&str]) -> Process {
    let address = address.to_string();
    let mut subscriber = Process::start(BINARY, [&["sub", "--address", &address, "lobby"], arguments].concat());
    subscriber.error_line_with("subscribed lobby", Deadline::start());
    subscriber
}

fn publish(address: SocketAddr, message: &str) {
    let address = address.to_string();
    let finished =
        Process::start(BINARY, ["pub", "--address", &address, "lobby", "-m", message]).finish(Deadline::start());
    assert_eq!(finished.code, 0, "{finished:?}");
}

#[test]
fn a_subscriber_goes_on_when_its_server_was_killed_and_started_again() {
    let mut first = server("127.0.0.1:0");
    let address = first.address(Protocol::Native);
    let mut subscriber = subscriber(address, &["--reconnect", "--json", "--count", "2"]);
    publish(address, "before");
    assert_eq!(subscriber.text_line(Deadline::start()).unwrap(), r#"{"channel":"lobby","payload":"before"}"#);
    first.process.signal(Signal::KILL);
    first.process.wait(Deadline::start());
    let note = subscriber.error_line_with("connecting again after", Deadline::start());
    assert!(note.starts_with("corecast: the connection "), "{note}");
    let second = server(&address.to_string());
    subscriber.error_line_with("connected again; messages may be missing", Deadline::start());
    subscriber.error_line_with("subscribed lobby", Deadline::start());
    publish(address, "behind");
    assert!(subscriber.text_line(Deadline::start()).unwrap().starts_with(r#"{"reconnected":"#));
    assert_eq!(subscriber.text_line(Deadline::start()).unwrap(), r#"{"channel":"lobby","payload":"behind"}"#);
    assert_eq!(subscriber.finish(Deadline::start()).code, 0);
    second.stop();
}

#[test]
fn the_delay_that_a_stopping_server_suggests_is_told() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0", "--reconnect-spread", "3600s"]);
    let mut subscriber = subscriber(server.address(Protocol::Native), &["--reconnect"]);
    server.stop();
    let note = subscriber.error_line_with("connecting again after", Deadline::start());
    assert!(note.contains("201 going_away"), "{note}");
}

#[test]
fn without_the_flag_the_end_of_the_server_ends_the_subscriber() {
    let mut server = server("127.0.0.1:0");
    let subscriber = subscriber(server.address(Protocol::Native), &[]);
    server.process.signal(Signal::KILL);
    server.process.wait(Deadline::start());
    let finished = subscriber.finish(Deadline::start());
    assert!(finished.complaint(1).starts_with("the connection "), "{finished:?}");
}
