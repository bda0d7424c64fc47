//! Rules of docs/PROTOCOL.md about answers, each verified with a server.

use corecast_engine::Protocol;
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::native::{self, Frame, Reason};
use corecast_wire::{ChannelName, Code};

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    native::encode(frame, &mut bytes);
    bytes
}

/// Returns the bytes with one byte replaced, and a correct checksum.
fn resealed(mut bytes: Vec<u8>, index: usize, value: u8) -> Vec<u8> {
    bytes[index] = value;
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Checks that a connection that begins with these bytes is refused with this code, under every policy and number of
/// shards.
fn refused(greets: bool, bytes: &[u8], code: Code) {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peer = Peer::connect(server.address(Protocol::Native));
        if greets {
            peer.greet();
        }
        peer.send(bytes);
        peer.expect_refusal(code);
    });
}

#[test]
fn a_frame_is_checked_by_itself_before_it_is_asked_whether_it_may_come_now() {
    let ping = encoded(&Frame::Ping(b"x"));
    refused(false, &ping, Code::HelloExpected);
    refused(false, &encoded(&Frame::Published { token: 1 }), Code::HelloExpected);
    refused(false, &resealed(ping.clone(), 8, 99), Code::UnknownKind);
    refused(false, &resealed(ping, 9, 1), Code::Malformed);
    refused(true, &encoded(&Frame::Hello { version: 0 }), Code::UnexpectedKind);
    refused(true, &encoded(&Frame::Published { token: 1 }), Code::UnexpectedKind);
    refused(true, &resealed(encoded(&Frame::Published { token: 1 }), 9, 1), Code::Malformed);
}

#[test]
fn any_code_of_a_clients_close_is_answered_with_close_200() {
    for number in [0, 99, 101, 211, u16::MAX] {
        refused(true, &encoded(&Frame::Close(Reason { code: number, text: "so" })), Code::Normal);
    }
}

#[test]
fn a_pong_that_nobody_asked_for_is_no_error() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        peer.send_native(&Frame::Pong(b"unasked"));
        peer.send_native(&Frame::Ping(b"and now?"));
        peer.expect_native(&Frame::Pong(b"and now?"));
    });
}

#[test]
fn a_half_close_is_answered_with_close_200_and_inside_a_frame_with_error_103() {
    for (bytes, code) in [(&[][..], Code::Normal), (&[0, 0, 0][..], Code::Malformed)] {
        everywhere(|policy, shards| {
            let server = LocalServer::start(LocalServer::config(policy, shards));
            let mut peer = Peer::connect_native(server.address(Protocol::Native));
            peer.subscribe("news");
            peer.send(bytes);
            peer.shutdown();
            peer.expect_refusal(code);
        });
    }
}

#[test]
fn answers_to_a_channel_come_in_the_order_of_its_requests_and_those_of_a_kind_too() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        let channels = ["a", "b"].map(|name| ChannelName::new(name).expect("a valid name"));
        let mut bytes = Vec::new();
        for (round, channel) in (0_u8..).zip(channels.iter().cycle().take(6)) {
            native::encode(&Frame::Subscribe((*channel).into()), &mut bytes);
            native::encode(&Frame::Ping(&[round]), &mut bytes);
            native::encode(&Frame::Unsubscribe(*channel), &mut bytes);
        }
        peer.send(&bytes);
        let (mut pongs, mut of_channels) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..18 {
            peer.read_native(|frame| match frame {
                Frame::Pong(body) => pongs.extend_from_slice(body),
                Frame::Subscribed(channel) => of_channels[usize::from(*channel == channels[1])].push('+'),
                Frame::Unsubscribed(channel) => of_channels[usize::from(*channel == channels[1])].push('-'),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(pongs, [0, 1, 2, 3, 4, 5]);
        assert_eq!(of_channels, [['+', '-', '+', '-', '+', '-']; 2]);
    });
}

#[test]
fn its_own_echo_tells_a_plain_connection_that_it_is_subscribed() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut peers: Vec<Peer> = Vec::new();
        for number in 0..8_u8 {
            let mut peer = Peer::connect(server.address(Protocol::Plain));
            peer.send_plain(&[number]);
            peer.expect_plain(&[number]);
            for earlier in &mut peers {
                earlier.expect_plain(&[number]);
            }
            peers.push(peer);
        }
    });
}
