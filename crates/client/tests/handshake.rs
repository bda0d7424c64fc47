//! HELLO, WELCOME, and every way in which the server may decline.
#![allow(clippy::unwrap_used)]

mod common;

use common::{MAX_FRAME, Peer, impatient, message, options, serve};
use corecast_client::{Client, Error, Event, Options, Violation};
use corecast_wire::native::{Frame, Reason};
use corecast_wire::{Code, DecodeError};
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

/// Connects to a server that runs `script` after HELLO, and returns the error.
fn declined(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> Error {
    let (address, server) = serve(|peer| {
        peer.expect(&Frame::Hello { version: 1 });
        script(peer);
    });
    let error = Client::connect(address, options).err().unwrap();
    server.join().unwrap();
    error
}

#[test]
fn welcome_brings_the_limit() {
    let (address, server) = serve(Peer::greet);
    let client = Client::connect(address, &options()).unwrap();
    assert_eq!(client.max_frame(), MAX_FRAME);
    server.join().unwrap();
}

#[test]
fn welcome_may_come_cut() {
    let (address, server) = serve(|peer| {
        peer.expect(&Frame::Hello { version: 1 });
        for byte in common::bytes(&Frame::Welcome { version: 1, max_frame: 77 }) {
            peer.stream.write_all(&[byte]).unwrap();
        }
    });
    assert_eq!(Client::connect(address, &options()).unwrap().max_frame(), 77);
    server.join().unwrap();
}

#[test]
fn what_comes_with_welcome_is_taken() {
    let (address, server) = serve(|peer| {
        peer.expect(&Frame::Hello { version: 1 });
        let welcome = Frame::Welcome { version: 1, max_frame: MAX_FRAME };
        peer.send_all(&[welcome, Frame::Ping(b"alive?"), common::close(Code::GoingAway, "")]);
        peer.expect_end();
    });
    let mut client = Client::connect(address, &options()).unwrap();
    assert!(matches!(client.next_event().unwrap(), Event::Closed { code: 201, .. }));
    drop(client);
    server.join().unwrap();

    let (address, server) = serve(|peer| {
        peer.expect(&Frame::Hello { version: 1 });
        peer.send_all(&[Frame::Welcome { version: 1, max_frame: MAX_FRAME }, Frame::Ping(b"alive?")]);
        peer.expect(&Frame::Pong(b"alive?"));
    });
    let client = Client::connect(address, &options()).unwrap();
    server.join().unwrap();
    drop(client);
}

#[test]
fn a_version_not_spoken_there_is_rejected() {
    let error = declined(&options(), |peer| {
        peer.send(&Frame::Error(Reason::new(Code::UnsupportedVersion, "versions 2 to 3")));
    });
    assert!(matches!(error, Error::Rejected { code: 105, .. }), "{error:?}");
    assert!(error.to_string().ends_with("105 unsupported_version \"versions 2 to 3\""), "{error}");
}

#[test]
fn a_version_not_offered_is_a_violation() {
    for version in [0, 2] {
        let error = declined(&options(), move |peer| peer.send(&Frame::Welcome { version, max_frame: 1000 }));
        assert!(matches!(error, Error::Violation(Violation::Version(got)) if got == version), "{error:?}");
    }
}

#[test]
fn a_server_that_is_stopping_is_told() {
    let error = declined(&options(), |peer| peer.send(&common::close(Code::GoingAway, "")));
    assert!(matches!(error, Error::Closed { code: 201, .. }), "{error:?}");
}

#[test]
fn anything_else_before_welcome_is_a_violation() {
    let error = declined(&options(), |peer| peer.send(&message("lobby", b"early")));
    assert!(matches!(error, Error::Violation(Violation::Unexpected(_))), "{error:?}");
}

#[test]
fn another_protocol_is_told_apart_from_a_broken_one() {
    let error = declined(&options(), |peer| peer.stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap());
    assert!(matches!(error, Error::NotNative(Violation::Decode(DecodeError::TooLarge { .. }))), "{error:?}");
}

#[test]
fn a_plain_listener_is_told_by_what_it_sends_back() {
    let error = declined(&options(), |peer| peer.send(&Frame::Hello { version: 1 }));
    assert!(matches!(error, Error::NotNative(Violation::Echo)), "{error:?}");
    assert!(error.to_string().contains("plain listener"), "{error}");
    // A message of another client came first.
    let error = declined(&options(), |peer| peer.stream.write_all(b"\0\0\0\x05hello").unwrap());
    assert!(matches!(error, Error::NotNative(Violation::Decode(_))), "{error:?}");
}

#[test]
fn the_end_of_the_stream_is_told() {
    let error = declined(&options(), |_| ());
    assert!(matches!(error, Error::Disconnected), "{error:?}");
}

#[test]
fn a_silent_server_is_given_up() {
    let error = declined(&impatient(), Peer::expect_end);
    assert!(matches!(error, Error::TimedOut { awaited: "WELCOME" }), "{error:?}");
}

#[test]
fn nobody_there_is_an_error_of_the_transport() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::connect(address, &options()).err().unwrap();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    let no_address: &[std::net::SocketAddr] = &[];
    assert!(matches!(Client::connect(no_address, &options()).err().unwrap(), Error::Io(_)));
}

#[test]
fn every_address_of_a_name_is_tried() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, server) = serve(Peer::greet);
    assert!(Client::connect(&[nobody, address][..], &options()).is_ok());
    server.join().unwrap();
}

#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let hurried = options().with_connect_timeout(Duration::ZERO);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = Client::connect(listener.local_addr().unwrap(), &hurried).err().unwrap();
    assert!(matches!(error, Error::TimedOut { awaited: "connection" }), "{error:?}");
}
