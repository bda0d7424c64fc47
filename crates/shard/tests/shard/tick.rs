//! The tick: post, receive, flush, reap.

use crate::harness::{
    Access, Driver, Observed, PING, Settings, acknowledged, join, plain, plain_encoded, publish, settle, shards,
    subscribe,
};
use corecast_fanout::FanoutLimits;
use corecast_session::End;
use corecast_shard::{ConnectionState, MAX_MAILBOX_MESSAGES, MailboxMessage, Mailboxes as _, Received, State, Step};
use corecast_wire::Code;

#[test]
fn messages_are_posted_before_others_are_received() {
    let [mut here, mut there] = shards(&Settings::default());
    let subscriber = join(&mut [&mut there, &mut here], "news");
    let mut publisher = here.greeted();
    here.mesh.take_accesses();
    here.send(&mut publisher, &[publish("news", "one")]);
    here.mesh.push(MailboxMessage::Request(1));
    here.exchange();
    assert_eq!(here.mesh.take_accesses(), [Access::Posted(1), Access::Received]);
    there.tick();
    assert_eq!(subscriber.read(), "news: one");
}

#[test]
fn the_exchange_answers_what_it_receives() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut subscriber = there.greeted();
    there.send(&mut subscriber, &[subscribe("news")]);
    there.tick();
    here.exchange();
    assert_eq!(here.mesh.take_accesses(), [Access::Received, Access::Posted(1)]);
    there.tick();
    assert_eq!(subscriber.read(), "subscribed news");
}

#[test]
fn answers_leave_in_the_exchange_and_messages_in_the_flush() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.join("news");
    shard.send(&mut client, &[publish("news", "one"), PING, acknowledged("news", "two", 7)]);
    assert_eq!(client.read(), "");
    shard.exchange();
    assert_eq!(client.read(), "pong; published 7");
    assert!(!shard.flush(64));
    assert_eq!(client.read(), "news: one; news: two");
}

#[test]
fn messages_from_the_mailbox_leave_in_the_same_tick() {
    let [mut here, mut there] = shards(&Settings::default());
    let subscriber = join(&mut [&mut there, &mut here], "news");
    let mut publisher = here.greeted();
    here.send(&mut publisher, &[publish("news", "one")]);
    here.tick();
    there.exchange();
    assert_eq!(subscriber.read(), "");
    there.flush(64);
    assert_eq!(subscriber.read(), "news: one");
}

#[test]
fn ended_connections_are_closed_at_the_end_of_the_tick() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut leaving, mut staying) = (shard.join("news"), shard.join("news"));
    let id = leaving.id();
    shard.send(&mut staying, &[publish("news", "one")]);
    assert!(shard.shard.reset(id, End::new(Code::Administrator, "enough")));
    assert_eq!(shard.next(&mut leaving), Step::Done);
    let reset = [Observed::ResetOnClose(id), Observed::BreakOff(id), Observed::Disconnected(id, Code::Administrator)];
    assert_eq!(shard.shard.connection(id).map(ConnectionState::state), Some(State::Closed));
    shard.exchange();
    assert_eq!((shard.observed(), shard.state(&leaving)), (reset.to_vec(), Some(State::Closed)));
    shard.flush(64);
    assert_eq!((shard.observed(), shard.state(&leaving)), (vec![Observed::Closed(id)], None));
    assert_eq!(staying.read(), "news: one");
}

#[test]
fn the_flush_posts_what_it_has_for_other_shards() {
    let settings =
        Settings { fanout: FanoutLimits { log_bytes: 100, ..FanoutLimits::default() }, ..Settings::default() };
    let [mut here, mut there] = shards(&settings);
    let slow = join(&mut [&mut here, &mut there], "news");
    slow.transport.stall();
    let mut publisher = here.greeted();
    for _ in 0..20 {
        here.send(&mut publisher, &[publish("news", "a message")]);
    }
    here.exchange();
    here.mesh.take_accesses();
    here.flush(64);
    // The subscriber lagged, and with it the last interest of this shard in the channel has ended.
    assert_eq!(here.mesh.take_accesses(), [Access::Posted(1)]);
}

