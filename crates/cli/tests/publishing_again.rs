//! `corecast pub --reconnect` outlives its server, and says what became of every message.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use corecast_engine::Protocol;
use corecast_testkit::{DEADLINE, Deadline, Finished, Peer, Process, ServerProcess, wait_until};
use corecast_wire::native::{Frame, Publish, Reason, VERSION};
use corecast_wire::{ChannelName, Code};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn server(address: &str) -> ServerProcess {
    ServerProcess::start(BINARY, &["--listen", &format!("native://{address}"), "--reconnect-spread", "1ms"])
}

fn publisher(address: SocketAddr, arguments: &[&str]) -> Process {
    Process::start(BINARY, [&["pub", "--address", &address.to_string(), "--reconnect", "lobby"], arguments].concat())
}

/// A subscriber that ends after so many messages.
fn subscriber(address: SocketAddr, count: &str) -> Process {
    let mut subscriber = Process::start(BINARY, ["sub", "--address", &address.to_string(), "--count", count, "lobby"]);
    subscriber.error_line_with("subscribed lobby", Deadline::start());
    subscriber
}

/// The lines on standard error of a publisher that ended with this exit code.
fn notes(finished: &Finished, code: i32) -> Vec<&str> {
    assert_eq!((finished.code, finished.stdout.len()), (code, 0), "{finished:?}");
    finished.stderr.lines().map(|line| line.strip_prefix("corecast: ").expect("the program's name")).collect()
}

#[test]
fn lines_that_come_while_the_server_is_away_arrive_when_it_is_back() {
    let first = server("127.0.0.1:0");
    let address = first.address(Protocol::Native);
    let mut publisher = publisher(address, &[]);
    let before = subscriber(address, "1");
    publisher.write(b"before\n");
    assert_eq!(before.finish(Deadline::start()).stdout, b"before\n");
    // A server that stops in order acknowledges what it has accepted.
    first.stop();
    let note = publisher.error_line_with("connecting again after 0 ms", Deadline::start());
    assert!(note.contains("201 going_away"), "{note}");
    publisher.write(b"while away\nwhile away, too\n");
    // It must not be back before there is a subscriber.
    publisher.suspend(Deadline::start());
    let second = server(&address.to_string());
    let subscriber = subscriber(address, "3");
    publisher.signal(Signal::CONT);
    publisher.error_line_with("connected again", Deadline::start());
    publisher.write(b"behind\n");
    assert_eq!(subscriber.finish(Deadline::start()).stdout, b"while away\nwhile away, too\nbehind\n");
    assert_eq!(notes(&publisher.finish(Deadline::start()), 0), [""; 0]);
    second.stop();
}

#[test]
fn a_publisher_goes_on_when_its_server_was_killed_and_started_again() {
    let mut first = server("127.0.0.1:0");
    let address = first.address(Protocol::Native);
    let mut publisher = publisher(address, &[]);
    let before = subscriber(address, "1");
    publisher.write(b"before\n");
    before.finish(Deadline::start());
    first.process.signal(Signal::KILL);
    first.process.wait(Deadline::start());
    let note = publisher.error_line_with("connecting again after", Deadline::start());
    assert!(note.starts_with("corecast: the connection "), "{note}");
    let second = server(&address.to_string());
    publisher.error_line_with("connected again", Deadline::start());
    let behind = subscriber(address, "1");
    publisher.write(b"behind\n");
    assert_eq!(behind.finish(Deadline::start()).stdout, b"behind\n");
    second.stop();
}

#[test]
fn the_delay_that_a_stopping_server_suggests_is_told() {
    let flags = ["--listen", "native://127.0.0.1:0", "--reconnect-spread", "3600s"];
    let server = ServerProcess::start(BINARY, &flags);
    let address = server.address(Protocol::Native);
    let mut publisher = publisher(address, &[]);
    // The publisher is connected once a message of it has come.
    let subscriber = subscriber(address, "1");
    publisher.write(b"one\n");
    subscriber.finish(Deadline::start());
    server.stop();
    let note = publisher.error_line_with("connecting again after", Deadline::start());
    assert!(note.contains("201 going_away"), "{note}");
}

