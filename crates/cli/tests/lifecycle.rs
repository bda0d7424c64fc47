//! `corecast serve` starts, announces that it is ready, refuses to start, and ends.

use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{Deadline, Peer, Process, ServerProcess, wait_until};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// Runs a command that must refuse before it does anything. Returns its error message.
#[track_caller]
fn refused(command: Command) -> String {
    Process::spawn(command).finish(Deadline::start()).complaint(2).to_owned()
}

#[test]
fn a_ready_line_names_each_listener_with_its_real_port() {
    let server = ServerProcess::start(
        BINARY,
        &[
            "--listen",
            "plain://127.0.0.1:0",
            "--listen",
            "native://127.0.0.1:0",
            "--listen",
            "plain://127.0.0.1:0/lobby",
        ],
    );
    let protocols: Vec<Protocol> = server.listeners().iter().map(|listener| listener.0).collect();
    assert_eq!(protocols, [Protocol::Plain, Protocol::Native, Protocol::Plain]);
    for (_, address) in server.listeners() {
        assert_ne!(address.port(), 0);
        TcpStream::connect(address).unwrap();
    }
}

#[test]
fn nothing_but_ready_lines_is_on_standard_output() {
    let finished = ServerProcess::start(BINARY, &["--log-level", "trace"]).stop();
    assert_eq!((finished.code, finished.stdout.len()), (0, 0), "{finished:?}");
}

#[test]
fn sigterm_and_sigint_end_it_with_exit_code_0() {
    for policy in PolicyKind::AVAILABLE {
        for signal in [Signal::TERM, Signal::INT] {
            let server = ServerProcess::start(BINARY, &["--policy", &policy.to_string(), "--shards", "2"]);
            server.process.signal(signal);
            let finished = server.process.finish(Deadline::start());
            assert_eq!(finished.code, 0, "{policy} {signal:?}: {finished:?}");
        }
    }
}

#[test]
fn a_client_is_told_that_the_server_goes() {
    let server = ServerProcess::start(BINARY, &[]);
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("lobby");
    server.process.signal(Signal::TERM);
    peer.expect_refusal(Code::GoingAway);
    assert_eq!(server.process.finish(Deadline::start()).code, 0);
}

/// The kernel completes connections by itself: here all of them, because the server is stopped when they arrive. The
/// server then finds them together with the signal, and handles the signal before it has accepted more than a few
/// batches.
#[test]
fn queued_connections_are_told_why_at_shutdown() {
    let longest = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("procfs");
    let queued = longest.trim().parse().map_or(600, |longest: usize| longest.min(600));
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0", "--shards", "1"]);
    let address = server.address(Protocol::Native);
    server.process.signal(Signal::STOP);
    let pid = i32::try_from(server.process.id()).ok().and_then(Pid::from_raw);
    let (_, status) = waitpid(pid, WaitOptions::UNTRACED).unwrap().expect("it is waited for");
    assert!(status.stopped(), "{status:?}");
    let peers: Vec<_> = (0..queued).map(|_| Peer::connect(address)).collect();
    server.process.signal(Signal::TERM);
    server.process.signal(Signal::CONT);
    for mut peer in peers {
        peer.expect_refusal(Code::GoingAway);
    }
    let finished = server.process.finish(Deadline::start());
    assert_eq!(finished.code, 0, "{finished:?}");
    let accepted = format!("; {queued} connections accepted");
    assert!(finished.stderr.contains(&accepted), "{finished:?}");
}

/// Returns the number of shards of a server that have not ended, by the names of its threads.
fn shards_of(server: &Process) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("procfs");
    // A thread that ends meanwhile has no name.
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("shard-")).collect::<HashSet<_>>().len()
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let flags = ["--listen", "native://127.0.0.1:0", "--shards", "4", "--drain-timeout", "3600s"];
    let mut server = ServerProcess::start(BINARY, &flags);
    let mut stalled = Peer::connect_native(server.address(Protocol::Native));
    stalled.subscribe("lobby");
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    let channel = ChannelName::new("lobby").expect("a valid name");
    // More than the socket buffers of both ends hold (at most 4 and 6 MiB by default).
    let payload = vec![0; 1_000_000];
    for token in 0..30 {
        let publish = Publish { channel, payload: &payload, ack: Some(token), no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        publisher.expect_native(&Frame::Published { token });
    }
    server.process.signal(Signal::TERM);
    server.process.error_line_with("stopping: received SIG", Deadline::start());
    wait_until(Deadline::start(), "all shards but that of the stalled one to end", || shards_of(&server.process) == 1);
    server.process.signal(Signal::TERM);
    let status = server.process.wait(Deadline::start());
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()), "{status}");
}

