//! `corecast pub` and `corecast sub` against a real server.

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, Process, ServerProcess};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

fn server() -> ServerProcess {
    ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"])
}

fn start(server: &ServerProcess, subcommand: &str, arguments: &[&str]) -> Process {
    let address = server.address(Protocol::Native).to_string();
    Process::start(BINARY, [&[subcommand, "--address", &address], arguments].concat())
}

/// Starts a `corecast sub` that gets everything published from now on.
fn subscribed(server: &ServerProcess, arguments: &[&str], channels: &[&str]) -> Process {
    let mut subscriber = start(server, "sub", &[arguments, channels].concat());
    for channel in channels {
        subscriber.error_line_with(&format!("subscribed {channel}"), Deadline::start());
    }
    subscriber
}

/// Publishes lines to `lobby`.
fn publish(server: &ServerProcess, arguments: &[&str], lines: &[u8]) {
    let mut publisher = start(server, "pub", &[arguments, &["lobby"]].concat());
    publisher.write(lines);
    let finished = publisher.finish(Deadline::start());
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
}

#[test]
fn lines_come_out_as_they_went_in() {
    let server = server();
    let subscriber = subscribed(&server, &["--count", "4"], &["lobby"]);
    publish(&server, &[], b"one\n\n tw\xff \r\nlast, without a line feed");
    let finished = subscriber.finish(Deadline::start());
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.stdout, b"one\n\n tw\xff \r\nlast, without a line feed\n");
}

#[test]
fn a_message_is_printed_at_once() {
    let server = server();
    let mut subscriber = subscribed(&server, &[], &["lobby"]);
    let mut publisher = start(&server, "pub", &["lobby"]);
    for line in ["one", "two"] {
        publisher.write(format!("{line}\n").as_bytes());
        assert_eq!(subscriber.text_line(Deadline::start()).as_deref(), Some(line));
    }
}

