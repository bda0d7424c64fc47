//! `plain`: every connection is subscribed to the listener's channel and publishes to it.

use crate::contract::Protocol;
use crate::harness::{Connection, Shard};
use crate::native;
use corecast_fanout::{FanoutLimits, LagRule};
use corecast_session::{End, Plain, Session};
use corecast_wire::{Code, Decode, Step};

/// The channel of every listener in these tests.
const CHANNEL: &str = "lobby";
/// The greatest length field that these listeners accept.
const MAX_FRAME: u32 = 64;

pub(crate) struct PlainProtocol;

impl Protocol for PlainProtocol {
    type Session = Plain;

    fn session() -> Plain {
        plain(None)
    }

    fn opening() -> Vec<u8> {
        Vec::new()
    }

    fn publish(payload: &[u8]) -> Vec<u8> {
        encoded(&[payload])
    }

    fn violation() -> Vec<u8> {
        (MAX_FRAME + 1).to_be_bytes().to_vec()
    }

    fn payloads(received: &[u8]) -> Vec<Vec<u8>> {
        payloads(received)
    }
}

fn plain(lag: Option<LagRule>) -> Plain {
    Plain { channel: CHANNEL.into(), limits: corecast_wire::FrameLimits { max_frame: MAX_FRAME }, lag }
}

fn encoded(payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        corecast_wire::plain::encode(payload, &mut bytes);
    }
    bytes
}

fn payloads(mut received: &[u8]) -> Vec<Vec<u8>> {
    let decoder = corecast_wire::plain::Decoder { limits: corecast_wire::FrameLimits::PLAIN };
    let mut payloads = Vec::new();
    while !received.is_empty() {
        let Ok(Step::Frame { frame, consumed }) = decoder.decode(received) else { panic!("no frame: {received:?}") };
        payloads.push(frame.to_vec());
        received = &received[consumed..];
    }
    payloads
}

#[test]
fn a_connection_is_subscribed_once_it_is_open_and_told_nothing() {
    let mut shard = Shard::new();
    let connection = shard.connect(plain(None));
    assert_eq!(shard.subscriptions(&connection), 1);
    assert_eq!(connection.take_received(), b"");
}

#[test]
fn every_connection_receives_every_frame_the_sender_included() {
    let mut shard = Shard::new();
    let mut connections: Vec<_> = (0..3).map(|_| shard.connect(plain(None))).collect();
    assert_eq!(shard.receive(&mut connections[1], &encoded(&[b"hello", b""])).unwrap(), 2);
    for connection in &connections {
        assert_eq!(payloads(&connection.take_received()), [&b"hello"[..], b""]);
    }
}

#[test]
fn other_channels_do_not_reach_it() {
    let mut shard = Shard::new();
    let other = shard.connect(Plain { channel: "elsewhere".into(), ..plain(None) });
    let mut connection = shard.connect(plain(None));
    shard.receive(&mut connection, &encoded(&[b"hello"])).unwrap();
    assert_eq!(other.take_received(), b"");
}

#[test]
fn each_protocol_is_received_in_the_others() {
    let mut shard = Shard::new();
    let mut plain = shard.connect(plain(None));
    let mut native = native::join(&mut shard, CHANNEL);
    shard.receive(&mut plain, &encoded(&[b"from plain"])).unwrap();
    shard.receive(&mut native, &native::encoded(&[native::publish(CHANNEL, b"from native")])).unwrap();
    assert_eq!(payloads(&plain.take_received()), [&b"from plain"[..], b"from native"]);
    let messages = [native::message(CHANNEL, b"from plain"), native::message(CHANNEL, b"from native")];
    assert_eq!(native::frames(&native.take_received()), messages);
}

#[test]
fn a_length_over_the_limit_ends_the_connection() {
    let mut shard = Shard::new();
    let mut connection = shard.connect(plain(None));
    let greatest = vec![7; MAX_FRAME as usize];
    shard.receive(&mut connection, &encoded(&[&greatest])).unwrap();
    assert_eq!(payloads(&connection.take_received()), [greatest]);
    let end = shard.receive(&mut connection, &(MAX_FRAME + 1).to_be_bytes()).unwrap_err();
    assert_eq!(end.code, Code::FrameTooLarge);
}

#[test]
fn the_lag_of_the_listener_counts_and_else_that_of_the_server() {
    use LagRule::{Disconnect, Skip};
    for (of_listener, of_server, closes) in
        [(Some(Skip), Disconnect, false), (Some(Disconnect), Skip, true), (None, Skip, false), (None, Disconnect, true)]
    {
        let mut shard = Shard::with(FanoutLimits { log_bytes: 100, lag: [of_server; 4], ..FanoutLimits::default() });
        let slow = shard.connect(plain(of_listener));
        slow.stall();
        let mut sender = shard.connect(plain(None));
        publish_numbers(&mut shard, &mut sender, 0..20);
        assert_eq!(shard.has_lagged(&slow), closes, "{of_listener:?} {of_server:?}");
        shard.resume(&slow);
        let received = payloads(&slow.take_received());
        if closes {
            assert!(received.is_empty(), "{received:?}");
        } else {
            let last: Vec<_> = (20 - u8::try_from(received.len()).unwrap()..20).map(|number| vec![number]).collect();
            assert_eq!(received, last, "nothing between the payloads tells of those that are missing");
            assert!((1..20).contains(&received.len()), "{} of 20", received.len());
        }
    }
}

fn publish_numbers(shard: &mut Shard, sender: &mut Connection<Plain>, numbers: std::ops::Range<u8>) {
    for number in numbers {
        shard.receive(sender, &encoded(&[&[number]])).unwrap();
    }
}

#[test]
fn it_cannot_say_why_it_ends_and_asks_for_no_sign_of_life() {
    const { assert!(Plain::PING.is_none() && !Plain::HAS_HANDSHAKE) };
    for code in Code::ALL {
        let mut bytes = Vec::new();
        plain(None).close_frame(&End::new(*code, "a reason"), &mut bytes);
        assert_eq!(bytes, b"", "{code:?}");
    }
}
