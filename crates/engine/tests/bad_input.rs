//! Each bad input has one defined outcome, and disturbs no other connection.

use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::native::{self, Frame, Publish};
use corecast_wire::{ChannelName, Code};
use std::time::Duration;

/// A server and two of its clients, which receive each other's messages before and after the bad input. The clients are
/// dropped first, because a stopping server waits for its clients.
struct Bystanders {
    peers: [Peer; 2],
    heard: u8,
    server: LocalServer,
}

impl Bystanders {
    /// Runs a test with every policy.
    fn everywhere(test: impl Fn(Self)) {
        everywhere(|policy, shards| test(Self::of(policy, shards)));
    }

    fn of(policy: PolicyKind, shards: usize) -> Self {
        let mut config = LocalServer::config(policy, shards);
        // Bystanders are silent while others send, for any time.
        config.limits.idle_timeout = Duration::ZERO;
        let server = LocalServer::start(config);
        let peers = [(); 2].map(|()| {
            let mut peer = Peer::connect_native(server.address(Protocol::Native));
            peer.subscribe("bystanders");
            peer
        });
        Self { peers, heard: 0, server }
    }

    fn native(&self) -> Peer {
        Peer::connect_native(self.server.address(Protocol::Native))
    }

    fn raw(&self, protocol: Protocol) -> Peer {
        Peer::connect(self.server.address(protocol))
    }

    fn undisturbed(&mut self) {
        self.heard += 1;
        let payload = &[self.heard];
        let channel = ChannelName::new("bystanders").expect("a valid name");
        let publish = Publish { channel, payload, ack: None, no_echo: false };
        self.peers[0].send_native(&Frame::Publish(publish));
        for peer in &mut self.peers {
            peer.expect_native(&Frame::Message { channel, payload });
        }
    }

    /// Returns the number of connections closed for this reason.
    fn closed(self, code: Code) -> u64 {
        let Self { peers, server, .. } = self;
        drop(peers);
        server.stop().closed.get(&code).copied().unwrap_or(0)
    }
}

/// Returns a frame with any content and a correct checksum.
fn checked(content: &[u8]) -> Vec<u8> {
    // A frame is its length, its checksum and the content.
    let mut frame = u32::try_from(content.len() + 4).expect("small").to_be_bytes().to_vec();
    frame.extend_from_slice(&crc32fast::hash(content).to_be_bytes());
    frame.extend_from_slice(content);
    frame
}

fn refused(bytes: &[u8], code: Code) {
    Bystanders::everywhere(|mut bystanders| {
        bystanders.undisturbed();
        let mut peer = bystanders.native();
        peer.send(bytes);
        peer.expect_refusal(code);
        drop(peer);
        bystanders.undisturbed();
        assert_eq!(bystanders.closed(code), 1);
    });
}

#[test]
fn a_length_over_the_limit() {
    refused(&(1024 * 1024 + 1_u32).to_be_bytes(), Code::FrameTooLarge);
}

#[test]
fn a_bad_checksum() {
    let mut frame = checked(&[11, 0, b'x']);
    *frame.last_mut().expect("not empty") ^= 1;
    refused(&frame, Code::BadChecksum);
}

#[test]
fn an_unknown_kind() {
    refused(&checked(&[99, 0]), Code::UnknownKind);
}

#[test]
fn a_malformed_body() {
    refused(&checked(&[7, 0]), Code::Malformed);
}

#[test]
fn an_invalid_channel() {
    refused(&checked(&[3, 0, 2, b'a', b'\n']), Code::InvalidChannel);
}

#[test]
fn a_frame_that_only_a_server_sends() {
    let mut frame = Vec::new();
    native::encode(&Frame::Published { token: 1 }, &mut frame);
    refused(&frame, Code::UnexpectedKind);
}

#[test]
fn no_hello_and_a_version_that_never_was() {
    Bystanders::everywhere(|mut bystanders| {
        let mut peer = bystanders.raw(Protocol::Native);
        peer.send_native(&Frame::Ping(b""));
        peer.expect_refusal(Code::HelloExpected);
        let mut peer = bystanders.raw(Protocol::Native);
        peer.send_native(&Frame::Hello { version: 0 });
        peer.expect_refusal(Code::UnsupportedVersion);
        bystanders.undisturbed();
    });
}

#[test]
fn one_subscription_too_many() {
    everywhere(|policy, shards| {
        let mut config = LocalServer::config(policy, shards);
        config.limits.max_subscriptions = 2;
        let server = LocalServer::start(config);
        let mut peer = Peer::connect_native(server.address(Protocol::Native));
        peer.subscribe("a");
        peer.subscribe("b");
        peer.subscribe("a");
        peer.send_native(&Frame::Subscribe(ChannelName::new("c").expect("a valid name").into()));
        peer.expect_refusal(Code::TooManySubscriptions);
    });
}

#[test]
fn a_plain_length_over_the_limit_closes() {
    Bystanders::everywhere(|mut bystanders| {
        let mut peer = bystanders.raw(Protocol::Plain);
        peer.send(&(64 * 1024 + 1_u32).to_be_bytes());
        peer.expect_end();
        bystanders.undisturbed();
        assert_eq!(bystanders.closed(Code::FrameTooLarge), 1);
    });
}

#[test]
fn a_frame_that_never_completes_and_a_peer_that_vanishes_inside_one() {
    Bystanders::everywhere(|mut bystanders| {
        let mut half = bystanders.native();
        half.send(&[0, 0, 0, 20, 1]);
        let mut vanishing = bystanders.native();
        vanishing.send(&[0, 0, 0, 20, 1]);
        vanishing.shutdown();
        vanishing.expect_refusal(Code::Malformed);
        let mut resetting = bystanders.native();
        resetting.send(&[0, 0, 0, 20, 1]);
        resetting.reset();
        bystanders.undisturbed();
        half.send(&[2; 19]);
        half.expect_refusal(Code::BadChecksum);
    });
}

#[test]
fn ten_thousand_tiny_frames_in_one_write() {
    Bystanders::everywhere(|mut bystanders| {
        let mut peer = bystanders.native();
        peer.subscribe("tiny");
        let channel = ChannelName::new("tiny").expect("a valid name");
        let mut bytes = Vec::new();
        for number in 0..10_000_u32 {
            let publish = Publish { channel, payload: &number.to_be_bytes(), ack: None, no_echo: false };
            native::encode(&Frame::Publish(publish), &mut bytes);
        }
        peer.send(&bytes);
        for number in 0..10_000_u32 {
            peer.expect_native(&Frame::Message { channel, payload: &number.to_be_bytes() });
        }
        bystanders.undisturbed();
    });
}

#[test]
fn a_frame_one_byte_at_a_time() {
    Bystanders::everywhere(|mut bystanders| {
        let mut peer = bystanders.raw(Protocol::Native);
        let mut bytes = Vec::new();
        native::encode(&Frame::Hello { version: 1 }, &mut bytes);
        native::encode(&Frame::Ping(b"slowly"), &mut bytes);
        for byte in bytes {
            peer.send(&[byte]);
        }
        peer.read_native(|frame| assert!(matches!(frame, Frame::Welcome { .. })));
        peer.expect_native(&Frame::Pong(b"slowly"));
        bystanders.undisturbed();
    });
}