#[test]
fn acknowledged_messages_arrive_in_order() {
    let server = server();
    let count = 1000;
    let subscriber = subscribed(&server, &["--count", &count.to_string()], &["lobby"]);
    let lines = (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join("\n") + "\n";
    publish(&server, &["--ack"], lines.as_bytes());
    let finished = subscriber.finish(Deadline::start());
    assert_eq!((finished.code, finished.stdout), (0, lines.into_bytes()));
}

#[test]
fn messages_of_flags_may_contain_line_feeds() {
    let server = server();
    let subscriber = subscribed(&server, &["--json", "--count", "2"], &["lobby"]);
    publish(&server, &["-m", "two\nlines", "--message", "x"], b"");
    let finished = subscriber.finish(Deadline::start());
    assert_eq!(
        String::from_utf8(finished.stdout).unwrap(),
        "{\"channel\":\"lobby\",\"payload\":\"two\\nlines\"}\n{\"channel\":\"lobby\",\"payload\":\"x\"}\n"
    );
}

#[test]
fn json_holds_what_is_not_utf8() {
    let server = server();
    let subscriber = subscribed(&server, &["--json", "--count", "2"], &["other", "lobby"]);
    publish(&server, &[], b"\xff\x00\n\n");
    let finished = subscriber.finish(Deadline::start());
    assert_eq!(
        String::from_utf8(finished.stdout).unwrap(),
        "{\"channel\":\"lobby\",\"payload_base64\":\"/wA=\"}\n{\"channel\":\"lobby\",\"payload\":\"\"}\n"
    );
}

/// `head` exits after the first message, and there is no second one.
#[test]
fn a_subscriber_ends_quietly_as_soon_as_its_reader_is_gone() {
    let server = server();
    let mut command = Process::command("sh");
    // The exit code of `sub` goes to standard error.
    let script = "{ \"$0\" sub --address \"$1\" lobby; echo \"code $?\" >&2; } | head -1";
    command.args(["-c", script, BINARY, &server.address(Protocol::Native).to_string()]);
    let mut shell = Process::spawn(command);
    shell.error_line_with("subscribed lobby", Deadline::start());
    publish(&server, &[], b"the only one\n");
    let finished = shell.finish(Deadline::start());
    assert_eq!((finished.stdout.as_slice(), finished.stderr.as_str()), (&b"the only one\n"[..], "code 0\n"));
}

#[test]
fn a_server_that_goes_is_one_line_and_exit_code_1() {
    let server = server();
    let subscriber = subscribed(&server, &[], &["lobby"]);
    server.process.signal(Signal::TERM);
    let finished = subscriber.finish(Deadline::start());
    assert!(finished.complaint(1).contains("going_away"), "{finished:?}");
}

#[test]
fn when_to_return_to_a_server_that_goes_is_told_if_it_suggests_it() {
    for (spread, told) in [("1ms", Some("; connect again after 0 ms")), ("0s", None)] {
        let flags = ["--listen", "native://127.0.0.1:0", "--reconnect-spread", spread];
        let server = ServerProcess::start(BINARY, &flags);
        let subscriber = subscribed(&server, &[], &["lobby"]);
        server.process.signal(Signal::TERM);
        let finished = subscriber.finish(Deadline::start());
        let expected = format!(
            "the server closed the connection: 201 going_away \"the server is stopping\"{}",
            told.unwrap_or("")
        );
        assert_eq!(finished.complaint(1), expected);
    }
}

/// Starts a `corecast sub` that is stopped while more is published than the sockets (at most 4 and 6 MiB by default)
/// and a log hold. The server's own setting is the opposite of the subscriber's.
fn lagging(lag: &str, server_lag: &str) -> (ServerProcess, Process) {
    let flags = ["--listen", "native://127.0.0.1:0", "--log-bytes", "1MiB", "--lag", server_lag, "--linger", "60s"];
    let server = ServerProcess::start(BINARY, &flags);
    let subscriber = subscribed(&server, &["--json", "--lag", lag], &["lobby"]);
    subscriber.signal(Signal::STOP);
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    let (channel, payload) = (ChannelName::new("lobby").expect("a valid name"), vec![b'x'; 1_000_000]);
    for token in 0..30 {
        let publish = Publish { channel, payload: &payload, ack: Some(token), no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        publisher.expect_native(&Frame::Published { token });
    }
    subscriber.signal(Signal::CONT);
    (server, subscriber)
}

#[test]
fn a_subscriber_that_skips_is_told_what_it_missed_and_goes_on() {
    let (server, mut subscriber) = lagging("skip", "disconnect");
    publish(&server, &[], b"the last\n");
    let lines = std::iter::from_fn(|| subscriber.text_line(Deadline::start()));
    let lines: Vec<String> = lines.take_while(|line| !line.contains("the last")).collect();
    let count = |line: &String| line.strip_prefix("{\"channel\":\"lobby\",\"gap\":")?.strip_suffix('}')?.parse().ok();
    let gaps: Vec<usize> = lines.iter().filter_map(count).collect();
    let missed: usize = gaps.iter().sum();
    assert!(missed > 0);
    assert_eq!(lines.len() - gaps.len() + missed, 30);
}

#[test]
fn a_subscriber_that_disconnects_is_ended_when_it_lags() {
    let (_server, subscriber) = lagging("disconnect", "skip");
    let finished = subscriber.finish(Deadline::start());
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("202 lagged"), "{}", finished.stderr);
    assert!(!String::from_utf8(finished.stdout).unwrap().contains("\"gap\""));
}

#[test]
fn a_publisher_without_input_notices_that_the_server_goes() {
    let server = server();
    let mut publisher = start(&server, "pub", &["lobby"]);
    let subscriber = subscribed(&server, &["--count", "1"], &["lobby"]);
    publisher.write(b"one\n");
    assert_eq!(subscriber.finish(Deadline::start()).code, 0);
    server.process.signal(Signal::TERM);
    let status = publisher.wait(Deadline::start());
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_publisher_without_input_gives_the_server_its_signs_of_life() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0", "--idle-timeout", "400ms"]);
    let mut publisher = start(&server, "pub", &["lobby"]);
    let subscriber = subscribed(&server, &["--count", "1"], &["lobby"]);
    // This peer sends nothing. When it is closed for that, the publisher has been silent for as long.
    let mut silent = Peer::connect_native(server.address(Protocol::Native));
    silent.expect_native(&Frame::Ping(&[]));
    silent.expect_refusal(Code::IdleTimeout);
    publisher.write(b"still here\n");
    assert_eq!(subscriber.finish(Deadline::start()).stdout, b"still here\n");
}

#[test]
fn a_server_that_is_not_there_is_one_line_and_exit_code_2() {
    // This is not the port of a server that has ended, because the next socket of another test may get that.
    let address = "127.0.0.1:1";
    for subcommand in ["pub", "sub"] {
        let finished = Process::start(BINARY, [subcommand, "--address", address, "lobby"]).finish(Deadline::start());
        let complaint = finished.complaint(2);
        assert!(complaint.contains(address), "{complaint}");
        assert_eq!(complaint.matches("refused").count(), 1, "{complaint}");
    }
}

/// Reading takes the server longer than the maximum time without progress.
#[test]
fn a_publisher_goes_on_waiting_while_the_server_reads_at_its_rate() {
    let flags = ["--listen", "native://127.0.0.1:0", "--max-frame-rate", "100"];
    for ack in [&[][..], &["--ack"]] {
        let server = ServerProcess::start(BINARY, &flags);
        let (count, line) = (300, [vec![b'x'; 1000].as_slice(), b"\n"].concat());
        let subscriber = subscribed(&server, &["--count", &count.to_string()], &["lobby"]);
        publish(&server, &[&["--timeout", "1500ms"], ack].concat(), &line.repeat(count));
        assert_eq!(subscriber.finish(Deadline::start()).stdout.len(), count * line.len());
    }
}

#[test]
fn a_publisher_that_gives_up_says_what_was_accepted() {
    for ack in [&[][..], &["--ack"]] {
        let server = server();
        let mut publisher = start(&server, "pub", &[&["--timeout", "300ms"], ack, &["lobby"]].concat());
        let mut subscriber = subscribed(&server, &["--count", "3"], &["lobby"]);
        publisher.write(b"one\ntwo\nthree\n");
        for line in ["one", "two", "three"] {
            assert_eq!(subscriber.text_line(Deadline::start()).as_deref(), Some(line));
        }
        server.process.suspend(Deadline::start());
        publisher.write("late\n".repeat(500).as_bytes());
        let finished = publisher.finish(Deadline::start());
        server.process.signal(Signal::CONT);
        let sent = if ack.is_empty() { 503 } else { 259 };
        assert_eq!(
            finished.complaint(1),
            format!(
                "the server has taken and acknowledged nothing for 300ms; at least 3 of {sent} messages were accepted"
            )
        );
    }
}

#[test]
fn a_server_that_was_killed_is_told_from_one_that_closes() {
    let server = server();
    let address = server.address(Protocol::Native).to_string();
    let mut subscriber = subscribed(&server, &[], &["lobby"]);
    let mut publisher = start(&server, "pub", &["lobby"]);
    publisher.write(b"one\n");
    assert_eq!(subscriber.text_line(Deadline::start()).as_deref(), Some("one"));
    server.process.signal(Signal::KILL);
    for finished in [subscriber.finish(Deadline::start()), publisher.finish(Deadline::start())] {
        let line = finished.stderr.lines().last().unwrap_or_default().to_owned();
        assert!(finished.code == 1 && line.contains(&address), "{line}");
        assert!(line.contains("without a reason from the server at ") || line.contains(" failed: "), "{line}");
    }
}

#[test]
fn a_plain_listener_is_named_and_not_blamed() {
    let server = ServerProcess::start(BINARY, &["--listen", "plain://127.0.0.1:0"]);
    let address = server.address(Protocol::Plain).to_string();
    for subcommand in ["pub", "sub"] {
        let finished = Process::start(BINARY, [subcommand, "--address", &address, "lobby"]).finish(Deadline::start());
        let complaint = finished.complaint(2);
        assert!(complaint.contains(&address) && complaint.contains("as a plain listener does"), "{complaint}");
    }
}

#[test]
fn a_message_over_the_subscribers_own_limit_names_the_flag_that_raises_it() {
    let server = server();
    let payload = [vec![b'x'; 5000].as_slice(), b"\n"].concat();
    let small = subscribed(&server, &["--max-frame", "4KiB"], &["lobby"]);
    let large = subscribed(&server, &["--max-frame", "8KiB", "--count", "1"], &["lobby"]);
    publish(&server, &[], &payload);
    assert_eq!(large.finish(Deadline::start()).stdout, payload);
    let finished = small.finish(Deadline::start());
    assert_eq!(
        finished.complaint(1),
        "the server sent a frame of 5012 bytes, over this client's own limit of 4096: raise --max-frame"
    );
}

#[test]
fn a_count_of_nothing_is_refused_with_the_range() {
    let finished = Process::start(BINARY, ["sub", "--count", "0", "lobby"]).finish(Deadline::start());
    assert!(finished.complaint(2).starts_with("--count: '0': 0 is not in 1.."), "{finished:?}");
}

#[test]
fn a_bad_channel_name_is_refused_before_anything_is_sent() {
    let server = server();
    let long = "x".repeat(256);
    for channel in ["", "line\nfeed", &long] {
        for arguments in [&["pub", "-m", "x"][..], &["sub"]] {
            let finished =
                start(&server, arguments[0], &[&arguments[1..], &[channel]].concat()).finish(Deadline::start());
            assert!(finished.complaint(2).contains("channel name"), "{finished:?}");
        }
    }
}

#[test]
fn a_line_over_the_servers_limit_is_named() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0", "--max-frame-native", "1KiB"]);
    let mut publisher = start(&server, "pub", &["lobby"]);
    publisher.write(&[b"fine\n", vec![b'x'; 2000].as_slice(), b"\n"].concat());
    let finished = publisher.finish(Deadline::start());
    let complaint = finished.complaint(1);
    assert_eq!(complaint, "line 2 has more bytes than the server's limit of 1024");
}

/// The name of the channel and the rest of the frame count too.
#[test]
fn a_line_that_is_over_the_servers_limit_only_with_its_frame_is_named() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0", "--max-frame-native", "1KiB"]);
    let mut publisher = start(&server, "pub", &["lobby"]);
    publisher.write(&[vec![b'x'; 1024].as_slice(), b"\n"].concat());
    let finished = publisher.finish(Deadline::start());
    let complaint = finished.complaint(1);
    assert!(complaint.starts_with("line 1: a frame of 10"), "{complaint}");
    assert!(complaint.ends_with("bytes is over the server's limit of 1024"), "{complaint}");
}
