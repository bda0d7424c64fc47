//! A peer that misses a deadline is ended with its code, and not before.

use crate::harness::{
    Client, Driver, HELLO, Observed, PING, SWEEP, Settings, encoded, join, just_before, millis, plain, plain_encoded,
    publish, seconds, shards,
};
use corecast_session::Session;
use corecast_shard::{Received, SWEEPS_FOR_ALL, State, Step};
use corecast_wire::Code;

/// Ten seconds for the handshake, twenty for a frame, thirty to take something, sixty of silence.
fn settings() -> Settings {
    let settings = Settings::with(|limits| {
        limits.hello_timeout = seconds(10);
        limits.frame_timeout = seconds(20);
        limits.write_timeout = seconds(30);
    });
    Settings { idle_timeout: seconds(60), ..settings }
}

/// Passes the last sweep before a deadline in so many seconds, and then it.
fn pass_deadline<S: Session>(shard: &mut Driver, client: &Client<S>, after: u64) -> Option<Code> {
    shard.pass(just_before(seconds(after)));
    assert_eq!(shard.reason(client), None, "too early");
    shard.pass(SWEEP);
    shard.reason(client)
}

#[test]
fn part_of_a_handshake_does_not_extend_its_deadline() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.native();
    shard.pass(seconds(9));
    shard.receive(&mut client, Received::Bytes(&encoded(&[HELLO])[..5]));
    assert_eq!(pass_deadline(&mut shard, &client, 1), Some(Code::HelloTimeout));
    assert_eq!(shard.go_on(&mut client), Step::Wait);
    shard.tick();
    assert_eq!(client.read(), "close 205");
}

#[test]
fn a_deadline_counts_from_the_moment_at_which_a_connection_comes() {
    let mut shard = Driver::alone(&settings());
    // Between two sweeps.
    shard.time.advance(millis(50));
    let client = shard.native();
    shard.time.advance(millis(50));
    shard.sweep();
    assert_eq!(pass_deadline(&mut shard, &client, 10), Some(Code::HelloTimeout));
}

#[test]
fn a_complete_handshake_ends_its_deadline() {
    let mut shard = Driver::alone(&settings());
    let (mut client, silent) = (shard.native(), shard.connect(plain()));
    shard.pass(seconds(9));
    shard.send(&mut client, &[HELLO]);
    shard.pass(seconds(10));
    assert_eq!((shard.reason(&client), shard.state(&client)), (None, Some(State::Open)));
    assert_eq!((shard.reason(&silent), shard.state(&silent)), (None, Some(State::Open)), "there is no handshake");
}

#[test]
fn part_of_a_frame_does_not_extend_its_deadline() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.greeted();
    let frame = encoded(&[publish("news", "a message")]);
    shard.pass(seconds(5));
    shard.receive(&mut client, Received::Bytes(&frame[..3]));
    shard.pass(seconds(19));
    shard.receive(&mut client, Received::Bytes(&frame[3..7]));
    assert_eq!(pass_deadline(&mut shard, &client, 1), Some(Code::FrameTimeout));
    shard.go_on(&mut client);
    shard.tick();
    assert_eq!(client.read(), "close 206");
}

#[test]
fn a_complete_frame_ends_its_deadline() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.greeted();
    let frames = encoded(&[publish("news", "one"), publish("news", "two")]);
    let (first, second) = frames.split_at(frames.len() / 2);
    shard.receive(&mut client, Received::Bytes(&first[..3]));
    shard.pass(seconds(19));
    // The next has begun with it.
    shard.receive(&mut client, Received::Bytes(&[&first[3..], &second[..3]].concat()));
    shard.pass(seconds(19));
    assert_eq!(shard.reason(&client), None);
    shard.receive(&mut client, Received::Bytes(&second[3..]));
    shard.pass(seconds(21));
    assert_eq!(shard.reason(&client), None);
}

#[test]
fn a_silent_client_gets_one_ping_and_is_closed_without_an_answer() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.greeted();
    shard.pass(just_before(seconds(30)));
    assert_eq!(client.read(), "");
    shard.pass(SWEEP);
    assert_eq!(client.read(), "ping");
    assert_eq!(pass_deadline(&mut shard, &client, 30), Some(Code::IdleTimeout));
    shard.go_on(&mut client);
    shard.tick();
    assert_eq!(client.read(), "close 207", "it was asked once");
}

