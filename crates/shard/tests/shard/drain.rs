//! The end of a server, stage by stage.

use crate::harness::{
    Client, Driver, Observed, SWEEP, Settings, join, just_before, millis, publish, seconds, settle, shards, subscribe,
};
use corecast_session::Native;
use corecast_shard::{Drain, MailboxMessage, Mailboxes as _, Step};
use corecast_wire::Code;

impl Driver {
    fn stage(&self) -> Drain {
        self.shard.drain_stage()
    }

    /// Has a shard stop and begin its drain, with the stage that follows that; until a time by its own clock.
    fn begin_drain(&mut self) {
        self.shard.stop();
        self.shard.begin_drain(self.time.now());
        assert_eq!(self.stage(), Drain::Exchanging(self.shard.now() + seconds(5)));
    }
}

/// A shard with a stalled subscriber that is behind, and a healthy one.
fn one_behind() -> (Driver, Client<Native>, Client<Native>) {
    let mut shard = Driver::alone(&Settings::default());
    let (slow, healthy) = (shard.join("news"), shard.join("news"));
    let mut publisher = shard.greeted();
    slow.transport.stall();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::WaitWritable(slow.id())]);
    assert_eq!(healthy.read(), "news: one");
    (shard, slow, healthy)
}

#[test]
fn an_idle_shard_takes_one_tick_a_stage() {
    let mut shard = Driver::alone(&Settings::default());
    shard.pass(seconds(1));
    assert_eq!((shard.stage(), shard.shard.is_stopping()), (Drain::Serving, false));
    shard.shard.drain(shard.time.now(), &shard.mesh);
    assert_eq!(shard.stage(), Drain::Serving);
    shard.shard.stop();
    assert!(shard.shard.is_stopping());
    shard.tick();
    assert_eq!(shard.stage(), Drain::Stopping, "the driver has yet to say that no connection will come");
    shard.begin_drain();
    shard.tick();
    assert_eq!(shard.stage(), Drain::Flushing(seconds(6)));
    shard.tick();
    assert_eq!(shard.stage(), Drain::Closing(seconds(3)));
    shard.tick();
    assert_eq!(shard.stage(), Drain::Done);
    assert!(shard.shard.take_tick_request());
    shard.tick();
    assert_eq!((shard.stage(), shard.shard.take_tick_request()), (Drain::Done, false));
}

#[test]
fn each_stage_asks_for_the_tick_of_the_next() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    shard.begin_drain();
    shard.settle();
    assert!(matches!(shard.stage(), Drain::Closing(_)));
    shard.go_on(&mut client);
    shard.settle();
    shard.peer_ends(&mut client);
    shard.settle();
    assert_eq!(shard.stage(), Drain::Done);
}

#[test]
fn a_second_request_to_stop_changes_nothing() {
    let mut shard = Driver::alone(&Settings::default());
    let _client = shard.greeted();
    shard.begin_drain();
    shard.settle();
    let stage = shard.stage();
    shard.mesh.push(MailboxMessage::Stop);
    shard.tick();
    assert_eq!(shard.stage(), stage);
}

#[test]
fn a_connection_that_comes_while_the_shard_stops_is_closed_like_the_others() {
    let mut shard = Driver::alone(&Settings::default());
    shard.shard.stop();
    let mut late = shard.native();
    assert_eq!(late.step, Step::Wait);
    shard.begin_drain();
    shard.settle();
    assert_eq!((shard.go_on(&mut late), shard.reason(&late)), (Step::Wait, Some(Code::GoingAway)));
    shard.settle();
    assert_eq!(late.read(), "close 201");
    assert_eq!(shard.shard.stats().drained, 1);
}

#[test]
fn the_drain_waits_for_messages_of_other_shards() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut subscriber = join(&mut [&mut here, &mut there], "news");
    let mut publisher = there.greeted();
    there.send(&mut publisher, &[publish("news", "one")]);
    here.begin_drain();
    settle(&mut [&mut here]);
    here.pass(just_before(seconds(5)));
    assert_eq!(here.stage(), Drain::Exchanging(seconds(5)), "the other has not finished");
    there.shard.stop();
    there.tick();
    here.tick();
    assert!(matches!(here.stage(), Drain::Flushing(_)));
    assert_eq!(subscriber.read(), "news: one");
    here.settle();
    here.go_on(&mut subscriber);
    here.settle();
    assert_eq!(subscriber.read(), "close 201");
}

#[test]
fn the_drain_waits_for_an_unfinished_shard_until_its_deadline() {
    let [mut here, mut there] = shards(&Settings::default());
    let mut client = here.greeted();
    here.send(&mut client, &[subscribe("news")]);
    here.begin_drain();
    here.pass(just_before(seconds(5)));
    assert_eq!((here.stage(), client.read()), (Drain::Exchanging(seconds(5)), String::new()));
    here.pass(SWEEP);
    assert_eq!(here.stage(), Drain::Flushing(seconds(5)));
    here.tick();
    assert_eq!(client.read(), "subscribed news", "it waits for the other no longer");
    settle(&mut [&mut here, &mut there]);
}

