//! A server inside a program, started by its builder.

use corecast_engine::{Listener, PolicyKind, Protocol, Server, StartError, allowed_cpus};
use corecast_testkit::{Deadline, Peer, Process};
use std::net::Ipv4Addr;

#[test]
fn a_server_has_a_shard_on_every_cpu_of_the_process_by_default() {
    let server = Server::builder().listen(Protocol::Native, (Ipv4Addr::LOCALHOST, 0)).start().expect("it starts");
    let shards = server.control().shards().expect("it runs");
    assert_eq!(shards.len(), allowed_cpus().expect("an affinity").len());
    server.stop();
    server.wait().expect("a clean end");
}

#[test]
fn what_is_set_counts() {
    let cpu = allowed_cpus().expect("an affinity")[0];
    let server = Server::builder()
        .listener(Listener::new(Protocol::Plain, (Ipv4Addr::LOCALHOST, 0)).with_channel(Some("lobby".into())))
        .listen(Protocol::Native, (Ipv4Addr::LOCALHOST, 0))
        .cpus([cpu, cpu])
        .policy(PolicyKind::Mutex)
        .start()
        .expect("it starts");
    assert_eq!(server.control().shards().expect("it runs").len(), 2);
    let [plain, native] = server.listeners() else { panic!("two listeners") };
    let mut plain = Peer::connect(plain.address);
    let mut native = Peer::connect_native(native.address);
    native.subscribe("lobby");
    plain.send_plain(b"from the plain listener");
    assert_eq!(plain.read_plain(), b"from the plain listener");
    server.stop();
    assert_eq!(server.wait().expect("a clean end").counters.deliveries, 2);
}

#[test]
fn a_server_without_a_listener_is_refused() {
    let error = Server::builder().start().expect_err("there is nowhere to listen");
    assert!(matches!(&error, StartError::Invalid(reason) if reason.contains("nowhere to listen")), "{error}");
}

#[test]
fn the_example_does_what_it_says() {
    let test = std::env::current_exe().expect("a path");
    let target = test.parent().and_then(|folder| folder.parent()).expect("in target/PROFILE/deps");
    let program = target.join("examples/embed");
    if !program.exists() {
        eprintln!("skipped: {} is not there; cargo test without --test builds it", program.display());
        return;
    }
    let finished = Process::start(program, [""; 0]).finish(Deadline::start());
    assert_eq!(finished.code, 0, "{finished:?}");
    let output = String::from_utf8_lossy(&finished.stdout);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].contains(" shards listen on 127.0.0.1:"), "{output}");
    assert_eq!(lines[1], "lobby: hello");
    assert_eq!(lines.last(), Some(&"1 published, 1 delivered"));
}