#[test]
fn an_input_that_ends_with_everything_accepted_needs_no_connection() {
    let server = server("127.0.0.1:0");
    let address = server.address(Protocol::Native);
    let mut publisher = publisher(address, &[]);
    let subscriber = subscriber(address, "1");
    publisher.write(b"one\n");
    subscriber.finish(Deadline::start());
    server.stop();
    publisher.error_line_with("connecting again", Deadline::start());
    assert_eq!(notes(&publisher.finish(Deadline::start()), 0), [""; 0]);
}

/// A server whose frames the test sends.
struct Script {
    listener: TcpListener,
}

impl Script {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        Self { listener }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// The next connection, behind HELLO and WELCOME.
    fn accept(&self) -> Peer {
        let mut stream = None;
        wait_until(Deadline::start(), "a connection", || {
            stream = self.listener.accept().ok();
            stream.is_some()
        });
        let mut peer = Peer::over(stream.expect("waited for").0);
        peer.expect_native(&Frame::Hello { version: VERSION });
        peer.send_native(&Frame::Welcome { version: VERSION, max_frame: 16 * 1024 * 1024 });
        peer
    }
}

fn expect_message(peer: &mut Peer, token: u32, payload: &[u8]) {
    let channel = ChannelName::new("lobby").expect("a valid name");
    peer.expect_native(&Frame::Publish(Publish { channel, payload, ack: Some(token), no_echo: false }));
}

/// Reads a message, whatever its token, acknowledges it, and returns its payload.
fn accept_message(peer: &mut Peer) -> Vec<u8> {
    let (token, payload) = peer.read_native(|frame| match frame {
        Frame::Publish(Publish { ack: Some(token), payload, .. }) => (*token, payload.to_vec()),
        other => panic!("{other:?} is no message to acknowledge"),
    });
    peer.send_native(&Frame::Published { token });
    payload
}

/// Answers CLOSE.
fn close(mut peer: Peer) {
    peer.expect_native(&Frame::Close(Reason::new(Code::Normal, "")));
    peer.send_native(&Frame::Close(Reason::new(Code::Normal, "")));
}

/// Ends a connection on which one of three messages was acknowledged, and returns the publisher and the next connection.
fn interrupted(script: &Script, arguments: &[&str]) -> (Process, Peer) {
    let mut publisher = publisher(script.address(), arguments);
    let mut peer = script.accept();
    publisher.write(b"one\ntwo\nthree\n");
    for (token, payload) in [(1, "one"), (2, "two"), (3, "three")] {
        expect_message(&mut peer, token, payload.as_bytes());
    }
    peer.send_native(&Frame::Published { token: 1 });
    drop(peer);
    publisher.error_line_with("connecting again after", Deadline::start());
    publisher.write(b"four\n");
    (publisher, script.accept())
}

#[test]
fn messages_without_acknowledgement_are_counted_and_not_sent_again() {
    let script = Script::at("127.0.0.1:0");
    let (mut publisher, mut peer) = interrupted(&script, &[]);
    publisher.error_line_with("2 messages were not acknowledged and may be lost", Deadline::start());
    assert_eq!(accept_message(&mut peer), b"four");
    publisher.close_stdin();
    close(peer);
    let finished = publisher.finish(Deadline::start());
    assert_eq!(
        notes(&finished, 1),
        [
            "connected again",
            "a connection ended before the server acknowledged all messages: at least 2 of 4 were accepted"
        ]
    );
}

#[test]
fn messages_without_acknowledgement_are_sent_again_in_their_order_if_asked_to() {
    for ack in [&[][..], &["--ack"]] {
        let script = Script::at("127.0.0.1:0");
        let (mut publisher, mut peer) = interrupted(&script, &[&["--resend"], ack].concat());
        for payload in ["two", "three", "four"] {
            assert_eq!(accept_message(&mut peer), payload.as_bytes());
        }
        publisher.close_stdin();
        close(peer);
        let finished = publisher.finish(Deadline::start());
        assert_eq!(notes(&finished, 0), ["connected again; 2 messages sent again, which subscribers may get twice"]);
    }
}

