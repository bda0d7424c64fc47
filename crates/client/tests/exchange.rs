//! Requests, their answers, and the events between them.
#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, IN_VAIN, MAX_FRAME, Peer, came, channel, greeted, impatient, message, options, publish};
use corecast_client::{Error, Event, InvalidArgument, PublishOptions};
use corecast_wire::InvalidChannel;
use corecast_wire::native::{Frame, Publish};
use std::io::Write;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn what_comes_during_a_subscribe_is_kept_in_order() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        peer.send_all(&[message("b", b"1"), Frame::Gap { count: 2, channel: channel("b") }, message("b", b"4")]);
        peer.send_all(&[Frame::Subscribed(channel("a")), message("a", b"5")]);
        peer.send(&message("a", b""));
    });
    client.subscribe("a").unwrap();
    assert_eq!(client.next_event().unwrap(), came("b", b"1"));
    assert_eq!(client.next_event().unwrap(), Event::Gap { channel: "b".to_owned(), count: 2 });
    assert_eq!(client.next_event().unwrap(), came("b", b"4"));
    assert_eq!(client.next_event().unwrap(), came("a", b"5"));
    assert_eq!(client.next_event().unwrap(), came("a", b""));
    server.join().unwrap();
}

#[test]
fn an_answer_is_that_of_the_channel_asked_for() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        peer.send_all(&[Frame::Subscribed(channel("b")), Frame::Unsubscribed(channel("a"))]);
        peer.send(&Frame::Subscribed(channel("a")));
        peer.expect(&Frame::Unsubscribe(channel("a")));
        peer.send_all(&[message("a", b"last"), Frame::Unsubscribed(channel("a"))]);
    });
    client.subscribe("a").unwrap();
    client.unsubscribe("a").unwrap();
    // The first UNSUBSCRIBED came before the request, so it does not answer it.
    assert_eq!(client.next_event().unwrap(), Event::Subscribed { channel: "b".to_owned() });
    assert_eq!(client.next_event().unwrap(), Event::Unsubscribed { channel: "a".to_owned() });
    assert_eq!(client.next_event().unwrap(), came("a", b"last"));
    server.join().unwrap();
}

#[test]
fn events_survive_any_cut() {
    let (mut client, server) = greeted(&options(), |peer| {
        for byte in [common::bytes(&message("a", b"one")), common::bytes(&message("a", b"two"))].concat() {
            peer.stream.write_all(&[byte]).unwrap();
        }
    });
    assert_eq!(client.next_event().unwrap(), came("a", b"one"));
    assert_eq!(client.next_event().unwrap(), came("a", b"two"));
    server.join().unwrap();
}

#[test]
fn acknowledgements_are_matched_by_token() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.expect(&publish("a", b"1", Some(1)));
        peer.expect(&publish("a", b"2", Some(2)));
        peer.send_all(&[Frame::Published { token: 1 }, Frame::Published { token: 2 }]);
        peer.expect(&publish("a", b"3", Some(3)));
        peer.send_all(&[message("a", b"meanwhile"), Frame::Published { token: 3 }]);
    });
    let acknowledge = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let first = client.publish_with("a", b"1", acknowledge).unwrap().unwrap();
    let second = client.publish_with("a", b"2", acknowledge).unwrap().unwrap();
    client.wait_published(second).unwrap();
    client.wait_published(first).unwrap();
    client.publish_acknowledged("a", b"3").unwrap();
    assert_eq!(client.next_event().unwrap(), came("a", b"meanwhile"));
    server.join().unwrap();
}

#[test]
fn the_acknowledgement_of_another_message_is_none() {
    let (mut client, server) = greeted(&impatient(), |peer| {
        peer.expect(&publish("a", b"1", Some(1)));
        peer.send(&Frame::Published { token: 2 });
        peer.expect_end();
    });
    let error = client.publish_acknowledged("a", b"1").unwrap_err();
    assert!(matches!(error, Error::TimedOut { awaited: "PUBLISHED" }), "{error:?}");
    assert_eq!(client.next_event().unwrap(), Event::Published { token: 2 });
    drop(client);
    server.join().unwrap();
}

