//! The clock of a shard, which leaves out the time for which the shard stood still.

use crate::harness::{Driver, Observed, Settings, millis, seconds};
use corecast_shard::{Received, State, Step};
use corecast_wire::Code;

#[test]
fn a_late_sweep_reports_a_standstill() {
    let mut shard = Driver::alone(&Settings::default());
    let mut sweep_after = |millis_later| {
        shard.time.advance(millis(millis_later));
        (shard.sweep(), shard.shard.now().as_millis(), shard.shard.standstills())
    };
    assert_eq!(sweep_after(100), (None, 100, 0));
    assert_eq!(sweep_after(500), (None, 600, 0));
    assert_eq!(sweep_after(501), (Some(millis(501)), 1_100, 1));
    assert_eq!(sweep_after(3_600_000), (Some(seconds(3_600)), 1_600, 2));
    assert_eq!(sweep_after(0), (None, 1_600, 2));
}

#[test]
fn no_deadline_counts_a_standstill() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.hello_timeout = seconds(10)));
    let client = shard.native();
    shard.pass(seconds(9));
    shard.time.advance(seconds(3_600));
    assert_eq!(shard.sweep(), Some(seconds(3_600)));
    assert_eq!(shard.reason(&client), None, "half a second of it counts");
    shard.pass(millis(400));
    assert_eq!(shard.reason(&client), None);
    shard.pass(millis(100));
    assert_eq!(shard.reason(&client), Some(Code::HelloTimeout));
}

#[test]
fn a_standstill_does_not_shorten_the_linger_time() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.linger = seconds(2)));
    let mut client = shard.greeted();
    client.transport.stall();
    shard.time.advance(seconds(3_600));
    // Half a second of those counts, and belongs to the time before.
    shard.receive(&mut client, Received::End);
    shard.sweep();
    shard.tick();
    shard.pass(millis(1_900));
    assert_eq!((client.step, shard.state(&client)), (Step::Wait, Some(State::Draining)));
    shard.observed();
    shard.pass(millis(100));
    assert_eq!(shard.observed(), [Observed::BreakOff(client.id())]);
}
