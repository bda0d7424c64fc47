//! The subscription chooses the effect of lagging; in `plain` the listener does, and for all others the server.

use corecast_engine::{LagRule, PolicyKind, Protocol};
use corecast_testkit::{Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{self, Frame, Publish, Subscribe};
use corecast_wire::{ChannelName, Code};

const PAYLOAD: usize = 256 * 1024;
/// More than a log and the socket buffers of both ends hold (at most 4 and 6 MiB by default).
const FLOOD: u32 = 100;

fn name(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).expect("a valid name")
}

fn subscriber(server: &LocalServer, channel: &str, lag: Option<native::Lag>) -> Peer {
    let mut peer = Peer::connect_native(server.address(Protocol::Native));
    peer.send_native(&Frame::Subscribe(Subscribe { channel: name(channel), lag }));
    peer.expect_native(&Frame::Subscribed(name(channel)));
    peer
}

/// Publishes numbered messages; `reader` receives each before the next is sent.
fn flood(server: &LocalServer, channel: &str, reader: &mut Peer, messages: u32) {
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    for number in 0..messages {
        let mut payload = vec![0; PAYLOAD];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let publish = Publish { channel: name(channel), payload: &payload, ack: None, no_echo: false };
        publisher.send_native(&Frame::Publish(publish));
        reader.expect_native(&Frame::Message { channel: name(channel), payload: &payload });
    }
}

/// Reads messages and gaps until all messages are accounted for. Returns the number missed.
fn read_with_gaps(peer: &mut Peer, messages: u32) -> u64 {
    let (mut seen, mut missed) = (0, 0);
    while seen < u64::from(messages) {
        peer.read_native(|frame| match frame {
            Frame::Message { payload, .. } => {
                assert_eq!(payload[..4], u32::try_from(seen).expect("a small number").to_be_bytes());
                seen += 1;
            }
            Frame::Gap { count, .. } => {
                seen += count;
                missed += count;
            }
            other => panic!("{other:?}"),
        });
    }
    missed
}

#[test]
fn two_subscribers_of_a_channel_may_choose_differently() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.log_bytes = 1 << 20;
        config.limits.native_lag = LagRule::Disconnect;
        let server = LocalServer::start(config);
        let mut skips = subscriber(&server, "news", Some(native::Lag::Skip));
        let disconnects = [Some(native::Lag::Disconnect), None].map(|lag| subscriber(&server, "news", lag));
        let ids = disconnects.each_ref().map(|peer| server.connection(peer));
        let mut reader = subscriber(&server, "news", Some(native::Lag::Skip));
        flood(&server, "news", &mut reader, FLOOD);
        assert!(read_with_gaps(&mut skips, FLOOD) > 0);
        drop(disconnects);
        wait_until(Deadline::start(), "both to be ended for lagging", || {
            let journal = server.control().journal().expect("the server runs");
            let lagged = journal.iter().filter(|record| record.code == Code::Lagged);
            lagged.filter(|record| ids.contains(&record.connection)).count() == 2
        });
    });
}

#[test]
fn a_plain_listener_may_skip_without_telling_and_counts_it() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.log_bytes = 1 << 20;
        for listener in config.listeners.iter_mut().filter(|listener| listener.protocol == Protocol::Plain) {
            (listener.channel, listener.lag) = (Some("news".to_owned()), Some(LagRule::Skip));
        }
        let server = LocalServer::start(config);
        let mut plain = Peer::connect(server.address(Protocol::Plain));
        plain.send_plain(b"here");
        plain.expect_plain(b"here");
        let mut reader = subscriber(&server, "news", None);
        flood(&server, "news", &mut reader, FLOOD);
        // The frames that it receives are whole and in order, and it stays to the end. While it is behind, it may also miss
        // messages published meanwhile; once it has received one of them, it misses no more.
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        let mut publish = |payload| {
            let publish = Publish { channel: name("news"), payload, ack: None, no_echo: false };
            publisher.send_native(&Frame::Publish(publish));
        };
        let (mut sent, mut got, mut last, mut caught_up) = (u64::from(FLOOD), 0, None, false);
        loop {
            match &*plain.read_plain() {
                b"final" => break,
                b"meanwhile" if !caught_up => {
                    caught_up = true;
                    publish(b"final");
                }
                b"meanwhile" => {}
                payload => {
                    let number = u32::from_be_bytes(payload[..4].try_into().expect("four bytes"));
                    assert!(last < Some(number), "{number} behind {last:?}");
                    last = Some(number);
                    publish(b"meanwhile");
                    sent += 1;
                }
            }
            got += 1;
        }
        let missed = server.stop().counters.missed;
        assert!(missed > 0 && missed == sent - got, "{missed} of {sent} missed, {got} came");
    });
}

#[test]
fn over_the_bound_of_all_logs_the_farthest_behind_pays_and_the_publisher_does_not_wait() {
    let mut config = LocalServer::config(PolicyKind::Sharded, 1);
    config.limits.log_bytes = 64 << 20;
    config.limits.shard_log_bytes = 8 << 20;
    let server = LocalServer::start(config);
    let mut far = subscriber(&server, "far", None);
    let mut near = subscriber(&server, "near", None);
    let mut readers = ["far", "near"].map(|channel| subscriber(&server, channel, None));
    // `far` has all the room of its socket and of the log to fill; `near` is only two messages behind.
    flood(&server, "near", &mut readers[1], 2);
    flood(&server, "far", &mut readers[0], FLOOD);
    assert_eq!(read_with_gaps(&mut near, 2), 0);
    assert!(read_with_gaps(&mut far, FLOOD) > 0);
}
