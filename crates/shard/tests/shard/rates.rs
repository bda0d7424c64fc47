//! The rate at which a connection may send.

use crate::harness::{
    Client, Driver, PING, SWEEP, Settings, encoded, millis, ping, plain, plain_encoded, publish, seconds,
};
use corecast_session::Native;
use corecast_shard::{Received, Step, Turn};
use corecast_wire::Code;

/// A client that has used one frame of its rate for its greeting, a second ago.
fn client(shard: &mut Driver) -> Client<Native> {
    let client = shard.greeted();
    assert!(client.connection.has_rate());
    shard.pass(seconds(1));
    client
}

#[test]
fn frames_over_the_rate_stay_in_the_transport() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.frames_per_second = 10));
    let mut client = client(&mut shard);
    let (frame, frames) = (encoded(&[PING]), encoded(&[PING; 12]));
    let turn = shard.receive(&mut client, Received::Bytes(&frames));
    assert_eq!(turn.taken, 10 * frame.len());
    let Step::Sleep(wait) = turn.step else { panic!("{:?} over the rate", turn.step) };
    assert_eq!(wait.as_millis(), 100);
    shard.tick();
    assert_eq!(client.read(), ["pong"; 10].join("; "));
    assert!(!shard.is_woken(&client));
    shard.time.advance(wait);
    let turn = shard.receive(&mut client, Received::Bytes(&frames[turn.taken..]));
    assert!(turn.taken == frame.len() && matches!(turn.step, Step::Sleep(_)), "{turn:?} for the next");
}

#[test]
fn bytes_over_the_rate_stay_in_the_transport() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.bytes_per_second = 250));
    let mut client = client(&mut shard);
    let frames = ping(100).repeat(3);
    let turn = shard.receive(&mut client, Received::Bytes(&frames));
    assert_eq!(turn.taken, 200);
    let Step::Sleep(wait) = turn.step else { panic!("{:?} over the rate", turn.step) };
    assert_eq!(wait.as_millis(), 200);
    shard.time.advance(millis(199));
    let turn = shard.receive(&mut client, Received::Bytes(&frames[200..]));
    assert!(turn.taken == 0 && matches!(turn.step, Step::Sleep(_)), "{turn:?} too early");
    shard.time.advance(wait.saturating_sub(millis(199)));
    let turn = shard.receive(&mut client, Received::Bytes(&frames[200..]));
    assert_eq!(turn, Turn { taken: 100, step: Step::Read });
}

#[test]
fn the_end_of_a_frame_over_the_rate_stays_in_the_transport() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.frames_per_second = 1));
    let mut client = client(&mut shard);
    let frames = encoded(&[PING, PING]);
    let (before, rest) = frames.split_at(frames.len() - 5);
    assert_eq!(shard.receive(&mut client, Received::Bytes(before)).taken, before.len());
    // The beginning of the second frame is kept. Its end is not, since the frame is over the rate.
    let turn = shard.receive(&mut client, Received::Bytes(rest));
    assert!(turn.taken == 0 && matches!(turn.step, Step::Sleep(_)), "{turn:?} over the rate");
    shard.time.advance(seconds(1));
    let turn = shard.receive(&mut client, Received::Bytes(rest));
    assert_eq!(turn, Turn { taken: rest.len(), step: Step::Read });
    shard.tick();
    assert_eq!(client.read(), "pong; pong");
}

#[test]
fn a_connection_over_its_rate_is_closed_with_code_209_if_so_set() {
    let settings = Settings::with(|limits| {
        limits.frames_per_second = 2;
        limits.close_over_rate = true;
    });
    let mut shard = Driver::alone(&settings);
    let subscriber = shard.connect(plain());
    let mut client = client(&mut shard);
    let frames = encoded(&[publish("news", "one"), publish("news", "two"), publish("news", "six")]);
    let turn = shard.receive(&mut client, Received::Bytes(&frames));
    assert_eq!(turn, Turn { taken: frames.len() / 3 * 2, step: Step::Wait });
    shard.settle();
    assert_eq!((client.read(), subscriber.read()), ("close 209".to_owned(), "one; two".to_owned()));
    assert_eq!(shard.reason(&client), Some(Code::RateExceeded));
}

#[test]
fn each_connection_has_its_own_rate() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.frames_per_second = 1));
    let (mut one, mut other) = (shard.connect(plain()), shard.connect(plain()));
    let frames = plain_encoded("a frame").repeat(2);
    for client in [&mut one, &mut other] {
        let turn = shard.receive(client, Received::Bytes(&frames));
        assert_eq!(turn.taken, frames.len() / 2);
    }
}

#[test]
fn no_deadline_counts_while_a_frame_waits_for_its_rate() {
    let settings = Settings {
        idle_timeout: seconds(10),
        ..Settings::with(|limits| {
            limits.bytes_per_second = 1;
            limits.frame_timeout = seconds(5);
        })
    };
    let mut shard = Driver::alone(&settings);
    let mut client = shard.connect(plain());
    // A frame that is larger than a second's worth passes, and leaves the bucket in debt. Behind it another has begun.
    let frame = plain_encoded("a frame of nineteen");
    let begun = [&frame[..], &frame[..3]].concat();
    assert_eq!(shard.receive(&mut client, Received::Bytes(&begun)), Turn { taken: begun.len(), step: Step::Read });
    let turn = shard.receive(&mut client, Received::Bytes(&frame[3..]));
    let Step::Sleep(wait) = turn.step else { panic!("{turn:?} over the rate") };
    assert_eq!((turn.taken, wait.as_millis()), (0, 23_000));
    shard.pass(seconds(23));
    assert_eq!(shard.reason(&client), None);
    shard.time.advance(SWEEP);
    let turn = shard.receive(&mut client, Received::Bytes(&frame[3..]));
    assert_eq!(turn, Turn { taken: frame.len() - 3, step: Step::Read });
    shard.settle();
    assert_eq!(client.read(), "a frame of nineteen; a frame of nineteen");
}
