//! Promise 4: a slow, stalled or hostile connection costs bounded memory and delays no other connection's messages. It is
//! told the exact number of messages that it missed.

use corecast_engine::{LagRule, PolicyKind, Protocol};
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::io::{ErrorKind, Write as _};

const PAYLOAD: usize = 16 * 1024;

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn subscriber(server: &LocalServer) -> Peer {
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.subscribe("news");
    peer
}

/// Returns a message that contains its number.
fn payload(number: u32) -> Vec<u8> {
    let mut payload = vec![0; PAYLOAD];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload
}

/// Publishes numbered messages; `healthy` receives each before the next is sent.
fn publish(publisher: &mut Peer, healthy: &mut Peer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let payload = payload(number);
        publisher.send_native(&Frame::Publish(Publish {
            channel: news(),
            payload: &payload,
            ack: None,
            no_echo: false,
        }));
        healthy.expect_native(&Frame::Message { channel: news(), payload: &payload });
    }
}

/// Enough messages to fill the socket buffers of both ends (at most 4 and 6 MiB by default) and the log.
const FLOOD: u32 = 1_600;

#[test]
fn a_stalled_subscriber_is_told_exactly_what_it_missed_and_holds_nobody_up() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.log_bytes = 256 * 1024;
        let server = LocalServer::start(config);
        let (mut stalled, mut healthy) = (subscriber(&server), subscriber(&server));
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        publish(&mut publisher, &mut healthy, 0..FLOOD);

        let (mut next, mut missed) = (0, 0);
        while next < FLOOD {
            stalled.read_native(|frame| match frame {
                Frame::Message { payload: got, .. } => {
                    assert_eq!(*got, payload(next), "message {next}");
                    next += 1;
                }
                Frame::Gap { count, .. } => {
                    missed += count;
                    next += u32::try_from(*count).expect("a gap within the flood");
                }
                other => panic!("{other:?}"),
            });
        }
        assert!(missed > 0, "the flood was too small to overflow");
        publish(&mut publisher, &mut healthy, FLOOD..FLOOD + 1);
        stalled.expect_native(&Frame::Message { channel: news(), payload: &payload(FLOOD) });
        assert_eq!(server.stop().counters.missed, missed);
    });
}

#[test]
fn where_lag_disconnects_the_reason_is_the_last_frame() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.log_bytes = 256 * 1024;
        config.limits.native_lag = LagRule::Disconnect;
        config.limits.linger = corecast_testkit::DEADLINE;
        let server = LocalServer::start(config);
        let (mut stalled, mut healthy) = (subscriber(&server), subscriber(&server));
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        publish(&mut publisher, &mut healthy, 0..FLOOD);
        let mut next = 0;
        let code = loop {
            let code = stalled.read_native(|frame| match frame {
                Frame::Message { payload: got, .. } => {
                    assert_eq!(*got, payload(next), "message {next}");
                    next += 1;
                    None
                }
                Frame::Close(reason) => Some(reason.code),
                other => panic!("{other:?}"),
            });
            if let Some(code) = code {
                break code;
            }
        };
        assert_eq!(Code::from_number(code), Some(Code::Lagged));
        stalled.expect_end();
        publish(&mut publisher, &mut healthy, FLOOD..FLOOD + 1);
        drop((stalled, healthy, publisher));
        assert_eq!(server.stop().closed.get(&Code::Lagged), Some(&1));
    });
}

#[test]
fn a_plain_connection_that_lags_is_closed_and_counted() {
    let mut config = LocalServer::config(PolicyKind::Sharded, 2);
    config.limits.log_bytes = 256 * 1024;
    config.limits.linger = std::time::Duration::from_millis(100);
    let server = LocalServer::start(config);
    let mut stalled = Peer::connect(server.address(Protocol::Plain));
    stalled.send_plain(b"here");
    stalled.expect_plain(b"here");
    let mut healthy = Peer::connect(server.address(Protocol::Plain));
    for number in 0..FLOOD {
        healthy.send_plain(&payload(number));
        healthy.expect_plain(&payload(number));
    }
    drop(healthy);
    assert_eq!(server.stop().closed.get(&Code::Lagged), Some(&1));
}

#[test]
fn a_client_that_reads_no_answers_is_not_read_until_it_does() {
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 1));
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.stream().set_nonblocking(true).expect("a non-blocking socket");
    let mut pings = Vec::new();
    for _ in 0..1_000 {
        corecast_wire::native::encode(&Frame::Ping(&[7; 125]), &mut pings);
    }
    // Write until nothing more is taken: then the server's memory for answers and all socket buffers are full.
    let mut sent = 0;
    let mut idle_since = std::time::Instant::now();
    while idle_since.elapsed() < std::time::Duration::from_millis(300) {
        let mut stream = peer.stream();
        match stream.write(&pings[sent % pings.len()..]) {
            Ok(taken) => {
                sent += taken;
                idle_since = std::time::Instant::now();
                assert!(sent < 1 << 30, "the server takes everything and keeps the answers");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                std::thread::yield_now();
            }
        }
    }
    peer.stream().set_nonblocking(false).expect("a blocking socket");
    for _ in 0..sent / (10 + 125) {
        peer.expect_native(&Frame::Pong(&[7; 125]));
    }
}