#[test]
fn publishing_waits_for_nothing_unless_asked() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.expect(&publish("a", b"", None));
        let no_echo = Publish { channel: channel("a"), payload: b"x", ack: None, no_echo: true };
        peer.expect(&Frame::Publish(no_echo));
        peer.expect(&Frame::Publish(Publish { ack: Some(1), ..no_echo }));
    });
    client.publish("a", b"").unwrap();
    let no_echo = PublishOptions { no_echo: true, ..PublishOptions::default() };
    assert_eq!(client.publish_with("a", b"x", no_echo).unwrap(), None);
    assert_eq!(client.publish_with("a", b"x", PublishOptions { acknowledge: true, ..no_echo }).unwrap(), Some(1));
    server.join().unwrap();
}

#[test]
fn an_invalid_argument_sends_nothing() {
    let longest = MAX_FRAME as usize - 6 - 2;
    let (mut client, server) = greeted(&options(), move |peer| {
        peer.expect(&publish("a", &vec![0; longest], None));
    });
    for error in [client.subscribe("").unwrap_err(), client.unsubscribe("").unwrap_err()] {
        assert!(matches!(error, Error::InvalidArgument(InvalidArgument::Channel(InvalidChannel::Empty))), "{error:?}");
    }
    let error = client.publish("a\n", b"").unwrap_err();
    assert!(matches!(error, Error::InvalidArgument(InvalidArgument::Channel(InvalidChannel::Control))), "{error:?}");
    let error = client.publish("a", &vec![0; longest + 1]).unwrap_err();
    let InvalidArgument::TooLarge { length, limit } = (match error {
        Error::InvalidArgument(invalid) => invalid,
        other => panic!("{other:?}"),
    }) else {
        panic!("not the length")
    };
    assert_eq!((length, limit), (1001, MAX_FRAME));
    client.publish("a", &vec![0; longest]).unwrap();
    server.join().unwrap();
}

#[test]
fn pings_are_answered_while_reading() {
    let (mut client, server) = greeted(&options(), |peer| {
        peer.send_all(&[Frame::Ping(b""), Frame::Ping(&[7; 125])]);
        peer.expect(&Frame::Pong(b""));
        peer.expect(&Frame::Pong(&[7; 125]));
        peer.send(&message("a", b"1"));
    });
    assert_eq!(client.next_event().unwrap(), came("a", b"1"));
    server.join().unwrap();
}

#[test]
fn a_ping_waits_for_its_own_pong() {
    let (mut client, server) = greeted(&options(), |peer| {
        for number in 0..2_u64 {
            let body = number.to_be_bytes();
            peer.expect(&Frame::Ping(&body));
            peer.send_all(&[Frame::Pong(b"another"), Frame::Pong(&body)]);
        }
    });
    client.ping().unwrap();
    client.ping().unwrap();
    for _ in 0..2 {
        assert_eq!(client.next_event().unwrap(), Event::Pong { body: b"another".to_vec() });
    }
    server.join().unwrap();
}

#[test]
fn no_event_within_the_time_is_none_and_loses_nothing() {
    let (go, gone) = mpsc::channel();
    let (mut client, server) = greeted(&options(), move |peer| {
        let frame = common::bytes(&message("a", b"1"));
        peer.stream.write_all(&frame[..5]).unwrap();
        gone.recv_timeout(DEADLINE).unwrap();
        peer.stream.write_all(&frame[5..]).unwrap();
    });
    assert_eq!(client.next_event_within(IN_VAIN).unwrap(), None);
    assert_eq!(client.next_event_within(Duration::ZERO).unwrap(), None);
    go.send(()).unwrap();
    assert_eq!(client.next_event_within(Duration::MAX).unwrap(), Some(came("a", b"1")));
    server.join().unwrap();
}

