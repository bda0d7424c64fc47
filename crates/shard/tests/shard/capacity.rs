//! The connections that a shard has room for.

use crate::harness::{Client, Driver, Readable as _, Settings, plain};
use corecast_session::Native;
use corecast_shard::{ConnectionState, Received};
use corecast_wire::{Code, FrameLimits};

#[test]
fn a_connection_over_the_limit_is_refused_with_code_210() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.connections = 2));
    let mut clients: Vec<Client<Native>> = Vec::new();
    for _ in 0..2 {
        assert!(!shard.shard.is_full());
        clients.push(shard.native());
    }
    assert!(shard.shard.is_full());
    let mut refusal = shard.shard.refuse(&Native::new(FrameLimits::NATIVE));
    assert_eq!(Native::read(&mut refusal), ["close 210"]);
    let stats = shard.shard.stats();
    assert_eq!((stats.accepted, stats.closed[&Code::Full], shard.shard.connection_count()), (2, 1, 2));
}

#[test]
fn a_refusal_is_counted_even_where_the_protocol_has_no_close_frame() {
    let mut shard = Driver::alone(&Settings::default());
    assert_eq!(shard.shard.refuse(&plain()), b"");
    assert_eq!(shard.shard.refuse(&plain()), b"");
    assert_eq!(shard.shard.stats().closed[&Code::Full], 2);
}

#[test]
fn a_reaped_connection_makes_room_for_another() {
    let mut shard = Driver::alone(&Settings::with(|limits| limits.connections = 1));
    let mut first = shard.native();
    shard.receive(&mut first, Received::Broken);
    assert!(shard.shard.is_full(), "it has not been reaped");
    shard.settle();
    assert_eq!((shard.shard.is_full(), shard.shard.connection_count()), (false, 0));
    let second = shard.native();
    assert_eq!((second.id().slot, shard.shard.connection_count()), (first.id().slot, 1));
    assert_eq!(shard.shard.stats().accepted, 2);
}

#[test]
fn the_shard_lists_its_connections() {
    let mut shard = Driver::alone(&Settings::default());
    let mut clients: Vec<_> = (0..4).map(|_| shard.native()).collect();
    let ids = |shard: &Driver| shard.shard.connections().map(ConnectionState::id).collect::<Vec<_>>();
    assert_eq!(ids(&shard), clients.iter().map(Client::id).collect::<Vec<_>>());
    let mut leaving = clients.remove(1);
    shard.receive(&mut leaving, Received::Broken);
    shard.settle();
    assert_eq!(ids(&shard), clients.iter().map(Client::id).collect::<Vec<_>>());
    assert_eq!(shard.shard.connection_count(), 3);
}
