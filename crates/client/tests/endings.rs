//! Every way in which a connection ends is reported once, with its reason, and after everything that came before.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Peer, channel, close, greeted, impatient, message, options};
use corecast_client::{Error, Event, Options, PublishOptions, Violation};
use corecast_wire::native::{Frame, Reason};
use corecast_wire::{Code, DecodeError};
use std::io::Write;
use std::time::Duration;

/// Returns the error that follows one message, from a server that sends that message and then runs `script`.
fn end_behind_a_message(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> Error {
    let (mut client, server) = greeted(options, |peer| {
        peer.send(&message("a", b"before"));
        script(peer);
    });
    server.join().unwrap();
    assert!(matches!(client.next_event().unwrap(), Event::Message { .. }));
    let error = client.next_event().unwrap_err();
    let again = client.next_event().unwrap_err();
    assert_eq!(error.to_string(), again.to_string(), "the same end, however often asked");
    assert_eq!(client.subscribe("a").unwrap_err().to_string(), again.to_string());
    error
}

#[test]
fn the_delay_that_a_stopping_server_suggests_is_told_apart_from_its_words() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.send(&Frame::Close(Reason::new(Code::GoingAway, "bye\u{0}2500")));
    });
    let delay = Some(std::time::Duration::from_millis(2500));
    let event = Event::Closed { code: 201, text: "bye".to_owned(), reconnect_delay: delay };
    assert_eq!(client.next_event().unwrap(), event);
    let error = client.next_event().unwrap_err();
    assert!(
        matches!(&error, Error::Closed { text, reconnect_delay, .. } if text == "bye" && *reconnect_delay == delay)
    );
    assert!(error.to_string().ends_with("201 going_away \"bye\"; connect again after 2500 ms"), "{error}");
    server.join().unwrap();
}

#[test]
fn a_close_is_the_last_event() {
    let (mut client, server) = greeted(&options(), |peer| {
        // What follows CLOSE has no meaning.
        peer.send_all(&[message("a", b"1"), close(Code::Lagged, "too slow"), message("a", b"2")]);
    });
    server.join().unwrap();
    assert!(matches!(client.next_event().unwrap(), Event::Message { .. }));
    assert_eq!(
        client.next_event().unwrap(),
        Event::Closed { code: 202, text: "too slow".to_owned(), reconnect_delay: None }
    );
    for _ in 0..2 {
        let error = client.next_event().unwrap_err();
        assert!(matches!(&error, Error::Closed { code: 202, text, .. } if text == "too slow"), "{error:?}");
    }
}

#[test]
fn a_close_of_a_later_version_is_no_violation() {
    let (mut client, server) = greeted(&options(), |peer| peer.send(&Frame::Close(Reason { code: 999, text: "" })));
    server.join().unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Closed { code: 999, text: String::new(), reconnect_delay: None });
    assert!(client.next_event().unwrap_err().to_string().contains("999 unknown code"));
}

#[test]
fn a_close_ends_the_wait_for_an_answer() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        peer.send(&close(Code::TooManySubscriptions, "1,024 already"));
    });
    let error = client.subscribe("a").unwrap_err();
    assert!(matches!(error, Error::Closed { code: 203, .. }), "{error:?}");
    server.join().unwrap();
}