#[test]
fn a_tick_receives_a_bounded_number_of_messages() {
    let mut shard = Driver::alone(&Settings::default());
    let requests = u32::try_from(MAX_MAILBOX_MESSAGES).unwrap() + 1;
    (0..requests).for_each(|request| shard.mesh.push(MailboxMessage::Request(request)));
    assert!(shard.tick());
    assert_eq!(shard.answered.len(), MAX_MAILBOX_MESSAGES);
    assert!(!shard.tick());
    let answered: Vec<_> = shard.answered.iter().map(|(request, _)| *request).collect();
    assert_eq!(answered, (0..requests).collect::<Vec<_>>());
}

#[test]
fn a_request_is_answered_from_the_current_shard() {
    let mut shard = Driver::alone(&Settings::default());
    shard.mesh.push(MailboxMessage::Request(1));
    shard.tick();
    let _client = shard.native();
    shard.mesh.push(MailboxMessage::Request(2));
    shard.tick();
    assert_eq!(shard.answered, [(1, 0), (2, 1)]);
}

#[test]
fn stop_is_received_like_any_message() {
    let mut shard = Driver::alone(&Settings::default());
    shard.mesh.push(MailboxMessage::Stop);
    shard.mesh.push(MailboxMessage::Request(1));
    assert!(!shard.shard.is_stopping());
    shard.exchange();
    assert!(shard.shard.is_stopping() && shard.mesh.is_empty());
    assert_eq!(shard.answered.len(), 1);
}

#[test]
fn a_flush_keeps_to_its_budget() {
    let mut shard = Driver::alone(&Settings::default());
    let subscribers: Vec<_> = (0..5).map(|_| shard.join("news")).collect();
    let mut publisher = shard.greeted();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.exchange();
    let mut read = 0;
    for expected in 1..=5 {
        assert_eq!(shard.flush(1), expected < 5);
        read += subscribers.iter().filter(|subscriber| subscriber.read() == "news: one").count();
        assert_eq!(read, expected);
    }
}

#[test]
fn the_shard_requests_a_tick_once_there_is_something_to_do() {
    let mut shard = Driver::alone(&Settings::default());
    assert!(!shard.shard.take_tick_request());
    let mut client = shard.greeted();
    assert!(shard.shard.take_tick_request());
    assert!(!shard.shard.take_tick_request());
    shard.send(&mut client, &[PING]);
    assert!(shard.shard.take_tick_request());
    shard.next(&mut client);
    assert!(!shard.shard.take_tick_request(), "nothing came of it");
    shard.sweep();
    assert!(shard.shard.take_tick_request());
    shard.end(&client);
    shard.go_on(&mut client);
    assert!(shard.shard.take_tick_request());
    shard.shard.stop();
    assert!(shard.shard.take_tick_request());
    shard.shard.begin_drain(shard.time.now());
    assert!(shard.shard.take_tick_request());
}

#[test]
fn each_read_that_publishes_is_one_commit() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.join("news");
    assert_eq!(shard.shard.policy().commits, []);
    shard.send(&mut client, &[publish("news", "one"), publish("news", "two")]);
    shard.send(&mut client, &[PING]);
    shard.send(&mut client, &[publish("news", "three")]);
    assert_eq!(shard.shard.policy_mut().commits, [client.id(); 2]);
}

#[test]
fn each_protocol_receives_the_others_messages() {
    let mut shard = Driver::alone(&Settings::default());
    let mut native = shard.join("news");
    let mut plain = shard.connect(plain());
    shard.send(&mut native, &[publish("news", "from native")]);
    shard.receive(&mut plain, Received::Bytes(&plain_encoded("from plain")));
    settle(&mut [&mut shard]);
    assert_eq!(native.read(), "news: from native; news: from plain");
    assert_eq!(plain.read(), "from native; from plain");
}
