//! Blocked, closed and full output streams: a server continues to serve and to stop on request, and other commands end
//! quietly.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, pipe};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Finished, Peer, Process, ServerProcess, wait_until};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Publish};
use rustix::fs::{Mode, OFlags, fcntl_setfl, mkfifoat};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::Signal;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// A number of disconnects that exceeds a small pipe.
const MANY: usize = 200;

/// A number of disconnects that exceeds a small pipe and the queue of the log.
const TOO_MANY: usize = 6_000;

/// Returns a pipe that holds one page.
fn small_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, 4096).expect("a page");
    (reader, writer)
}

/// Returns the write end of a pipe whose reader is gone.
fn pipe_without_reader() -> PipeWriter {
    small_pipe().1
}

/// Returns a full pipe whose write end has these flags.
fn full_pipe(flags: OFlags) -> (PipeReader, PipeWriter) {
    let (reader, writer) = small_pipe();
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a flag");
    while rustix::io::write(&writer, &[b'\n'; 512]) != Err(Errno::AGAIN) {}
    fcntl_setfl(&writer, flags).expect("a flag");
    (reader, writer)
}

fn serve(arguments: &[&str]) -> Command {
    let mut command = Process::command(BINARY);
    command.args(["serve", "--listen", "native://127.0.0.1:0", "--disconnect-lines", "1000000"]).args(arguments);
    command
}

/// A server with an admin socket.
struct Server {
    process: ServerProcess,
    directory: TempDir,
}

impl Server {
    fn start(stderr: impl Into<Stdio>, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = serve(arguments);
        command.arg("--admin-socket").arg(directory.path().join("admin.sock"));
        Self { process: ServerProcess::spawn_onto(command, 1, stderr), directory }
    }

    fn address(&self) -> SocketAddr {
        self.process.address(Protocol::Native)
    }

    fn admin(&self, command: &str) -> Finished {
        admin(&self.directory.path().join("admin.sock"), command)
    }

    fn disconnects(&self) -> usize {
        let status = self.admin("status");
        assert_eq!(status.code, 0, "{status:?}");
        let text = String::from_utf8(status.stdout).expect("UTF-8");
        let closed = |row: &str| {
            let mut cells = row.split_whitespace().map(|cell| cell.parse::<usize>().unwrap_or(0));
            let (open, accepted) = (cells.nth(1)?, cells.next()?);
            Some(accepted - open)
        };
        text.lines().skip(1).filter_map(closed).sum()
    }

    /// Asserts that the server logs this many disconnects and then still delivers a message.
    fn serves(&self, connections: usize) {
        let before = self.disconnects();
        for _ in 0..connections {
            let client = TcpStream::connect(self.address()).expect("it listens");
            // A reset leaves no socket in TIME_WAIT.
            set_socket_linger(&client, Some(Duration::ZERO)).expect("a socket");
        }
        wait_until(Deadline::start(), "the connections to be gone", || self.disconnects() >= before + connections);
        let mut peer = Peer::connect_native(self.address());
        peer.subscribe("lobby");
        let channel = ChannelName::new("lobby").expect("a valid name");
        peer.send_native(&Frame::Publish(Publish { channel, payload: b"x", ack: None, no_echo: false }));
        peer.expect_native(&Frame::Message { channel, payload: b"x" });
    }

    fn stops(self) {
        assert_eq!(self.process.stop().code, 0);
    }
}

fn admin(socket: &Path, command: &str) -> Finished {
    let socket = socket.to_str().expect("UTF-8");
    Process::start(BINARY, ["admin", "--socket", socket, command]).finish(Deadline::start())
}

#[test]
fn a_blocked_standard_error_does_not_block_the_server() {
    let (_reader, writer) = small_pipe();
    let server = Server::start(writer, &[]);
    server.serves(MANY);
    server.process.process.signal(Signal::USR1);
    server.serves(MANY);
    server.stops();
}

