//! A panic in one shard ends the whole server process. The panic is raised in a log, in tests only.

use super::serve;
use crate::logging::Log;
use crate::settings::Settings;
use clap::Parser;
use corecast_testkit::{Deadline, Peer, Process};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Publish};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Set in the process that is the server.
const CHILD: &str = "THE_SERVER_THAT_PANICS";

/// Enough connections that every shard has one, except once in two thousand million times.
const CLIENTS: usize = 32;

/// Panics in the shard that logs the disconnect of a connection.
struct PanicsAtDisconnect;

impl<S: Subscriber> Layer<S> for PanicsAtDisconnect {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        assert!(event.metadata().target() != "corecast_engine::journal", "an invariant\nis broken");
    }
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

/// Does everything that `corecast serve` does, except install its log.
fn serve_and_panic() -> ! {
    tracing_subscriber::registry().with(PanicsAtDisconnect).init();
    let Flags { settings } = Flags::parse_from(["serve", "--listen", "native://127.0.0.1:0", "--shards", "2"]);
    let log = Log::start(std::io::stderr()).expect("a thread");
    let outcome = serve(&settings, &settings.engine().expect("valid settings"), &log);
    unreachable!("the process has ended: {outcome:?}");
}

/// Starts this test as a separate process that is the server. Returns it with its address.
fn start_server() -> (Process, std::net::SocketAddr) {
    let mut command = Process::command(std::env::current_exe().expect("this test"));
    let name = "serve::panicking::a_panic_of_one_shard_ends_the_process_and_every_connection_at_once_and_says_where";
    command.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env("RUST_BACKTRACE", "0");
    let mut process = Process::spawn(command);
    loop {
        let line = process.text_line(Deadline::start()).expect("a line that says where it listens");
        if let Some((_, address)) = line.split_once("listening native ") {
            return (process, address.parse().expect("an address"));
        }
    }
}

#[test]
fn a_panic_of_one_shard_ends_the_process_and_every_connection_at_once_and_says_where() {
    if std::env::var_os(CHILD).is_some() {
        serve_and_panic();
    }
    let (process, address) = start_server();
    let channel = ChannelName::new("lobby").expect("a valid name");
    let mut clients: Vec<Peer> = (0..CLIENTS).map(|_| Peer::connect_native(address)).collect();
    for client in &mut clients {
        client.subscribe(channel.as_str());
    }
    let mut leaving = Peer::connect_native(address);
    leaving.send_native(&Frame::Publish(Publish { channel, payload: b"hello", ack: None, no_echo: false }));
    for client in &mut clients {
        client.expect_native(&Frame::Message { channel, payload: b"hello" });
    }
    drop(leaving);
    for client in &mut clients {
        client.expect_end();
    }
    let finished = process.finish(Deadline::start());
    assert_eq!(finished.code, 1, "{finished:?}");
    let (before, place) = finished.stderr.split_once(" panicked at ").expect("a line that says so");
    assert!(before.ends_with("corecast: shard-0") || before.ends_with("corecast: shard-1"), "{finished:?}");
    assert!(place.starts_with(file!()) && place.ends_with(": an invariant is broken\n"), "{finished:?}");
}
