//! Peers that leave while their connections are not read.

use crate::harness::{
    Client, Driver, HELLO, Observed, SWEEP, Settings, join, just_before, plain, publish, seconds, settle, shards,
};
use corecast_session::Native;
use corecast_shard::{HangUp, State, Step};
use corecast_wire::Code;

/// Two shards, and a client of the first that is not read because the mailbox of the second is full.
fn unread() -> ([Driver; 2], Client<Native>) {
    let settings = Settings::with(|limits| limits.write_timeout = seconds(300));
    let [mut here, mut there] = shards(&Settings { mailbox: 2, idle_timeout: seconds(60), ..settings });
    let mut client = join(&mut [&mut here, &mut there], "news");
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    there.mesh.fill();
    here.send(&mut client, &[publish("news", "one")]);
    here.tick();
    assert_eq!((here.next(&mut client), client.read()), (Step::Wait, "news: one".to_owned()));
    ([here, there], client)
}

#[test]
fn a_connection_that_breaks_while_it_is_not_read_ends() {
    let ([mut here, mut there], mut client) = unread();
    client.transport.hang_up(HangUp::Broken);
    here.sweep();
    assert_eq!(here.observed(), [Observed::ResetOnClose(client.id()), Observed::BreakOff(client.id())]);
    assert_eq!((here.go_on(&mut client), here.state(&client)), (Step::Wait, Some(State::Closed)));
    while there.mesh.pop().is_some() {}
    settle(&mut [&mut here, &mut there]);
    assert_eq!(here.go_on(&mut client), Step::Done);
    here.tick();
    assert_eq!(here.observed(), [Observed::Disconnected(client.id(), Code::Reset), Observed::Closed(client.id())]);
    assert_eq!(client.read(), "");
}

#[test]
fn an_unread_client_that_has_ended_its_stream_gets_a_ping_every_ten_seconds() {
    let ([mut here, _there], client) = unread();
    here.pass(seconds(100));
    assert_eq!(client.read(), "", "a silence of ours is not asked about");
    client.transport.hang_up(HangUp::Ended);
    here.pass(SWEEP);
    assert_eq!(client.read(), "ping");
    here.pass(just_before(seconds(10)));
    assert_eq!(client.read(), "");
    here.pass(SWEEP);
    assert_eq!(client.read(), "ping");
    here.pass(seconds(30));
    assert_eq!((client.read(), here.reason(&client)), ("ping; ping; ping".to_owned(), None));
}

#[test]
fn an_unread_client_whose_transport_is_full_gets_no_ping() {
    let ([mut here, _there], client) = unread();
    client.transport.stall();
    let mut publisher = here.greeted();
    here.send(&mut publisher, &[publish("news", "two")]);
    here.tick();
    assert_eq!(here.observed(), [Observed::WaitWritable(client.id())]);
    client.transport.hang_up(HangUp::Ended);
    here.pass(seconds(20));
    // It takes a part, and is full again before the tick notices.
    client.transport.give_room(5);
    here.writable(&client);
    here.sweep();
    client.transport.open();
    here.tick();
    here.writable(&client);
    here.tick();
    assert_eq!(client.read(), "news: two", "nothing stands behind it");
    here.pass(SWEEP);
    assert_eq!(client.read(), "ping", "nothing is held any more");
}

#[test]
fn only_open_connections_of_a_protocol_with_a_ping_are_probed() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut new, mut open, mut mute) = (shard.native(), shard.native(), shard.connect(plain()));
    shard.send(&mut open, &[HELLO]);
    shard.tick();
    shard.shard.stop();
    assert_eq!([shard.next(&mut new), shard.next(&mut open), shard.next(&mut mute)], [Step::Wait; 3]);
    for transport in [&new.transport, &open.transport, &mute.transport] {
        transport.hang_up(HangUp::Ended);
    }
    shard.pass(SWEEP);
    assert_eq!([new.read(), open.read(), mute.read()], ["", "welcome; ping", ""]);
}

#[test]
fn the_sweep_leaves_hang_ups_of_connections_that_are_read_to_the_read() {
    let mut shard = Driver::alone(&Settings::default());
    let client = shard.greeted();
    for hang_up in [HangUp::Ended, HangUp::Broken] {
        client.transport.hang_up(hang_up);
        shard.pass(SWEEP);
        assert_eq!((client.read(), shard.reason(&client)), (String::new(), None));
    }
}

#[test]
fn a_connection_that_breaks_in_the_flush_ends() {
    let mut shard = Driver::alone(&Settings::default());
    let (mut client, mut publisher) = (shard.join("news"), shard.greeted());
    client.transport.lose();
    shard.send(&mut publisher, &[publish("news", "one")]);
    shard.tick();
    assert_eq!(shard.observed(), [Observed::BreakOff(client.id())]);
    assert_eq!((shard.reason(&client), shard.go_on(&mut client)), (Some(Code::Reset), Step::Done));
    shard.tick();
    assert_eq!(shard.observed(), [Observed::Disconnected(client.id(), Code::Reset), Observed::Closed(client.id())]);
}
