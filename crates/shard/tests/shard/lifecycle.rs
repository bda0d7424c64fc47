//! The life of a connection, state by state.

use crate::harness::{Driver, HELLO, Observed, PING, Settings, encoded, join, plain, publish, settle, shards};
use corecast_session::End;
use corecast_shard::{ConnectionState, Received, State, Step};
use corecast_wire::Code;

#[test]
fn an_orderly_life_visits_every_state() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.native();
    let mut visited = vec![shard.state(&client)];
    shard.send(&mut client, &[HELLO]);
    visited.push(shard.state(&client));
    assert!(shard.end(&client));
    visited.push(shard.state(&client));
    assert_eq!(shard.go_on(&mut client), Step::Wait);
    visited.push(shard.state(&client));
    shard.tick();
    visited.push(shard.state(&client));
    assert_eq!(shard.next(&mut client), Step::FinishSending);
    assert_eq!(shard.next(&mut client), Step::Linger);
    assert_eq!(shard.next(&mut client), Step::Linger, "its stream ends once");
    assert_eq!(shard.peer_ends(&mut client), Step::Done);
    visited.push(shard.state(&client));
    shard.tick();
    visited.push(shard.state(&client));
    let [all @ .., State::Reaped] = State::ALL else { panic!("the last state is Reaped") };
    let expected: Vec<_> = all.iter().copied().map(Some).chain([None]).collect();
    assert_eq!(visited, expected);
    assert_eq!(client.read(), "welcome; close 211");
    let id = client.id();
    assert_eq!(shard.observed(), [Observed::Disconnected(id, Code::Administrator), Observed::Closed(id)]);
}

#[test]
fn states_have_the_names_that_logs_show() {
    let names = ["opening", "open", "ending", "draining", "lingering", "closed", "reaped"];
    assert_eq!(State::ALL.map(State::name), names);
}

#[test]
fn a_connection_without_a_handshake_is_open_at_once() {
    let mut shard = Driver::alone(&Settings::default());
    let (native, plain) = (shard.native(), shard.connect(plain()));
    assert_eq!((shard.state(&native), shard.state(&plain)), (Some(State::Opening), Some(State::Open)));
}

#[test]
fn the_first_reason_counts() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    assert!(shard.end(&client));
    assert!(!shard.shard.end(client.id(), End::new(Code::Normal, "later")));
    shard.go_on(&mut client);
    assert!(!shard.shard.end(client.id(), End::new(Code::Normal, "later still")));
    shard.settle();
    assert_eq!(client.read(), "close 211");
    assert_eq!(shard.peer_ends(&mut client), Step::Done);
    shard.settle();
    assert!(!shard.shard.end(client.id(), End::new(Code::Normal, "too late")));
    assert_eq!(shard.disconnects[0].end.text, "enough");
}

#[test]
fn a_reset_tells_the_peer_nothing_and_keeps_the_first_reason() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    let id = client.id();
    assert!(shard.end(&client));
    assert!(!shard.shard.reset(id, End::new(Code::WriteTimeout, "later")));
    assert_eq!(shard.next(&mut client), Step::Done);
    assert_eq!(
        shard.observed(),
        [Observed::ResetOnClose(id), Observed::BreakOff(id), Observed::Disconnected(id, Code::Administrator),]
    );
    shard.settle();
    assert_eq!((client.read(), shard.observed()), (String::new(), vec![Observed::Closed(id)]));
}

#[test]
fn the_close_frame_comes_behind_everything_that_was_accepted_before() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut subscriber = join(&mut [&mut here, &mut there], "news");
    let mut publisher = there.greeted();
    there.send(&mut publisher, &[publish("news", "accepted elsewhere")]);
    here.end(&subscriber);
    here.go_on(&mut subscriber);
    here.tick();
    assert_eq!((subscriber.read(), here.state(&subscriber)), (String::new(), Some(State::Draining)));
    settle(&mut [&mut there, &mut here]);
    assert_eq!(subscriber.read(), "news: accepted elsewhere; close 211");
    assert_eq!(here.go_on(&mut subscriber), Step::Linger);
}

#[test]
fn only_the_close_frame_that_has_left_begins_lingering() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut client, mut publisher) = (shard.join("news"), shard.greeted());
    client.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    client.transport.open();
    shard.writable(&client);
    client.transport.stall();
    shard.end(&client);
    shard.go_on(&mut client);
    shard.tick();
    assert_eq!((client.read(), shard.state(&client)), ("news: one".to_owned(), Some(State::Draining)));
    client.transport.open();
    shard.writable(&client);
    shard.tick();
    assert_eq!((client.read(), shard.state(&client)), ("close 211".to_owned(), Some(State::Lingering)));
}