#[test]
fn the_deadline_of_the_drain_does_not_depend_on_the_last_sweep() {
    let [mut here, _there] = shards(&Settings::default());
    here.time.advance(millis(50));
    here.shard.stop();
    here.shard.begin_drain(here.time.now());
    assert_eq!(here.stage(), Drain::Exchanging(seconds(5) + millis(50)));
    here.time.advance(millis(50));
    here.sweep();
    here.pass(just_before(seconds(5)));
    assert!(matches!(here.stage(), Drain::Exchanging(_)));
    // The tick between two sweeps is not late either.
    here.time.advance(millis(49));
    here.tick();
    assert!(matches!(here.stage(), Drain::Exchanging(_)));
    here.time.advance(millis(1));
    here.tick();
    assert!(matches!(here.stage(), Drain::Flushing(_)));
}

#[test]
fn the_drain_waits_for_every_other_shard() {
    let [mut here, mut first, mut second] = shards(&Settings::default());
    here.begin_drain();
    first.shard.stop();
    first.tick();
    here.tick();
    assert!(matches!(here.stage(), Drain::Exchanging(_)), "one of two");
    second.shard.stop();
    second.tick();
    here.tick();
    assert!(matches!(here.stage(), Drain::Flushing(_)));
}

#[test]
fn the_drain_waits_until_the_mailbox_is_empty() {
    let [mut here, mut there] = shards(&Settings::default());
    here.begin_drain();
    there.shard.stop();
    there.tick();
    (0..300).for_each(|request| here.mesh.push(MailboxMessage::Request(request)));
    here.tick();
    assert!(matches!(here.stage(), Drain::Exchanging(_)) && !here.mesh.is_empty());
    here.tick();
    assert!(matches!(here.stage(), Drain::Flushing(_)) && here.mesh.is_empty());
}

#[test]
fn the_drain_waits_for_messages_that_wait_for_room() {
    let [mut here, mut there] = shards(&Settings { mailbox: 2, ..Settings::default() });
    there.shard.stop();
    there.tick();
    there.mesh.fill();
    here.begin_drain();
    here.tick();
    assert!(here.shard.is_congested() && here.mesh.is_empty());
    assert!(matches!(here.stage(), Drain::Exchanging(_)));
    there.tick();
    here.tick();
    assert!(matches!(here.stage(), Drain::Flushing(_)));
}

#[test]
fn a_subscriber_that_catches_up_counts_as_drained() {
    let (mut shard, mut slow, mut healthy) = one_behind();
    shard.begin_drain();
    shard.settle();
    assert_eq!(shard.stage(), Drain::Flushing(seconds(5)));
    slow.transport.open();
    shard.writable(&slow);
    shard.settle();
    assert!(matches!(shard.stage(), Drain::Closing(_)));
    for client in [&mut slow, &mut healthy] {
        shard.go_on(client);
    }
    shard.settle();
    assert_eq!((slow.read(), healthy.read()), ("news: one; close 201".to_owned(), "close 201".to_owned()));
    let stats = shard.shard.stats();
    assert_eq!((stats.drained, stats.cut_off, stats.counters.undelivered), (3, 0, 0));
}

#[test]
fn a_subscriber_that_does_not_catch_up_is_cut_off_and_its_messages_counted() {
    let (mut shard, mut slow, healthy) = one_behind();
    shard.begin_drain();
    shard.pass(just_before(seconds(5)));
    assert_eq!((shard.stage(), shard.reason(&healthy)), (Drain::Flushing(seconds(5)), None));
    shard.pass(SWEEP);
    assert_eq!(shard.stage(), Drain::Closing(seconds(7)));
    assert_eq!((shard.reason(&slow), shard.reason(&healthy)), (Some(Code::GoingAway), Some(Code::GoingAway)));
    let stats = shard.shard.stats();
    assert_eq!((stats.drained, stats.cut_off, stats.counters.undelivered), (2, 1, 0));
    shard.go_on(&mut slow);
    shard.pass(seconds(1));
    assert_eq!(shard.observed(), [Observed::BreakOff(slow.id())]);
    assert_eq!(shard.go_on(&mut slow), Step::Done);
    shard.settle();
    assert_eq!(shard.shard.stats().counters.undelivered, 1);
}

#[test]
fn a_connection_that_is_gone_is_not_cut_off_although_its_transport_is_still_waited_for() {
    let (mut shard, mut slow, healthy) = one_behind();
    shard.receive(&mut slow, corecast_shard::Received::Broken);
    shard.settle();
    assert_eq!(shard.state(&slow), None);
    shard.begin_drain();
    shard.pass(seconds(5));
    assert_eq!(shard.reason(&healthy), Some(Code::GoingAway));
    let stats = shard.shard.stats();
    assert_eq!((stats.drained, stats.cut_off), (2, 0));
}

