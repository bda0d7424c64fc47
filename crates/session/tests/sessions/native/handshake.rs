//! The first frame of a connection.

use super::{HELLO, encoded, every_kind, frames, greet, join};
use crate::harness::Shard;
use corecast_session::{Native, Session};
use corecast_wire::native::{Frame, VERSION};
use corecast_wire::{Code, FrameLimits};

#[test]
fn a_new_connection_is_told_nothing_and_subscribed_to_nothing() {
    const { assert!(Native::HAS_HANDSHAKE) };
    let mut shard = Shard::new();
    let connection = shard.connect(Native::new(FrameLimits::NATIVE));
    assert_eq!(connection.take_received(), b"");
    assert_eq!(shard.subscriptions(&connection), 0);
}

#[test]
fn welcome_names_the_lower_version_and_the_limit_on_frames() {
    for version in [1, 2, u16::MAX] {
        let mut shard = Shard::new();
        let mut connection = shard.connect(Native::new(FrameLimits { max_frame: 4096 }));
        shard.receive(&mut connection, &encoded(&[Frame::Hello { version }])).unwrap();
        let welcome = Frame::Welcome { version: VERSION, max_frame: 4096 };
        assert_eq!(frames(&connection.take_received()), [welcome], "for version {version}");
    }
}

#[test]
fn version_0_is_refused() {
    let mut shard = Shard::new();
    let mut connection = shard.connect(Native::new(FrameLimits::NATIVE));
    let end = shard.receive(&mut connection, &encoded(&[Frame::Hello { version: 0 }])).unwrap_err();
    assert_eq!(end.code, Code::UnsupportedVersion);
    assert_eq!(connection.take_received(), b"");
}

#[test]
fn every_other_first_frame_is_refused_and_has_no_effect() {
    for first in every_kind().into_iter().filter(|frame| *frame != HELLO) {
        let mut shard = Shard::new();
        let bystander = join(&mut shard, "lobby");
        let mut connection = shard.connect(Native::new(FrameLimits::NATIVE));
        // A HELLO after it does not repair that.
        let end = shard.receive(&mut connection, &encoded(&[first, HELLO])).unwrap_err();
        assert_eq!(end.code, Code::HelloExpected, "{first:?}");
        assert_eq!(connection.take_received(), b"", "{first:?}");
        assert_eq!(bystander.take_received(), b"", "{first:?}");
        assert_eq!(shard.subscriptions(&connection), 0, "{first:?}");
    }
}

#[test]
fn a_client_need_not_wait_for_welcome() {
    let mut shard = Shard::new();
    let mut connection = shard.connect(Native::new(FrameLimits::NATIVE));
    assert_eq!(shard.receive(&mut connection, &encoded(&[HELLO, Frame::Ping(b"1")])).unwrap(), 2);
    assert_eq!(frames(&connection.take_received()), [super::WELCOME, Frame::Pong(b"1")]);
}

#[test]
fn a_second_hello_ends_the_connection() {
    let mut shard = Shard::new();
    let mut connection = greet(&mut shard);
    let end = shard.receive(&mut connection, &encoded(&[HELLO])).unwrap_err();
    assert_eq!(end.code, Code::UnexpectedKind);
    assert_eq!(connection.take_received(), b"");
}