#[test]
fn sighup_and_sigusr2_are_logged_and_sigpipe_is_ignored() {
    let mut server = ServerProcess::start(BINARY, &[]);
    for (signal, line) in [(Signal::HUP, "SIGHUP: nothing to reload"), (Signal::USR2, "SIGUSR2: no effect")] {
        server.process.signal(signal);
        server.process.error_line_with(line, Deadline::start());
    }
    server.process.signal(Signal::PIPE);
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("lobby");
    drop(peer);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn sigquit_ends_it_at_once() {
    let mut command = Process::command("sh");
    // SIGQUIT would leave a core file.
    command.args(["-c", "ulimit -c 0; exec \"$0\" serve --listen native://127.0.0.1:0", BINARY]);
    let mut server = ServerProcess::spawn(command, 1);
    server.process.signal(Signal::QUIT);
    assert_eq!(server.process.wait(Deadline::start()).signal(), Some(Signal::QUIT.as_raw()));
}

#[test]
fn the_log_is_json_if_asked_for() {
    let finished = ServerProcess::start(BINARY, &["--log-format", "json"]).stop();
    assert!(finished.stderr.lines().count() > 0);
    for line in finished.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(event["level"].is_string(), "{line}");
    }
}

#[test]
fn the_log_keeps_to_its_level() {
    let finished = ServerProcess::start(BINARY, &["--log-level", "error"]).stop();
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_port_in_use_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let mut command = Process::command(BINARY);
    command.args(["serve", "--listen", &format!("native://{address}")]);
    let line = refused(command);
    assert!(line.contains(&address), "{line}");
}

/// The shards of one server share its port. Two servers must not, although the kernel would let them.
#[test]
fn a_port_in_use_by_another_server_is_named() {
    let other = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"]);
    let address = other.address(Protocol::Native).to_string();
    let mut command = Process::command(BINARY);
    command.args(["serve", "--listen", &format!("native://{address}")]);
    let line = refused(command);
    assert!(line.contains(&address), "{line}");
}

#[test]
fn an_address_of_another_machine_is_named() {
    let mut command = Process::command(BINARY);
    // 192.0.2.0/24 is reserved for documentation, so no machine has it.
    command.args(["serve", "--listen", "native://192.0.2.1:7070"]);
    let line = refused(command);
    assert!(line.contains("192.0.2.1:7070"), "{line}");
}

/// glommio asks for 512 KiB of lockable memory, even as root.
#[test]
fn too_little_lockable_memory_is_named() {
    let mut command = Process::command("sh");
    command.args(["-c", "ulimit -l 64 && exec \"$0\" serve --listen native://127.0.0.1:0", BINARY]);
    let line = refused(command);
    assert!(line.ends_with("raise it with 'ulimit -l 512' or LimitMEMLOCK=512K"), "{line}");
}

#[test]
fn too_few_open_files_are_named_and_few_more_are_enough_to_start() {
    let serve = |limit: u32| {
        let mut command = Process::command("sh");
        let script = format!("ulimit -n {limit} && exec \"$0\" serve --shards 2 --max-connections 100 \"$@\"");
        command.args(["-c", &script, BINARY, "--listen", "native://127.0.0.1:0", "--listen", "plain://127.0.0.1:0"]);
        command
    };
    for limit in 4..=22 {
        let line = refused(serve(limit));
        assert!(line.starts_with(&format!("{limit} open files are too few to start;")), "{line}");
        assert!(line.ends_with("raise the limit with 'ulimit -n 164' or LimitNOFILE=164"), "{line}");
    }
    assert_eq!(ServerProcess::spawn(serve(32), 2).stop().code, 0);
}

#[test]
fn fewer_open_files_than_connections_are_warned_about() {
    for (connections, is_warned) in [("100", true), ("10", false)] {
        let mut command = Process::command("sh");
        let serve =
            "ulimit -n 100; exec \"$0\" serve --shards 2 --max-connections \"$1\" --listen native://127.0.0.1:0";
        command.args(["-c", serve, BINARY, connections]);
        let finished = ServerProcess::spawn(command, 1).stop();
        let warning = finished.stderr.lines().find(|line| line.contains("too few open files"));
        assert_eq!(warning.is_some(), is_warned, "{finished:?}");
        assert!(warning.is_none_or(|line| line.contains("allowed=100 needed=164")), "{finished:?}");
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_named_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (missing, own) = (folder.path().join("missing").join("journal"), folder.path().to_owned());
    for path in [missing, own] {
        let mut command = Process::command(BINARY);
        command.args(["serve", "--listen", "native://127.0.0.1:0", "--journal"]).arg(&path);
        let line = refused(command);
        assert!(line.starts_with(&format!("--journal {}: ", path.display())), "{line}");
    }
    let path = folder.path().join("journal");
    let server = ServerProcess::start(BINARY, &["--journal", path.to_str().expect("UTF-8")]);
    assert_eq!(server.stop().code, 0);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "trying leaves nothing behind");
}

#[test]
fn a_port_is_free_again_after_the_end() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"]);
    let address = server.address(Protocol::Native);
    let client = TcpStream::connect(address).unwrap();
    assert_eq!(server.stop().code, 0);
    drop(client);
    let again = ServerProcess::start(BINARY, &["--listen", &format!("native://{address}")]);
    TcpStream::connect_timeout(&again.address(Protocol::Native), Duration::from_secs(5)).unwrap();
}