#[test]
fn any_byte_restarts_the_idle_timeout() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.greeted();
    shard.pass(seconds(59));
    assert_eq!(client.read(), "ping");
    shard.receive(&mut client, Received::Bytes(&encoded(&[PING])[..1]));
    shard.pass(seconds(1));
    shard.receive(&mut client, Received::Bytes(&encoded(&[PING])[1..]));
    shard.pass(just_before(seconds(30)));
    assert_eq!((client.read(), shard.reason(&client)), ("pong".to_owned(), None));
    shard.pass(SWEEP);
    assert_eq!(client.read(), "ping");
}

#[test]
fn a_silent_plain_client_is_closed_after_the_whole_idle_timeout() {
    let mut shard = Driver::alone(&settings());
    let mut client = shard.connect(plain());
    shard.pass(seconds(59));
    shard.receive(&mut client, Received::Bytes(&plain_encoded("here")));
    assert_eq!(pass_deadline(&mut shard, &client, 60), Some(Code::IdleTimeout));
    assert_eq!(client.read(), "here");
}

#[test]
fn a_deadline_of_zero_is_disabled() {
    let mut shard = Driver::alone(&Settings::default());
    let (silent, mut stuck, full) = (shard.native(), shard.greeted(), shard.join("news"));
    shard.receive(&mut stuck, Received::Bytes(&encoded(&[PING])[..3]));
    full.transport.stall();
    let mut publisher = shard.greeted();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.pass(seconds(600));
    for client in [&silent, &stuck, &full, &publisher] {
        assert_eq!((shard.reason(client), client.read()), (None, String::new()));
    }
}

#[test]
fn a_full_transport_that_takes_nothing_is_reset() {
    let mut shard = Driver::alone(&settings());
    let (mut client, mut publisher) = (shard.join("news"), shard.greeted());
    let id = client.id();
    client.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::WaitWritable(id)]);
    shard.pass(just_before(seconds(30)));
    assert_eq!(shard.observed(), []);
    shard.pass(SWEEP);
    assert_eq!(shard.observed(), [Observed::ResetOnClose(id), Observed::BreakOff(id)]);
    assert_eq!(shard.go_on(&mut client), Step::Done);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::Disconnected(id, Code::WriteTimeout), Observed::Closed(id)]);
    assert_eq!(client.read(), "", "it could not be told");
    // Which is no news to the shard: the driver says so once it is over, as for any that it waits for.
    shard.writable(&client);
    shard.settle();
    assert_eq!(shard.observed(), []);
}

#[test]
fn a_full_transport_whose_peer_acknowledges_bytes_gets_the_time_again() {
    let mut shard = Driver::alone(&settings());
    let (client, mut publisher) = (shard.join("news"), shard.greeted());
    client.transport.stall();
    client.transport.set_unacknowledged(1_000);
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    shard.pass(seconds(29));
    client.transport.set_unacknowledged(999);
    shard.pass(seconds(1));
    assert_eq!(shard.reason(&client), None);
    assert_eq!(pass_deadline(&mut shard, &client, 30), Some(Code::WriteTimeout));
}

#[test]
fn a_transport_that_takes_bytes_again_has_no_write_deadline() {
    let mut shard = Driver::alone(&settings());
    let (client, mut publisher) = (shard.join("news"), shard.greeted());
    client.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    shard.pass(seconds(29));
    client.transport.open();
    shard.writable(&client);
    shard.pass(seconds(1));
    assert_eq!(client.read(), "news: one; ping", "its silence goes on");
    shard.pass(seconds(29));
    assert_eq!(shard.reason(&client), None);
}

#[test]
fn a_ping_behind_a_full_transport_is_sent_again() {
    let mut shard = Driver::alone(&settings());
    let (client, mut publisher) = (shard.join("news"), shard.greeted());
    shard.pass(seconds(50));
    assert_eq!(client.read(), "ping");
    client.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.pass(seconds(20));
    assert_eq!(shard.reason(&client), None, "the answer may stand behind what it does not take");
    client.transport.open();
    shard.writable(&client);
    shard.pass(SWEEP);
    assert_eq!(client.read(), "news: one; ping");
    assert_eq!(pass_deadline(&mut shard, &client, 30), Some(Code::IdleTimeout));
}

#[test]
fn a_client_that_does_not_take_its_close_frame_is_broken_off() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.linger = seconds(3)));
    let mut client = shard.greeted();
    client.transport.stall();
    // Between two sweeps: the time begins here, not with the last.
    shard.time.advance(millis(50));
    assert_eq!(shard.receive(&mut client, Received::End).step, Step::Wait);
    shard.time.advance(millis(50));
    shard.sweep();
    shard.tick();
    assert_eq!(shard.observed(), [Observed::WaitWritable(client.id())]);
    shard.pass(just_before(seconds(3)));
    assert_eq!((shard.observed(), shard.state(&client)), (vec![], Some(State::Draining)));
    shard.pass(SWEEP);
    assert_eq!(shard.observed(), [Observed::BreakOff(client.id())]);
    assert_eq!(shard.go_on(&mut client), Step::Done);
}