#[test]
fn a_closed_standard_error_does_not_end_the_server() {
    let server = Server::start(pipe_without_reader(), &[]);
    server.serves(1);
    server.process.process.signal(Signal::USR1);
    server.serves(MANY);
    server.stops();
}

#[test]
fn a_full_disk_under_standard_error_does_not_end_the_server() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let server = Server::start(full, &[]);
    server.process.process.signal(Signal::USR1);
    server.serves(MANY);
    server.stops();
}

#[test]
fn a_full_non_blocking_standard_error_does_not_end_the_server() {
    let (_reader, writer) = full_pipe(OFlags::NONBLOCK);
    let server = Server::start(writer, &[]);
    server.serves(MANY);
    server.stops();
}

#[test]
fn dropped_lines_are_reported_in_the_log_and_by_admin_status() {
    let (reader, writer) = small_pipe();
    let server = Server::start(writer, &[]);
    assert_eq!(server.admin("status").stderr, "");
    server.serves(TOO_MANY);
    let note = server.admin("status").stderr;
    assert!(note.contains("log lines: its standard error was blocked or failed"), "{note}");
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("UTF-8"));
    let told = lines.find(|line| line.contains("log lines dropped since the start")).expect("the log goes on");
    let lost = told.rsplit_once("dropped=").expect("a count").1.parse::<usize>().expect("a number");
    assert!(lost > 0 && lost < TOO_MANY, "{told}");
    server.process.process.signal(Signal::TERM);
    assert!(lines.any(|line| line.contains(" ended ")), "the end is logged too");
}

#[test]
fn a_second_signal_ends_a_server_with_a_blocked_standard_error() {
    let (_reader, writer) = full_pipe(OFlags::empty());
    let mut server = Server::start(writer, &["--shards", "1", "--drain-timeout", "3600s"]);
    let mut stalled = Peer::connect_native(server.address());
    stalled.subscribe("lobby");
    let mut publisher = Peer::connect_native(server.address());
    let channel = ChannelName::new("lobby").expect("a valid name");
    // This is more than the socket buffers of both ends hold (at most 4 and 6 MiB by default).
    let payload = vec![0; 1_000_000];
    for token in 0..30 {
        publisher.send_native(&Frame::Publish(Publish {
            channel,
            payload: &payload,
            ack: Some(token),
            no_echo: false,
        }));
        publisher.expect_native(&Frame::Published { token });
    }
    server.process.process.signal(Signal::TERM);
    let address = server.address();
    wait_until(Deadline::start(), "the address to be closed", || TcpStream::connect(address).is_err());
    server.process.process.signal(Signal::TERM);
    let status = server.process.process.wait(Deadline::start());
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()), "{status}");
}

#[test]
fn a_blocked_standard_output_does_not_block_the_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("admin.sock");
    let (_reader, writer) = full_pipe(OFlags::empty());
    let mut command = serve(&[]);
    command.arg("--admin-socket").arg(&socket);
    let mut server = Process::spawn_onto(command, writer, Stdio::piped());
    server.error_line_with("serving", Deadline::start());
    wait_until(Deadline::start(), "the administrator to be answered", || admin(&socket, "status").code == 0);
    server.signal(Signal::TERM);
    assert_eq!(server.wait(Deadline::start()).code(), Some(0));
}

#[test]
fn a_failed_start_ends_with_a_blocked_standard_error() {
    let (_reader, writer) = full_pipe(OFlags::empty());
    // 192.0.2.0/24 is reserved for documentation, so no machine has it.
    let mut command = Process::command(BINARY);
    command.args(["serve", "--listen", "native://192.0.2.1:7070"]);
    assert_eq!(Process::spawn_onto(command, Stdio::piped(), writer).wait(Deadline::start()).code(), Some(2));
}

fn fifo(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("journal");
    mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).expect("a FIFO");
    path
}