#[test]
fn each_way_in_which_a_client_ends_has_its_code() {
    let close = corecast_wire::native::Frame::Close(corecast_wire::native::Reason::new(Code::Normal, "bye"));
    let begun = &encoded(&[PING])[..3];
    let cases: [(&[Received<'_>], &str); 5] = [
        (&[Received::End], "close 200"),
        (&[Received::Bytes(begun), Received::End], "error 103"),
        (&[Received::Bytes(&encoded(&[close]))], "close 200"),
        (&[Received::Bytes(&encoded(&[HELLO]))], "error 107"),
        (&[Received::Bytes(&[0; 100])], "error 103"),
    ];
    for (received, expected) in cases {
        let mut shard = Driver::alone(&Settings::default());
        let mut client = shard.greeted();
        for received in received {
            shard.receive(&mut client, *received);
        }
        shard.settle();
        assert_eq!((client.read(), shard.go_on(&mut client)), (expected.to_owned(), Step::Linger));
        assert_eq!(shard.peer_ends(&mut client), Step::Done);
    }
}

#[test]
fn a_broken_connection_is_done_without_a_word() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    assert_eq!(shard.receive(&mut client, Received::Broken).step, Step::Done);
    assert_eq!(shard.state(&client), Some(State::Closed));
    shard.settle();
    let id = client.id();
    assert_eq!(shard.observed(), [Observed::Disconnected(id, Code::Reset), Observed::Closed(id)]);
    assert_eq!(client.read(), "");
}

#[test]
fn frames_before_a_violation_take_effect_and_those_behind_it_do_not() {
    let mut shard = Driver::alone(&Settings::default());
    let (subscriber, mut client) = (shard.join("news"), shard.greeted());
    let frames = encoded(&[publish("news", "last words"), HELLO, publish("news", "behind the end")]);
    assert_eq!(shard.receive(&mut client, Received::Bytes(&frames)).step, Step::Wait);
    shard.settle();
    assert_eq!((subscriber.read(), client.read()), ("news: last words".to_owned(), "error 107".to_owned()));
}

#[test]
fn an_old_id_does_not_name_the_next_connection_in_its_slot() {
    let mut shard = Driver::alone(&Settings::default());
    let mut old = shard.greeted();
    shard.receive(&mut old, Received::Broken);
    shard.settle();
    let mut new = shard.greeted();
    assert_eq!(new.id().slot, old.id().slot);
    assert!(shard.shard.connection(old.id()).is_none());
    assert!(!shard.end(&old) && !shard.shard.reset(old.id(), End::new(Code::Reset, "late")));
    assert_eq!(shard.next(&mut old), Step::Done);
    shard.settle();
    assert_eq!((shard.state(&new), shard.next(&mut new)), (Some(State::Open), Step::Read));
    assert_eq!(shard.shard.connection(new.id()).map(ConnectionState::id), Some(new.id()));
}

#[test]
fn a_transport_may_be_closed_while_its_driver_waits_for_it() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut old, mut publisher) = (shard.join("news"), shard.greeted());
    old.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    shard.receive(&mut old, Received::Broken);
    shard.settle();
    // Another has the slot, and is full as well.
    let new = shard.join("news");
    assert_eq!(new.id().slot, old.id().slot);
    new.transport.stall();
    shard.send(&mut publisher, &[publish("news", "two")]);
    shard.tick();
    new.transport.open();
    shard.writable(&old);
    shard.tick();
    assert_eq!(new.read(), "", "the driver still waits for it");
    shard.writable(&new);
    shard.tick();
    assert_eq!(new.read(), "news: two");
}

#[test]
fn the_shard_knows_the_endpoint_of_a_connection() {
    let mut shard = Driver::alone(&Settings::default());
    let (one, other) = (shard.greeted(), shard.greeted());
    one.transport.stall();
    other.transport.set_unacknowledged(7);
    let unacknowledged = |id| {
        let endpoint = shard.shard.connection(id).unwrap().endpoint();
        corecast_shard::Endpoint::unacknowledged(endpoint)
    };
    assert_eq!((unacknowledged(one.id()), unacknowledged(other.id())), (0, 7));
}
