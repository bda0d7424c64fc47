//! The behaviour of `corecast serve` when the machine denies it a resource, and its use of resources when it is idle.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Peer, Process, ServerProcess, wait_until};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Publish};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// Returns the CPU time that a process has used so far.
fn cpu_time(process: &Process) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id())).expect("the process runs");
    let on_cpu = |task: std::io::Result<std::fs::DirEntry>| {
        let schedstat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    tasks.filter_map(on_cpu).sum()
}

/// Returns the share of one CPU that a process uses over half a second without requests. There is no event to wait for
/// when nothing happens.
fn cpu_share(process: &Process) -> f64 {
    let (begin, before) = (Instant::now(), cpu_time(process));
    std::thread::sleep(Duration::from_millis(500));
    cpu_time(process).saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64()
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn publish(peer: &mut Peer, payload: &[u8]) {
    peer.send_native(&Frame::Publish(Publish { channel: news(), payload, ack: None, no_echo: false }));
}

/// Returns the number of times that the threads of a process have gone to sleep since they started.
fn sleeps(process: &Process) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id())).expect("the process runs");
    let of_task = |task: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse::<u64>().ok()
    };
    tasks.filter_map(of_task).sum()
}

/// Returns true if the shards of a server wake up for `for_ms` only for their sweeps, ten a second. There is no event
/// to wait for when nothing else happens.
fn only_sweeps(process: &Process, shards: u64, for_ms: u64) -> bool {
    let (begin, before) = (Instant::now(), sleeps(process));
    std::thread::sleep(Duration::from_millis(for_ms));
    let (found, elapsed) = (sleeps(process) - before, begin.elapsed());
    println!("{found} times asleep in {elapsed:?}");
    // Each shard may make one more sweep at either end, and a tenth is added for anything else that may hold up a
    // thread.
    let sweeps = u64::try_from(elapsed.as_millis()).expect("a few seconds") / 100;
    found <= shards * (sweeps + sweeps / 10 + 2)
}

#[test]
fn an_idle_server_with_connections_wakes_up_for_its_sweeps_alone() {
    let server = ServerProcess::start(BINARY, &["--shards", "2"]);
    let mut peers: Vec<_> = (0..200).map(|_| Peer::connect_native(server.address(Protocol::Native))).collect();
    for peer in &mut peers {
        peer.subscribe("news");
    }
    // Work that the subscriptions caused may follow the last answer.
    wait_until(Deadline::start(), "the server to rest", || only_sweeps(&server.process, 2, 500));
    assert!(only_sweeps(&server.process, 2, 3000), "and it goes on resting");
}

#[test]
fn without_descriptors_those_inside_are_served_and_those_outside_wait() {
    let mut command = Process::command("sh");
    let script = "ulimit -n 64; exec \"$0\" serve --shards 1 --listen native://127.0.0.1:0";
    command.args(["-c", script, BINARY]);
    let mut server = ServerProcess::spawn(command, 1);
    let address = server.address(Protocol::Native);
    let mut inside = Peer::connect_native(address);
    inside.subscribe("news");

    // The kernel also completes the handshake of the connections that are not accepted; nobody has answered their
    // HELLO.
    let crowd: Vec<_> = (0..80).map(|_| Peer::connect(address)).collect();
    server.process.error_line_with("cannot accept", Deadline::start());
    publish(&mut inside, b"inside");
    inside.expect_native(&Frame::Message { channel: news(), payload: b"inside" });
    let share = cpu_share(&server.process);
    assert!(share < 0.05, "retrying takes {:.2} % of a CPU", 100.0 * share);

    let mut outside = Peer::connect(address);
    outside.send_native(&Frame::Hello { version: 1 });
    drop(crowd);
    outside.read_native(|frame| assert!(matches!(frame, Frame::Welcome { .. }), "{frame:?}"));
    outside.subscribe("news");
    publish(&mut inside, b"again");
    outside.expect_native(&Frame::Message { channel: news(), payload: b"again" });
    assert_eq!(server.stop().code, 0);
}

/// Returns the CPUs that a thread of a process may run on, as the kernel lists them.
fn cpus_allowed(process: &Process, thread: &str) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id())).expect("the process runs");
    let status = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .find(|status| status.lines().next().is_some_and(|name| name.ends_with(thread)))
        .expect("the thread runs");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("every thread has it");
    list.trim().to_owned()
}