#[test]
fn messages_undelivered_before_the_drain_are_counted_apart() {
    let (mut shard, mut slow, _healthy) = one_behind();
    shard.receive(&mut slow, corecast_shard::Received::Broken);
    shard.settle();
    assert_eq!(shard.shard.stats().undelivered_before, 0);
    shard.begin_drain();
    let stats = shard.shard.stats();
    assert_eq!((stats.undelivered_before, stats.counters.undelivered), (1, 1));
}

#[test]
fn the_drain_waits_for_the_flush() {
    let mut shard = Driver::alone(&Settings::default());
    let subscribers: Vec<_> = (0..5).map(|_| shard.join("news")).collect();
    let mut publisher = shard.greeted();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.begin_drain();
    for _ in 0..4 {
        shard.exchange();
        assert!(shard.flush(1));
        assert!(matches!(shard.stage(), Drain::Exchanging(_) | Drain::Flushing(_)));
    }
    shard.exchange();
    assert!(!shard.flush(1));
    assert!(matches!(shard.stage(), Drain::Closing(_)));
    assert!(subscribers.iter().all(|subscriber| subscriber.read() == "news: one"));
}

#[test]
fn the_drain_waits_for_pending_work_of_the_policy_until_its_deadline() {
    let mut shard = Driver::alone(&Settings::default());
    shard.shard.policy_mut().is_pending = true;
    shard.begin_drain();
    shard.pass(just_before(seconds(5)));
    assert_eq!(shard.stage(), Drain::Flushing(seconds(5)));
    shard.pass(SWEEP);
    assert_eq!(shard.stage(), Drain::Closing(seconds(7)));
}

#[test]
fn reconnect_delays_are_spread_over_the_window() {
    let delays = |seed| {
        let mut shard =
            Driver::alone(&Settings { seed, ..Settings::with(|limits| limits.reconnect_spread = seconds(10)) });
        let mut clients: Vec<_> = (0..20).map(|_| shard.greeted()).collect();
        shard.begin_drain();
        shard.settle();
        let mut delay = |client: &mut Client<Native>| {
            shard.go_on(client);
            shard.tick();
            let close = client.read();
            let millis = close.strip_prefix("close 201, return after ")?.strip_suffix(" ms")?;
            millis.parse::<u64>().ok()
        };
        clients.iter_mut().map(|client| delay(client).unwrap()).collect::<Vec<_>>()
    };
    let (mut one, other) = (delays(1), delays(2));
    assert_ne!(one, other);
    assert_eq!(one, delays(1), "the same seed, the same run");
    assert!(one.iter().all(|delay| *delay < 10_000), "{one:?}");
    one.sort_unstable();
    one.dedup();
    assert!(one.len() > 10 && one[one.len() - 1] - one[0] > 5_000, "{one:?} is not spread");
}

#[test]
fn the_drain_does_not_replace_an_earlier_reason() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    shard.end(&client);
    shard.begin_drain();
    shard.settle();
    shard.go_on(&mut client);
    shard.tick();
    assert_eq!(client.read(), "close 211");
}

#[test]
fn a_connection_that_does_not_leave_is_broken_off_and_not_waited_for_any_longer() {
    let mut shard = Driver::alone(&Settings::default());
    let client = shard.greeted();
    shard.begin_drain();
    shard.settle();
    // Its task does not go on, so that its own time to end does not begin.
    assert_eq!(shard.stage(), Drain::Closing(seconds(2)));
    shard.pass(just_before(seconds(2)));
    assert_eq!((shard.stage(), shard.observed()), (Drain::Closing(seconds(2)), vec![]));
    shard.pass(SWEEP);
    assert_eq!((shard.stage(), shard.observed()), (Drain::Expired(seconds(3)), vec![Observed::BreakOff(client.id())]));
    assert!(shard.is_woken(&client));
    shard.pass(just_before(seconds(1)));
    assert_eq!(shard.stage(), Drain::Expired(seconds(3)));
    shard.pass(SWEEP);
    assert_eq!((shard.stage(), shard.shard.connection_count()), (Drain::Done, 1));
}

#[test]
fn the_drain_is_over_once_the_broken_off_connections_are_gone() {
    let mut shard = Driver::alone(&Settings::default());
    let mut client = shard.greeted();
    shard.begin_drain();
    shard.settle();
    shard.pass(seconds(2));
    assert_eq!((shard.stage(), shard.go_on(&mut client)), (Drain::Expired(seconds(3)), Step::Done));
    shard.tick();
    assert_eq!((shard.stage(), shard.shard.connection_count()), (Drain::Done, 0));
}
