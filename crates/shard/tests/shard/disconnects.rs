//! The record of a connection that has ended.

use crate::harness::{Driver, Observed, SWEEP, Settings, join, millis, publish, seconds, settle, shards, subscribe};
use corecast_fanout::{Backlog, Policy as _};
use corecast_shard::{Received, State, Step};
use corecast_wire::Code;
use std::collections::BTreeMap;

#[test]
fn the_record_has_the_reason_and_the_backlog_at_the_end() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut slow, mut publisher) = (shard.join("news"), shard.greeted());
    shard.send(&mut slow, &[subscribe("sport")]);
    shard.settle();
    slow.read();
    slow.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one"), publish("sport", "two")]);
    shard.settle();
    let backlog = shard.shard.policy().backlog(slow.id());
    assert!(backlog.channels == 2 && backlog.bytes_behind > 0);
    shard.end(&slow);
    assert_eq!(shard.disconnects.len(), 0, "it has not left");
    shard.go_on(&mut slow);
    shard.send(&mut publisher, &[publish("news", "too late for it")]);
    shard.settle();
    shard.observed();
    shard.pass(seconds(1));
    assert_eq!(shard.observed(), [Observed::BreakOff(slow.id())]);
    assert_eq!(shard.go_on(&mut slow), Step::Done);
    assert_eq!(shard.observed(), [Observed::Disconnected(slow.id(), Code::Administrator)]);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::Closed(slow.id())]);
    let [record] = &shard.disconnects[..] else { panic!("one connection has ended") };
    assert_eq!((record.id, record.backlog), (slow.id(), backlog));
    assert_eq!((record.end.code, &*record.end.text), (Code::Administrator, "enough"));
    assert_eq!(shard.shard.stats().counters.undelivered, 2);
}

#[test]
fn a_connection_that_took_everything_leaves_no_backlog() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    shard.receive(&mut client, Received::End);
    shard.settle();
    assert_eq!(shard.peer_ends(&mut client), Step::Done);
    shard.settle();
    assert_eq!(shard.disconnects[0].backlog, Backlog::default());
}

#[test]
fn the_statistics_count_connections_by_the_reason_for_their_end() {
    let mut shard = Driver::alone(&Settings::default());
    let mut clients: Vec<_> = (0..4).map(|_| shard.greeted()).collect();
    for client in &mut clients[..2] {
        shard.receive(client, Received::Broken);
    }
    shard.end(&clients[2]);
    shard.go_on(&mut clients[2]);
    shard.settle();
    assert_eq!(shard.shard.stats().closed, BTreeMap::from([(Code::Reset, 2)]), "the third is on its way");
    assert_eq!(shard.peer_ends(&mut clients[2]), Step::Done);
    assert_eq!(shard.shard.stats().closed, BTreeMap::from([(Code::Reset, 2), (Code::Administrator, 1)]));
}

#[test]
fn a_connection_is_reaped_after_other_shards_have_accounted_for_it() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut subscriber = join(&mut [&mut here, &mut there], "news");
    let mut publisher = there.greeted();
    there.send(&mut publisher, &[publish("news", "one"), publish("news", "two")]);
    assert_eq!(here.receive(&mut subscriber, Received::Broken).step, Step::Wait);
    here.settle();
    assert!(here.is_woken(&subscriber));
    assert_eq!((here.next(&mut subscriber), here.state(&subscriber)), (Step::Wait, Some(State::Closed)));
    subscriber.transport.lose();
    there.tick();
    here.tick();
    assert_eq!(here.go_on(&mut subscriber), Step::Done);
    settle(&mut [&mut here, &mut there]);
    assert_eq!(here.shard.stats().counters.undelivered, 2);
    assert_eq!(here.disconnects.len(), 1);
}

#[test]
fn other_shards_have_the_linger_time_to_account_for_a_connection() {
    let [mut here, mut there] = shards(&Settings::with(|limits| limits.linger = seconds(2)));
    let mut subscriber = join(&mut [&mut here, &mut there], "news");
    here.pass(SWEEP);
    here.time.advance(millis(50));
    assert_eq!(here.receive(&mut subscriber, Received::Broken).step, Step::Wait);
    here.time.advance(millis(50));
    here.sweep();
    for _ in 0..19 {
        here.pass(SWEEP);
        assert_eq!(here.next(&mut subscriber), Step::Wait);
    }
    assert_eq!(here.observed(), []);
    here.time.advance(SWEEP);
    here.sweep();
    assert_eq!(here.observed(), [Observed::BreakOff(subscriber.id())]);
    assert_eq!(here.go_on(&mut subscriber), Step::Done);
    here.tick();
    let id = subscriber.id();
    assert_eq!(here.observed(), [Observed::Disconnected(id, Code::Reset), Observed::Closed(id)]);
    settle(&mut [&mut here, &mut there]);
}

#[test]
fn a_connection_is_reaped_at_the_end_of_the_linger_time() {
    let [mut here, mut there] = shards(&Settings::with(|limits| limits.linger = millis(400)));
    let mut subscriber = join(&mut [&mut here, &mut there], "news");
    assert_eq!(here.receive(&mut subscriber, Received::Broken).step, Step::Wait);
    here.time.advance(millis(399));
    assert_eq!(here.next(&mut subscriber), Step::Wait);
    here.time.advance(millis(1));
    assert_eq!(here.next(&mut subscriber), Step::Done);
}
