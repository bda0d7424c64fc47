//! Subscribers that are behind by more than the log holds.

use crate::harness::{Client, Driver, Observed, Settings, millis, publish, seconds, subscribe_or_skip};
use corecast_fanout::FanoutLimits;
use corecast_session::Native;
use corecast_shard::{State, Step};
use corecast_wire::Code;

fn settings() -> Settings {
    Settings { fanout: FanoutLimits { log_bytes: 200, ..FanoutLimits::default() }, ..Settings::default() }
}

/// A stalled subscriber that has not had the first message, and a publisher.
fn behind(shard: &mut Driver) -> (Client<Native>, Client<Native>) {
    let (slow, mut publisher) = (shard.join("news"), shard.greeted());
    slow.transport.stall();
    shard.send(&mut publisher, &[publish("news", "first")]);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::WaitWritable(slow.id())]);
    (slow, publisher)
}

/// Publishes more than the log holds.
fn overrun(shard: &mut Driver, publisher: &mut Client<Native>) {
    for _ in 0..20 {
        shard.send(publisher, &[publish("news", "a message")]);
        shard.tick();
    }
}

#[test]
fn a_subscriber_that_lags_is_closed_and_told() {
    let mut shard = Driver::alone(&settings());
    let healthy = shard.join("news");
    let (mut slow, mut publisher) = behind(&mut shard);
    overrun(&mut shard, &mut publisher);
    assert_eq!((shard.reason(&slow), shard.state(&slow)), (Some(Code::Lagged), Some(State::Ending)));
    assert_eq!(shard.go_on(&mut slow), Step::Wait);
    slow.transport.open();
    shard.writable(&slow);
    shard.settle();
    assert_eq!((slow.read(), shard.go_on(&mut slow)), ("close 202".to_owned(), Step::Linger));
    assert_eq!(
        healthy.read(),
        ["news: first"].iter().chain(&["news: a message"; 20]).copied().collect::<Vec<_>>().join("; ")
    );
    assert_eq!(shard.shard.stats().counters.lagged, 1);
}

#[test]
fn a_close_frame_that_lagging_dropped_is_sent_again_with_code_202() {
    let mut shard = Driver::alone(&settings());
    let (mut slow, mut publisher) = behind(&mut shard);
    assert!(shard.end(&slow));
    assert_eq!((shard.go_on(&mut slow), shard.state(&slow)), (Step::Wait, Some(State::Draining)));
    shard.pass(millis(500));
    overrun(&mut shard, &mut publisher);
    assert!(shard.is_woken(&slow));
    assert_eq!((shard.reason(&slow), shard.state(&slow)), (Some(Code::Lagged), Some(State::Draining)));
    assert_eq!(shard.go_on(&mut slow), Step::Wait);
    slow.transport.open();
    shard.writable(&slow);
    shard.tick();
    assert_eq!((slow.read(), shard.state(&slow)), ("close 202".to_owned(), Some(State::Lingering)));
    assert_eq!(shard.peer_ends(&mut slow), Step::Done);
    shard.tick();
    assert_eq!(shard.disconnects[0].end.code, Code::Lagged);
}

#[test]
fn a_close_frame_is_sent_once_however_often_the_connection_is_woken() {
    let mut shard = Driver::alone(&settings());
    let (mut slow, _publisher) = behind(&mut shard);
    shard.end(&slow);
    for _ in 0..3 {
        assert_eq!(shard.next(&mut slow), Step::Wait);
    }
    slow.transport.open();
    shard.writable(&slow);
    shard.tick();
    assert_eq!(slow.read(), "news: first; close 211");
}

#[test]
fn lagging_does_not_extend_the_time_to_end() {
    let mut shard = Driver::alone(&settings());
    let (mut slow, mut publisher) = behind(&mut shard);
    shard.end(&slow);
    shard.go_on(&mut slow);
    shard.pass(millis(900));
    overrun(&mut shard, &mut publisher);
    shard.go_on(&mut slow);
    shard.pass(millis(100));
    assert_eq!(shard.observed(), [Observed::BreakOff(slow.id())], "the time of its first reason counts");
    assert_eq!(shard.go_on(&mut slow), Step::Done);
    shard.tick();
    assert_eq!(shard.disconnects[0].end.code, Code::Lagged);
    shard.pass(seconds(1));
}

#[test]
fn a_subscriber_that_skips_goes_on_behind_a_gap() {
    let mut shard = Driver::alone(&settings());
    let mut slow = shard.greeted();
    shard.send(&mut slow, &[subscribe_or_skip("news")]);
    shard.tick();
    assert_eq!(slow.read(), "subscribed news");
    slow.transport.stall();
    let mut publisher = shard.greeted();
    overrun(&mut shard, &mut publisher);
    assert_eq!((shard.reason(&slow), shard.next(&mut slow)), (None, Step::Read));
    slow.transport.open();
    shard.writable(&slow);
    shard.settle();
    let read = slow.read();
    let (gap, messages) = read.split_once("; ").unwrap();
    let missed = 20 - messages.split("; ").count();
    assert_eq!(gap, format!("news: {missed} missed"));
    assert_eq!(u64::try_from(missed).unwrap(), shard.shard.stats().counters.missed);
}