#[test]
fn a_client_that_does_not_end_its_stream_is_broken_off() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.linger = seconds(3)));
    let mut client = shard.greeted();
    shard.end(&client);
    shard.go_on(&mut client);
    shard.tick();
    assert_eq!((shard.go_on(&mut client), client.read()), (Step::Linger, "close 211".to_owned()));
    shard.pass(just_before(seconds(3)));
    assert_eq!((shard.observed(), shard.go_on(&mut client)), (vec![], Step::Linger));
    shard.pass(SWEEP);
    assert_eq!(shard.observed(), [Observed::BreakOff(client.id())]);
    assert_eq!(shard.go_on(&mut client), Step::Done);
    shard.tick();
    let ended = [Observed::Disconnected(client.id(), Code::Administrator), Observed::Closed(client.id())];
    assert_eq!(shard.observed(), ended);
    // The deadline is gone with it.
    shard.pass(seconds(3));
    assert_eq!(shard.observed(), []);
}

#[test]
fn no_deadline_counts_while_the_shard_does_not_read() {
    let settings = Settings { mailbox: 2, ..settings() };
    let [mut here, mut there] = shards(&settings);
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    let mut client = here.greeted();
    there.mesh.fill();
    let frame = encoded(&[publish("news", "a message")]);
    here.receive(&mut client, Received::Bytes(&[&frame[..], &frame[..3]].concat()));
    here.tick();
    here.pass(seconds(10));
    assert_eq!(here.next(&mut client), Step::Wait);
    here.pass(seconds(600));
    assert_eq!(here.reason(&client), None);
    while there.mesh.pop().is_some() {}
    here.tick();
    assert_eq!(here.go_on(&mut client), Step::Read);
    // The ten seconds before the pause count.
    assert_eq!(pass_deadline(&mut here, &client, 10), Some(Code::FrameTimeout));
}

#[test]
fn a_pause_does_not_shorten_the_time_to_answer_a_ping() {
    let settings = Settings { mailbox: 2, ..settings() };
    let [mut here, mut there] = shards(&settings);
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    let (mut client, mut publisher) = (here.greeted(), here.greeted());
    here.send(&mut client, &[publish("news", "one")]);
    here.pass(seconds(35));
    assert_eq!(client.read(), "ping");
    there.mesh.fill();
    here.send(&mut publisher, &[publish("news", "two")]);
    here.tick();
    assert_eq!(here.next(&mut client), Step::Wait);
    here.pass(seconds(600));
    while there.mesh.pop().is_some() {}
    here.tick();
    assert_eq!((here.go_on(&mut client), client.read()), (Step::Read, String::new()));
    assert_eq!(pass_deadline(&mut here, &client, 25), Some(Code::IdleTimeout));
}

#[test]
fn ten_sweeps_look_at_every_connection() {
    let looked_at = |connections: usize| {
        let mut shard = Driver::alone(&Settings::with(|limits| limits.hello_timeout = millis(1)));
        let clients: Vec<_> = (0..connections).map(|_| shard.native()).collect();
        let count = |shard: &Driver| clients.iter().filter(|client| shard.reason(client).is_some()).count();
        let mut counts = Vec::new();
        while count(&shard) < connections {
            shard.time.advance(SWEEP);
            shard.sweep();
            counts.push(count(&shard));
            assert!(counts.len() <= SWEEPS_FOR_ALL as usize, "{counts:?} of {connections}");
        }
        counts
    };
    assert_eq!(looked_at(256), [256]);
    assert_eq!(looked_at(300), [256, 300]);
    assert_eq!(looked_at(3_001), [301, 602, 903, 1_204, 1_505, 1_806, 2_107, 2_408, 2_709, 3_001]);
}

#[test]
fn the_sweep_behind_the_last_connection_begins_with_the_first() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.hello_timeout = seconds(1)));
    let clients: Vec<_> = (0..300).map(|_| shard.native()).collect();
    let [first, last] = [&clients[0], &clients[299]];
    shard.pass(just_before(seconds(1)));
    assert_eq!((shard.reason(first), shard.reason(last)), (None, None));
    // The sweeps take turns: 256 of the connections, and the 44 others.
    shard.pass(SWEEP);
    assert_eq!((shard.reason(first), shard.reason(last)), (None, Some(Code::HelloTimeout)));
    shard.pass(SWEEP);
    assert_eq!(shard.reason(first), Some(Code::HelloTimeout));
}
