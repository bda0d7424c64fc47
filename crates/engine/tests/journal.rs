//! Each shard keeps the last connections that left, with the reasons.

use corecast_engine::{JOURNAL_LENGTH, PolicyKind, Protocol, State};
use corecast_testkit::{Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::Code;
use corecast_wire::native::Frame;

#[test]
fn a_disconnect_says_who_left_and_how() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let mut orderly = Peer::connect_native(server.address(Protocol::Native));
        orderly.subscribe("a");
        orderly.subscribe("b");
        let mut hostile = Peer::connect_native(server.address(Protocol::Native));
        let crashed = Peer::connect_native(server.address(Protocol::Native));
        let from = [&orderly, &hostile, &crashed].map(|peer| peer.stream().local_addr().expect("it is connected"));
        let ids = [&orderly, &hostile, &crashed].map(|peer| server.connection(peer));
        let connections = server.control().connections().expect("the server runs");
        assert!(connections.iter().all(|connection| connection.state == State::Open), "{connections:?}");

        orderly.shutdown();
        hostile.send_native(&Frame::Hello { version: 1 });
        hostile.expect_refusal(Code::UnexpectedKind);
        drop(hostile);
        crashed.reset();
        let mut journal = Vec::new();
        wait_until(Deadline::start(), "three records", || {
            journal = server.control().journal().expect("the server runs");
            journal.len() == 3
        });
        let expected = [(Code::Normal, 2), (Code::UnexpectedKind, 0), (Code::Reset, 0)];
        for ((id, peer), (code, channels)) in ids.into_iter().zip(from).zip(expected) {
            let record = journal.iter().find(|record| record.connection == id).expect("it is in the journal");
            assert_eq!((record.peer, record.code, record.backlog.channels), (peer, code, channels));
            assert!(!record.reason.is_empty());
        }
        assert!(journal.is_sorted_by_key(|record| record.at));
        // The journal records a disconnect before the slot is free.
        wait_until(Deadline::start(), "the slots to be free", || {
            server.control().connections().expect("the server runs").is_empty()
        });
    });
}

#[test]
fn of_a_storm_the_journal_keeps_the_latest() {
    const STORM: usize = JOURNAL_LENGTH + 200;
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 1));
    let from: Vec<_> = (0..STORM)
        .map(|_| {
            let peer = Peer::connect_native(server.address(Protocol::Native));
            peer.stream().local_addr().expect("it is connected")
        })
        .collect();
    wait_until(Deadline::start(), "all to have left", || {
        server.control().connections().expect("the server runs").is_empty()
    });
    let journal = server.control().journal().expect("the server runs");
    assert_eq!(journal.len(), JOURNAL_LENGTH);
    let kept: std::collections::HashSet<_> = journal.iter().map(|record| record.peer).collect();
    assert!(kept.contains(&from[STORM - 1]) && !kept.contains(&from[0]));
    assert_eq!(server.stop().closed.values().sum::<u64>(), STORM as u64);
}