/// The kernel does not take all of it: the server cannot have accepted it.
#[test]
fn a_message_that_was_not_sent_whole_is_sent_over_the_next_connection() {
    let script = Script::at("127.0.0.1:0");
    let mut publisher = publisher(script.address(), &["--timeout", "60s"]);
    let mut peer = script.accept();
    publisher.write(b"one\n");
    assert_eq!(accept_message(&mut peer), b"one");
    let long = vec![b'x'; 15 * 1024 * 1024];
    publisher.write(&[&long, &b"\n"[..]].concat());
    peer.stream().set_read_timeout(Some(DEADLINE)).expect("a read timeout");
    assert_eq!(peer.stream().peek(&mut [0]).expect("the start of the message"), 1);
    drop(peer);
    let mut peer = script.accept();
    assert!(accept_message(&mut peer) == long);
    publisher.close_stdin();
    close(peer);
    let finished = publisher.finish(Deadline::start());
    let notes = notes(&finished, 0);
    assert_eq!((notes.len(), notes[1]), (2, "connected again"), "{notes:?}");
}

/// The buffer and the pipe hold an eighth of the input.
#[test]
fn an_input_over_the_buffer_waits_and_nothing_of_it_is_lost() {
    const BUFFER: usize = 64 * 1024;
    let script = Script::at("127.0.0.1:0");
    let address = script.address();
    let mut publisher = publisher(address, &["--buffer", "64KiB"]);
    drop(script.accept());
    drop(script);
    publisher.error_line_with("connecting again after", Deadline::start());
    let count = 16 * BUFFER / 16;
    let (held, all_held) = mpsc::channel();
    let writing = std::thread::spawn(move || {
        let lines: Vec<u8> = (0..count).flat_map(|number| format!("{number:015}\n").into_bytes()).collect();
        // A pipe holds 64 KiB: the publisher has read the rest of this, without a connection.
        let (before, behind) = lines.split_at(2 * BUFFER);
        publisher.write(before);
        held.send(()).expect("the test waits");
        publisher.write(behind);
        publisher
    });
    all_held.recv_timeout(DEADLINE).expect("the publisher reads without a connection");
    let script = Script::at(&address.to_string());
    let mut peer = script.accept();
    for number in 0..count {
        assert_eq!(accept_message(&mut peer), format!("{number:015}").into_bytes());
    }
    let mut publisher = writing.join().expect("everything is taken");
    publisher.close_stdin();
    close(peer);
    assert_eq!(notes(&publisher.finish(Deadline::start()), 0), ["connected again"]);
}

#[test]
fn a_server_that_stands_still_is_left_for_a_new_connection() {
    let script = Script::at("127.0.0.1:0");
    let mut publisher = publisher(script.address(), &["--resend", "--timeout", "300ms"]);
    let mut still = script.accept();
    publisher.write(b"one\n");
    expect_message(&mut still, 1, b"one");
    publisher.error_line_with("no progress of the server in time; connecting again after", Deadline::start());
    let mut peer = script.accept();
    expect_message(&mut peer, 1, b"one");
    still.expect_end();
    peer.send_native(&Frame::Published { token: 1 });
    publisher.close_stdin();
    close(peer);
    let finished = publisher.finish(Deadline::start());
    assert_eq!(notes(&finished, 0), ["connected again; 1 message sent again, which subscribers may get twice"]);
}

#[test]
fn a_server_that_rejects_the_publisher_ends_it() {
    let script = Script::at("127.0.0.1:0");
    let mut publisher = publisher(script.address(), &["--resend"]);
    let mut peer = script.accept();
    publisher.write(b"one\ntwo\n");
    assert_eq!(accept_message(&mut peer), b"one");
    expect_message(&mut peer, 2, b"two");
    peer.send_native(&Frame::Error(Reason::new(Code::Malformed, "no")));
    let complaint = publisher.finish(Deadline::start());
    let complaint = complaint.complaint(1);
    assert!(complaint.ends_with("\"no\"; at least 1 of 2 messages were accepted"), "{complaint}");
}

#[test]
fn what_is_about_connecting_again_needs_it() {
    for (arguments, named) in [(&["--resend"][..], "--reconnect"), (&["--buffer", "1MiB"], "--reconnect")] {
        let finished = Process::start(BINARY, [&["pub", "lobby"], arguments].concat()).finish(Deadline::start());
        let complaint = finished.complaint(2);
        assert!(complaint.contains(named), "{complaint}");
    }
    let finished =
        Process::start(BINARY, ["pub", "lobby", "--reconnect", "--buffer", "1KiB"]).finish(Deadline::start());
    assert_eq!(finished.complaint(2), "--buffer: '1KiB': 1KiB is not between 64KiB and 1GiB");
}