#[test]
fn an_error_frame_is_a_rejection() {
    let error = end_behind_a_message(&options(), |peer| {
        peer.send(&Frame::Error(Reason::new(Code::Malformed, "line\nbreak")));
    });
    assert!(matches!(error, Error::Rejected { code: 103, .. }), "{error:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn the_end_of_the_stream_is_a_disconnection() {
    let error = end_behind_a_message(&options(), |_| ());
    assert!(matches!(error, Error::Disconnected), "{error:?}");
    let error = end_behind_a_message(&options(), |peer| peer.stream.write_all(&[0, 0]).unwrap());
    assert!(matches!(error, Error::Disconnected), "{error:?}");
}

#[test]
fn garbage_is_a_violation() {
    let error = end_behind_a_message(&options(), |peer| {
        let mut frame = common::bytes(&message("a", b"altered"));
        *frame.last_mut().unwrap() ^= 1;
        peer.stream.write_all(&frame).unwrap();
    });
    assert!(matches!(error, Error::Violation(Violation::Decode(DecodeError::BadChecksum { .. }))), "{error:?}");
}

#[test]
fn a_frame_over_the_limit_says_whose_limit_it_is() {
    let small = options().with_max_frame(20);
    let error = end_behind_a_message(&small, |peer| peer.send(&message("a", &[0; 13])));
    assert!(matches!(error, Error::FrameTooLarge { length: 21, limit: 20 }), "{error:?}");
    assert!(error.to_string().ends_with("this client's own limit of 20 (Options::max_frame)"), "{error}");
}

#[test]
fn a_frame_that_only_clients_send_is_a_violation() {
    for (frame, kind) in [
        (Frame::Hello { version: 1 }, "HELLO"),
        (Frame::Subscribe(channel("a").into()), "SUBSCRIBE"),
        (Frame::Unsubscribe(channel("a")), "UNSUBSCRIBE"),
        (Frame::Welcome { version: 1, max_frame: 1000 }, "second WELCOME"),
    ] {
        let error = end_behind_a_message(&options(), move |peer| peer.send(&frame));
        assert!(matches!(error, Error::Violation(Violation::Unexpected(got)) if got == kind), "{kind}: {error:?}");
    }
}

#[test]
fn a_publish_that_fails_tells_the_reason_of_the_server() {
    let (mut client, server) = greeted(&options(), |peer| peer.send(&close(Code::GoingAway, "stopping")));
    server.join().unwrap();
    // The kernel may still take the first writes.
    let error = (0..1000).find_map(|_| client.publish("a", b"x").err()).expect("the connection is gone");
    assert!(matches!(error, Error::Closed { code: 201, .. }), "{error:?}");
    assert!(matches!(client.next_event().unwrap(), Event::Closed { code: 201, .. }), "the event is still there");
}

#[test]
fn a_request_that_fails_tells_the_reason_of_the_server() {
    let (client, server) = greeted(&options(), |peer| {
        // The handshake is certainly over, so the reason is not read together with WELCOME.
        assert!(peer.next().is_some(), "the first PUBLISH");
        peer.send(&close(Code::GoingAway, "stopping"));
    });
    let (publisher, mut subscriber) = client.split();
    publisher.publish("a", b"first").unwrap();
    server.join().unwrap();
    let error = (0..1000).find_map(|_| publisher.publish("a", b"x").err()).expect("the connection is gone");
    assert!(matches!(error, Error::Io(_)), "the publisher does not read: {error:?}");
    let error = subscriber.subscribe("a").unwrap_err();
    assert!(matches!(error, Error::Closed { code: 201, .. }), "{error:?}");
}

#[test]
fn closing_waits_for_the_close_of_the_server() {
    let (mut client, server) = greeted(&options(), |peer| {
        assert!(peer.next().is_some(), "the PUBLISH");
        peer.expect(&close(Code::Normal, ""));
        peer.send_all(&[message("a", b"not taken"), close(Code::Normal, "bye")]);
        peer.expect_end();
    });
    client.publish("a", b"last").unwrap();
    client.close().unwrap();
    server.join().unwrap();
}

/// The delay between two reads of a server that limits the rate of its clients.
const SLOW: Duration = Duration::from_millis(125);

/// All acknowledgements together take longer than a single wait may.
#[test]
fn closing_waits_while_the_server_acknowledges() {
    const MESSAGES: u32 = 6;
    let (mut client, server) = greeted(&options().with_answer_timeout(4 * SLOW), |peer| {
        for token in 1..=MESSAGES {
            assert!(peer.next().is_some(), "a PUBLISH");
            std::thread::sleep(SLOW);
            peer.send(&Frame::Published { token });
        }
        peer.expect(&close(Code::Normal, ""));
        peer.send(&close(Code::Normal, ""));
    });
    let acknowledge = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    for _ in 0..MESSAGES {
        client.publish_with("a", b"x", acknowledge).unwrap();
    }
    client.close().unwrap();
    server.join().unwrap();
}

#[test]
fn closing_waits_while_the_server_takes_bytes() {
    let (client, server) = greeted(&options().with_answer_timeout(4 * SLOW), |peer| {
        let mut chunk = vec![0; 256 << 10];
        let (mut taken, mut bare) = (0_usize, 0);
        while taken < 16_000_000 {
            std::thread::sleep(SLOW / 6);
            let len = std::io::Read::read(&mut peer.stream, &mut chunk).unwrap();
            assert!(len > 0, "the client gave up after {taken} bytes");
            (taken, bare) = (taken + len, bare + 1);
        }
        assert!(bare > 30, "longer than any one wait");
        peer.send(&close(Code::Normal, ""));
    });
    let (publisher, subscriber) = client.split();
    let payload = vec![0; 900];
    for _ in 0..17_700 {
        publisher.publish("a", &payload).unwrap();
    }
    publisher.close().unwrap();
    subscriber.wait_closed().unwrap();
    server.join().unwrap();
}

#[test]
fn a_close_without_an_answer_says_what_was_acknowledged() {
    let (mut client, server) = greeted(&impatient(), |peer| {
        assert!(peer.next().is_some(), "the first PUBLISH");
        peer.send(&Frame::Published { token: 1 });
        while peer.next().is_some() {}
    });
    let acknowledge = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    for _ in 0..3 {
        client.publish_with("a", b"x", acknowledge).unwrap();
    }
    let error = client.close().unwrap_err();
    assert!(matches!(error, Error::Unanswered { published: 3, acknowledged: 1 }), "{error:?}");
    assert!(error.to_string().ends_with("1 of 3 published messages were acknowledged"), "{error}");
    server.join().unwrap();
}

#[test]
fn closing_tells_what_went_wrong() {
    let (client, server) = greeted(&impatient(), |peer| {
        peer.expect(&close(Code::Normal, ""));
        peer.expect_end();
    });
    assert!(matches!(client.close().unwrap_err(), Error::Unanswered { published: 0, acknowledged: 0 }));
    server.join().unwrap();

    let (client, server) = greeted(&options(), |peer| peer.expect(&close(Code::Normal, "")));
    assert!(matches!(client.close().unwrap_err(), Error::Disconnected));
    server.join().unwrap();

    let (client, server) = greeted(&options(), |peer| peer.send(&close(Code::GoingAway, "")));
    server.join().unwrap();
    assert!(matches!(client.close().unwrap_err(), Error::Closed { code: 201, .. }));
}