#[test]
fn a_shard_is_let_go_while_something_else_has_its_cpu_and_pinned_again_when_it_rests() {
    let allowed = sched_getaffinity(None).expect("this thread's affinity");
    let cpus: Vec<_> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).take(2).collect();
    let &[first, second] = cpus.as_slice() else {
        eprintln!("needs two CPUs: nothing was tested");
        return;
    };
    let both = format!("{first},{second}");
    let soft = ServerProcess::start(BINARY, &["--cpus", &both]);
    let hard = ServerProcess::start(BINARY, &["--cpus", &both, "--affinity", "hard"]);
    let pinned = first.to_string();
    assert_eq!(cpus_allowed(&soft.process, "shard-0"), pinned);

    let (enough, deadline) = (AtomicBool::new(false), Deadline::start());
    std::thread::scope(|scope| {
        // There is more than one, because the scheduler favours a shard that sleeps much over a thread that never does.
        for _ in 0..4 {
            scope.spawn(|| {
                let mut only_first = CpuSet::new();
                only_first.set(first);
                sched_setaffinity(None, &only_first).expect("this process may run there");
                while !enough.load(Ordering::Relaxed) && !deadline.remaining().is_zero() {
                    std::hint::spin_loop();
                }
            });
        }
        let mut peers: Vec<_> = [&soft, &hard]
            .iter()
            .flat_map(|server| (0..8).map(|_| Peer::connect_native(server.address(Protocol::Native))))
            .collect();
        for peer in &mut peers {
            peer.subscribe("news");
        }
        wait_until(deadline, "the shard to be let go", || {
            for peers in peers.chunks_mut(8) {
                publish(&mut peers[0], b"busy");
                for peer in peers {
                    peer.expect_native(&Frame::Message { channel: news(), payload: b"busy" });
                }
            }
            cpus_allowed(&soft.process, "shard-0") != pinned
        });
        enough.store(true, Ordering::Relaxed);
    });
    assert_eq!(cpus_allowed(&hard.process, "shard-0"), pinned);
    let pinned_again = || cpus_allowed(&soft.process, "shard-0") == pinned;
    wait_until(Deadline::start(), "the shard to be pinned again", pinned_again);
}

/// A seccomp filter that refuses `io_uring_setup`, as Docker's default profile does.
const WITHOUT_IO_URING: &str = r#"
import ctypes, os, struct, sys
SYSCALL_IO_URING_SETUP, EPERM = 425, 1
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000
filter = b"".join(struct.pack("HBBI", *step) for step in [
    (LOAD, 0, 0, 0), (EQUAL, 0, 1, SYSCALL_IO_URING_SETUP), (RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)])
buffer = ctypes.create_string_buffer(filter)
program = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2
assert libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
assert libc.prctl(SET_SECCOMP, MODE_FILTER, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn without_permission_for_io_uring_it_says_what_to_do() {
    let mut command: Command = Process::command("python3");
    command.args(["-c", WITHOUT_IO_URING, BINARY, "serve", "--listen", "native://127.0.0.1:0"]);
    let finished = Process::spawn(command).finish(Deadline::start());
    let complaint = finished.complaint(2);
    assert!(complaint.contains("io_uring is not permitted") && complaint.contains("seccomp"), "{complaint}");
}

#[test]
fn without_permission_for_io_uring_the_doctor_says_so_too() {
    let mut command: Command = Process::command("python3");
    command.args(["-c", WITHOUT_IO_URING, BINARY, "doctor"]);
    let finished = Process::spawn(command).finish(Deadline::start());
    let text = String::from_utf8(finished.stdout).expect("UTF-8");
    assert_eq!(finished.code, 1);
    assert!(text.lines().any(|line| line.starts_with("error    io_uring ")) && text.contains("seccomp="), "{text}");
}

#[test]
fn the_doctor_sees_what_its_process_may_do() {
    let doctor = |limit: &str| {
        let mut command = Process::command("sh");
        command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" doctor --json --connections 500"), BINARY]);
        let finished = Process::spawn(command).finish(Deadline::start());
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        let report: serde_json::Value = serde_json::from_slice(&finished.stdout).expect("JSON");
        let findings = report["findings"].as_array().expect("a list").clone();
        findings.into_iter().find(|finding| finding["check"] == "open files").expect("it is checked")
    };
    let (few, enough) = (doctor("200"), doctor("1000"));
    assert_eq!((&few["level"], &enough["level"]), (&"warning".into(), &"ok".into()));
    assert!(few["mend"].as_str().is_some_and(|mend| mend.contains("LimitNOFILE=")), "{few}");
    assert!(enough.get("mend").is_none(), "{enough}");
}

/// Returns the resident memory of a process, in KiB.
fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

#[test]
fn room_for_a_million_connections_takes_no_memory_before_they_come() {
    let [few, many] = ["64", "1048576"].map(|connections| {
        let server = ServerProcess::start(BINARY, &["--shards", "2", "--max-connections", connections]);
        Peer::connect_native(server.address(Protocol::Native)).subscribe("news");
        resident_kib(&server.process)
    });
    // A million touched entries of the smallest of the tables take 8 MiB.
    assert!(many < few + 4 * 1024, "{many} KiB with room for a million connections, {few} KiB with room for 64");
}