#[test]
fn an_answer_that_comes_too_late_is_an_event() {
    let (go, gone) = mpsc::channel();
    let (mut client, server) = greeted(&impatient(), move |peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        gone.recv_timeout(DEADLINE).unwrap();
        peer.send(&Frame::Subscribed(channel("a")));
    });
    let error = client.subscribe("a").unwrap_err();
    assert!(matches!(error, Error::TimedOut { awaited: "SUBSCRIBED" }), "{error:?}");
    go.send(()).unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Subscribed { channel: "a".to_owned() });
    server.join().unwrap();
}

#[test]
fn events_over_the_limit_end_the_wait_and_are_not_lost() {
    let few = options().with_max_queued_bytes(3 * 64);
    let (mut client, server) = greeted(&few, |peer| {
        peer.expect(&Frame::Subscribe(channel("a").into()));
        peer.send_all(&[message("b", b""), message("b", b""), message("b", b"")]);
        peer.expect(&Frame::Subscribe(channel("c").into()));
        peer.send_all(&[Frame::Subscribed(channel("a")), Frame::Subscribed(channel("c"))]);
    });
    let error = client.subscribe("a").unwrap_err();
    assert!(matches!(error, Error::QueueFull { queued_bytes: 195, limit: 192 }), "{error:?}");
    for _ in 0..3 {
        assert_eq!(client.next_event().unwrap(), came("b", b""));
    }
    client.subscribe("c").unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Subscribed { channel: "a".to_owned() });
    server.join().unwrap();
}

#[test]
fn a_flood_of_pings_does_not_prolong_a_wait() {
    let short = impatient().with_write_timeout(IN_VAIN);
    let (mut client, server) = greeted(&short, |peer| {
        let pings = common::bytes(&Frame::Ping(b"")).repeat(1000);
        while peer.stream.write_all(&pings).is_ok() {}
    });
    let asked = Instant::now();
    let error = client.subscribe("a").unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert!(asked.elapsed() < DEADLINE, "{:?}", asked.elapsed());
    drop(client);
    server.join().unwrap();
}

#[test]
fn the_halves_work_in_threads_of_their_own() {
    const EACH: u32 = 500;
    let (client, server) = greeted(&options(), |peer| {
        for _ in 0..2 * EACH {
            // Decoding in `next` shows that no two frames were mixed.
            let frame = peer.next().expect("a PUBLISH");
            let token = u32::from_be_bytes(frame[10..14].try_into().unwrap());
            peer.send(&Frame::Published { token });
        }
        peer.expect(&common::close(corecast_wire::Code::Normal, ""));
        peer.send(&common::close(corecast_wire::Code::Normal, ""));
    });
    let (publisher, mut subscriber) = client.split();
    let reading = std::thread::spawn(move || {
        let mut tokens = Vec::new();
        loop {
            match subscriber.next_event().unwrap() {
                Event::Published { token } => tokens.push(token),
                Event::Closed { code: 200, .. } => return tokens,
                other => panic!("{other:?}"),
            }
        }
    });
    let acknowledge = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let publishing: Vec<_> = ["a", "b"]
        .map(|name| {
            let publisher = publisher.clone();
            std::thread::spawn(move || {
                for number in 0..EACH {
                    publisher.publish_with(name, &vec![1; number as usize], acknowledge).unwrap();
                }
            })
        })
        .into();
    for thread in publishing {
        thread.join().unwrap();
    }
    publisher.close().unwrap();
    assert_eq!(reading.join().unwrap(), (1..=2 * EACH).collect::<Vec<_>>(), "tokens in the order sent, none twice");
    server.join().unwrap();
}

#[test]
fn a_server_that_takes_nothing_ends_the_write() {
    let short = options().with_write_timeout(IN_VAIN);
    let (go, gone) = mpsc::channel();
    let (client, server) = greeted(&short, move |_: &mut Peer| gone.recv_timeout(DEADLINE).unwrap());
    let (publisher, _subscriber) = client.split();
    let payload = vec![0; 900];
    let error = (0..1_000_000).find_map(|_| publisher.publish("a", &payload).err()).expect("full socket buffers");
    let Error::Io(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(matches!(publisher.publish("a", &payload).unwrap_err(), Error::Disconnected));
    go.send(()).unwrap();
    server.join().unwrap();
}