#[test]
fn a_journal_for_a_fifo_without_reader_is_an_error_and_the_next_one_is_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = fifo(&directory);
    let mut server = Server::start(Stdio::piped(), &["--journal", path.to_str().expect("UTF-8")]);
    server.serves(1);
    server.process.process.signal(Signal::USR1);
    server.process.process.error_line_with("cannot write the journal", Deadline::start());
    let mut options = OpenOptions::new();
    let reader = options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).expect("a FIFO");
    fcntl_setfl(&reader, OFlags::empty()).expect("a flag");
    server.process.process.signal(Signal::USR1);
    let mut line = String::new();
    server.process.process.error_line_with("journal written", Deadline::start());
    BufReader::new(reader).read_line(&mut line).expect("UTF-8");
    assert!(line.starts_with("{\"at_unix_ms\":"), "{line}");
    server.stops();
}

#[test]
fn a_blocked_journal_does_not_block_the_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = fifo(&directory);
    let mut options = OpenOptions::new();
    let _reader = options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path).expect("a FIFO");
    let server = Server::start(Stdio::piped(), &["--journal", path.to_str().expect("UTF-8")]);
    server.serves(1_000);
    server.process.process.signal(Signal::USR1);
    server.serves(MANY);
    server.stops();
}

#[test]
fn a_journal_does_not_replace_a_device() {
    let mut server = Server::start(Stdio::piped(), &["--journal", "/dev/full"]);
    server.serves(1);
    server.process.process.signal(Signal::USR1);
    let line = server.process.process.error_line_with("cannot write the journal", Deadline::start());
    assert!(line.contains("No space left"), "{line}");
    assert!(!std::fs::metadata("/dev/full").expect("it is there").is_file());
    server.stops();
}

#[test]
fn a_full_non_blocking_standard_output_gets_everything() {
    let server = Server::start(Stdio::piped(), &[]);
    let address = server.address().to_string();
    for (arguments, end) in [
        (&["doctor", "--json"][..], "}\n"),
        (&["sub", "--address", &address, "--count", "1", "lobby"], "\nthe message\n"),
    ] {
        let (mut reader, writer) = full_pipe(OFlags::NONBLOCK);
        let mut command = Process::command(BINARY);
        command.args(arguments);
        let mut process = Process::spawn_onto(command, writer, Stdio::piped());
        if arguments[0] == "sub" {
            process.error_line_with("subscribed lobby", Deadline::start());
            let publish = ["pub", "--address", &address, "lobby", "--message", "the message"];
            assert_eq!(Process::start(BINARY, publish).finish(Deadline::start()).code, 0);
        }
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("UTF-8");
        assert!(text.ends_with(end) && text.trim_start().len() > 1, "{arguments:?}: {text}");
        let status = process.wait(Deadline::start());
        assert!(status.success(), "{arguments:?}: {status}");
    }
}

#[test]
fn a_closed_standard_output_ends_a_command_quietly() {
    let server = Server::start(Stdio::piped(), &[]);
    let (socket, address) = (server.directory.path().join("admin.sock"), server.address().to_string());
    for arguments in [
        &["doctor", "--json"][..],
        &["doctor"],
        &["admin", "--socket", socket.to_str().expect("UTF-8"), "status"],
        &["sub", "--address", &address, "lobby"],
        &["--help"],
    ] {
        let mut command = Process::command(BINARY);
        command.args(arguments);
        let finished = Process::spawn_onto(command, pipe_without_reader(), Stdio::piped()).finish(Deadline::start());
        let errors: Vec<_> = finished.stderr.lines().filter(|line| *line != "subscribed lobby").collect();
        assert_eq!((finished.code, errors.len()), (0, 0), "{arguments:?}: {finished:?}");
    }
    for arguments in [["doctor", "--json"].as_slice(), &["--help"], &["serve", "--help"], &["--version"]] {
        let mut command = Process::command(BINARY);
        command.args(arguments);
        let full = File::options().write(true).open("/dev/full").expect("a device");
        let finished = Process::spawn_onto(command, full, Stdio::piped()).finish(Deadline::start());
        assert!(finished.complaint(1).contains("cannot write to standard output"), "{arguments:?}: {finished:?}");
    }
}
