//! A connection that must not be read is not read, and is woken again.

use crate::harness::{
    Driver, HELLO, Observed, PING, Settings, encoded, join, ping, publish, settle, shards, subscribe,
};
use corecast_shard::{Received, State, Step, Turn};
use corecast_wire::Code;

#[test]
fn frames_behind_a_subscription_wait_until_it_has_taken_effect() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut client = here.greeted();
    assert_eq!(here.send(&mut client, &[subscribe("news")]), Step::Wait);
    here.tick();
    assert!(here.is_woken(&client));
    assert_eq!(here.next(&mut client), Step::Wait, "the other shard has not been heard");
    there.tick();
    here.tick();
    assert_eq!(client.read(), "subscribed news");
    assert_eq!(here.go_on(&mut client), Step::Read);
}

#[test]
fn a_connection_with_too_many_answers_waits_for_the_flush() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.control_bytes = 1000));
    let mut client = shard.greeted();
    for _ in 0..10 {
        assert_eq!(shard.receive(&mut client, Received::Bytes(&ping(100))).step, Step::Read, "within the limit");
    }
    assert_eq!(shard.send(&mut client, &[PING]), Step::Wait);
    assert_eq!(shard.next(&mut client), Step::Wait);
    shard.tick();
    assert_eq!(shard.go_on(&mut client), Step::Read);
    assert_eq!(client.read(), ["pong"; 11].join("; "));
}

#[test]
fn a_full_connection_with_too_many_answers_waits_until_they_have_left() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.control_bytes = 1000));
    let mut client = shard.greeted();
    client.transport.stall();
    shard.receive(&mut client, Received::Bytes(&ping(100)));
    shard.tick();
    assert_eq!(shard.observed(), [Observed::WaitWritable(client.id())]);
    for _ in 0..9 {
        assert_eq!(shard.receive(&mut client, Received::Bytes(&ping(100))).step, Step::Read, "within the limit");
    }
    assert_eq!(shard.send(&mut client, &[PING]), Step::Wait);
    for _ in 0..3 {
        shard.tick();
        assert!(!shard.is_woken(&client), "a tick changes nothing for it");
    }
    client.transport.give_room(100);
    shard.writable(&client);
    shard.tick();
    assert!(!shard.is_woken(&client), "it is full again");
    assert_eq!(shard.observed(), [Observed::WaitWritable(client.id())]);
    client.transport.open();
    shard.writable(&client);
    shard.settle();
    assert_eq!(shard.go_on(&mut client), Step::Read);
    assert_eq!(client.read(), ["pong"; 11].join("; "));
    assert_eq!(shard.observed(), []);
}

#[test]
fn a_connection_that_was_full_is_woken_by_the_flush_again() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.control_bytes = 50));
    let mut client = shard.greeted();
    client.transport.stall();
    shard.receive(&mut client, Received::Bytes(&ping(100)));
    shard.tick();
    assert_eq!(shard.next(&mut client), Step::Wait);
    client.transport.open();
    shard.writable(&client);
    shard.tick();
    assert_eq!(shard.go_on(&mut client), Step::Read);
    assert_eq!(shard.receive(&mut client, Received::Bytes(&ping(100))).step, Step::Wait);
    shard.tick();
    assert_eq!(shard.go_on(&mut client), Step::Read);
    assert_eq!(client.read(), "pong; pong");
}

#[test]
fn nothing_is_read_from_a_connection_that_ends() {
    let mut shard = Driver::alone(&Settings::default());
    let (subscriber, mut client) = (shard.join("news"), shard.greeted());
    shard.end(&client);
    let late = encoded(&[publish("news", "late")]);
    let turn = shard.receive_late(&mut client, Received::Bytes(&late));
    assert_eq!((turn, shard.state(&client)), (Turn { taken: 0, step: Step::Wait }, Some(State::Draining)));
    shard.settle();
    assert_eq!((client.read(), subscriber.read()), ("close 211".to_owned(), String::new()));
}

#[test]
fn a_connection_that_is_gone_is_done() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    shard.receive(&mut client, Received::Broken);
    shard.settle();
    assert_eq!(shard.state(&client), None);
    let turn = shard.receive_late(&mut client, Received::Bytes(&encoded(&[PING])));
    assert_eq!(turn, Turn { taken: 0, step: Step::Done });
    client.connection.peer_ended(&mut shard.shard);
    assert_eq!(shard.next(&mut client), Step::Done);
}

#[test]
fn a_connection_without_input_goes_on_reading() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    assert_eq!(shard.receive(&mut client, Received::Nothing), Turn { taken: 0, step: Step::Read });
}

#[test]
fn a_connection_without_a_rate_takes_every_byte() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.native();
    assert!(!client.connection.has_rate());
    let mut bytes = encoded(&[HELLO, PING]);
    bytes.truncate(bytes.len() - 1);
    let turn = shard.receive(&mut client, Received::Bytes(&bytes));
    assert_eq!(turn, Turn { taken: bytes.len(), step: Step::Read });
    shard.tick();
    assert_eq!(client.read(), "welcome");
    shard.receive(&mut client, Received::Bytes(&encoded(&[PING])[9..]));
    shard.tick();
    assert_eq!(client.read(), "pong", "the end of the frame that had begun");
}

#[test]
fn a_stopping_shard_reads_nobody() {
    let [mut here, mut there] = shards(&Settings::default());
    let subscriber = join(&mut [&mut here, &mut there], "news");
    let (mut early, mut late) = (here.greeted(), here.greeted());
    here.next(&mut late);
    here.shard.stop();
    assert_eq!(here.next(&mut early), Step::Wait);
    let frame = encoded(&[publish("news", "found readable before")]);
    let turn = here.receive_late(&mut late, Received::Bytes(&frame));
    assert_eq!(turn, Turn { taken: frame.len(), step: Step::Wait });
    settle(&mut [&mut here, &mut there]);
    assert_eq!(subscriber.read(), "news: found readable before");
    assert!(!here.is_woken(&early) && !here.is_woken(&late), "only the end of the drain wakes them");
    there.shard.stop();
    here.shard.begin_drain(here.time.now());
    settle(&mut [&mut here, &mut there]);
    for client in [&mut early, &mut late] {
        assert_eq!(here.go_on(client), Step::Wait);
        assert_eq!(here.reason(client), Some(Code::GoingAway));
    }
}
