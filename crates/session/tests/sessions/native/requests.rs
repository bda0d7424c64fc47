//! The answer to each frame after the handshake, or the end of the connection.

use super::{WELCOME, encoded, every_kind, frames, greet, join, message, name, publish, subscribe};
use crate::harness::Shard;
use corecast_fanout::FanoutLimits;
use corecast_session::{End, Native, Session};
use corecast_wire::Code;
use corecast_wire::native::{Frame, MAX_PING, Reason};

#[test]
fn each_kind_is_answered_or_ends_the_connection() {
    for frame in every_kind() {
        let mut shard = Shard::new();
        let mut connection = greet(&mut shard);
        let outcome = shard.receive(&mut connection, &encoded(&[frame])).map_err(|End { code, .. }| code);
        let (expected, answer) = match frame {
            Frame::Subscribe(subscription) => (Ok(1), Some(Frame::Subscribed(subscription.channel))),
            Frame::Unsubscribe(channel) => (Ok(1), Some(Frame::Unsubscribed(channel))),
            Frame::Publish(_) => (Ok(1), Some(Frame::Published { token: 7 })),
            Frame::Ping(body) => (Ok(1), Some(Frame::Pong(body))),
            Frame::Pong(_) => (Ok(1), None),
            Frame::Close(_) => (Err(Code::Normal), None),
            _ => (Err(Code::UnexpectedKind), None),
        };
        assert_eq!(outcome, expected, "{frame:?}");
        assert_eq!(frames(&connection.take_received()), Vec::from_iter(answer), "{frame:?}");
    }
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let mut shard = Shard::new();
    let mut connection = greet(&mut shard);
    let requests = [
        Frame::Ping(b"1"),
        subscribe("lobby", None),
        super::acknowledged("lobby", b"hello", 7),
        Frame::Ping(b"2"),
        super::acknowledged("elsewhere", b"unheard", 8),
    ];
    assert_eq!(shard.receive(&mut connection, &encoded(&requests)).unwrap(), requests.len());
    let answers = [
        Frame::Pong(b"1"),
        Frame::Subscribed(name("lobby")),
        Frame::Published { token: 7 },
        Frame::Pong(b"2"),
        Frame::Published { token: 8 },
        message("lobby", b"hello"),
    ];
    assert_eq!(frames(&connection.take_received()), answers);
}

#[test]
fn a_pong_has_the_body_of_its_ping() {
    let mut shard = Shard::new();
    let mut connection = greet(&mut shard);
    let longest = [9; MAX_PING];
    shard.receive(&mut connection, &encoded(&[Frame::Ping(b""), Frame::Ping(&longest)])).unwrap();
    assert_eq!(frames(&connection.take_received()), [Frame::Pong(b""), Frame::Pong(&longest)]);
}

#[test]
fn the_servers_ping_is_a_frame_that_clients_answer() {
    let ping = Native::PING.unwrap();
    let mut bytes = encoded(&[WELCOME]);
    ping(&mut bytes);
    assert_eq!(frames(&bytes), [WELCOME, Frame::Ping(b"")], "it is appended");
}

#[test]
fn subscribing_again_is_answered_and_delivers_once() {
    let mut shard = Shard::new();
    let mut connection = join(&mut shard, "lobby");
    shard.receive(&mut connection, &encoded(&[subscribe("lobby", None), publish("lobby", b"once")])).unwrap();
    let expected = [Frame::Subscribed(name("lobby")), message("lobby", b"once")];
    assert_eq!(frames(&connection.take_received()), expected);
    assert_eq!(shard.subscriptions(&connection), 1);
}

#[test]
fn unsubscribing_ends_one_subscription_behind_its_last_message() {
    let mut shard = Shard::new();
    let mut connection = join(&mut shard, "lobby");
    shard.receive(&mut connection, &encoded(&[subscribe("other", None)])).unwrap();
    connection.take_received();
    let requests = [publish("lobby", b"last"), Frame::Unsubscribe(name("lobby"))];
    shard.receive(&mut connection, &encoded(&requests)).unwrap();
    let expected = [message("lobby", b"last"), Frame::Unsubscribed(name("lobby"))];
    assert_eq!(frames(&connection.take_received()), expected);
    shard.receive(&mut connection, &encoded(&[publish("lobby", b"unheard"), publish("other", b"heard")])).unwrap();
    assert_eq!(frames(&connection.take_received()), [message("other", b"heard")]);
}

#[test]
fn one_subscription_over_the_limit_ends_the_connection() {
    let mut shard = Shard::with(FanoutLimits { max_subscriptions: 2, ..FanoutLimits::default() });
    let mut connection = join(&mut shard, "1");
    // The limit counts channels, not requests.
    let requests = [subscribe("2", None), subscribe("1", None), subscribe("2", None)];
    assert_eq!(shard.receive(&mut connection, &encoded(&requests)).unwrap(), 3);
    connection.take_received();

    let requests = [Frame::Ping(b"before"), subscribe("3", None), Frame::Ping(b"behind")];
    let end = shard.receive(&mut connection, &encoded(&requests)).unwrap_err();
    assert_eq!(end.code, Code::TooManySubscriptions);
    assert_eq!(end.text, "a connection may hold 2 subscriptions");
    assert_eq!(frames(&connection.take_received()), [Frame::Pong(b"before")]);
    assert_eq!(shard.subscriptions(&connection), 2);
}

#[test]
fn the_code_and_text_of_a_clients_close_have_no_effect() {
    for code in [Code::Normal, Code::BadChecksum, Code::Administrator] {
        let mut shard = Shard::new();
        let mut connection = greet(&mut shard);
        let close = Frame::Close(Reason::new(code, "because"));
        let end = shard.receive(&mut connection, &encoded(&[close, Frame::Ping(b"behind")])).unwrap_err();
        assert_eq!(end.code, Code::Normal);
        assert_eq!(connection.take_received(), b"", "nothing behind CLOSE is read");
    }
}
