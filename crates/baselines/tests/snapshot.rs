//! The risk of a copy-on-write registry: a publisher that still sees a connection which has left.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

#[allow(dead_code, unused_imports, reason = "each test file needs a part of it")]
mod common;

use common::{FIRST, FakeEncode, answer};
use corecast_baselines::{Snapshot, SnapshotDirectory};
use corecast_fanout::{Encode, FanoutLimits, Hooks as _, Outlet, Policy, Publication, Sent};
use std::sync::{Arc, Mutex, mpsc};

/// Keeps what it took. One of them lets the test intervene while a fan-out is under way.
#[derive(Clone)]
struct Meeting {
    taken: Arc<Mutex<Vec<u8>>>,
    pause: Option<Pause>,
}

/// Reports that it was reached, and waits for permission to continue.
#[derive(Clone)]
struct Pause {
    reached: mpsc::SyncSender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Outlet for Meeting {
    fn send(&self, bytes: &[u8]) -> Sent {
        if let Some(pause) = &self.pause {
            pause.reached.send(()).unwrap();
            pause.go_on.lock().unwrap().recv().unwrap();
        }
        self.taken.lock().unwrap().extend_from_slice(bytes);
        Sent::Took(bytes.len())
    }
}

#[test]
fn who_leaves_during_a_fan_out_is_sent_what_was_accepted_before_its_answer_and_who_is_closed_is_not() {
    let directory = SnapshotDirectory::default();
    let shard = |number| Snapshot::new(number, 2, FanoutLimits::default(), FakeEncode, directory.clone());
    let (reached, has_reached) = mpsc::sync_channel(0);
    let (let_go, go_on) = mpsc::sync_channel(0);
    let pause = Pause { reached, go_on: Arc::new(Mutex::new(go_on)) };
    let mut publishing = shard(0);
    let mut owning = shard(1);

    // The first member of the channel holds up the fan-out; the others come after it.
    let publisher = publishing.open(Meeting { taken: Arc::default(), pause: Some(pause) }, FIRST);
    publishing.subscribe(publisher, "news", b"").unwrap();
    let taken: [Arc<Mutex<Vec<u8>>>; 3] = Default::default();
    let ids = taken.each_ref().map(|taken| {
        let id = owning.open(Meeting { taken: Arc::clone(taken), pause: None }, FIRST);
        owning.subscribe(id, "news", &answer(FIRST, "+news")).unwrap();
        id
    });
    owning.flush(1);

    let fan_out = std::thread::spawn(move || {
        publishing.publish(publisher, &Publication { channel: "news", payload: b"late", no_echo: false });
        publishing.commit(publisher);
        publishing
    });
    has_reached.recv().unwrap();
    owning.unsubscribe(ids[0], "news", &answer(FIRST, "-news"));
    owning.end(ids[1], &answer(FIRST, "bye"));
    owning.close(ids[2]);
    owning.flush(1);
    let_go.send(()).unwrap();
    let mut publishing = fan_out.join().unwrap();
    // There are two references: the test's, and that of its own shard, which closes it in its next tick.
    assert_eq!(
        Arc::strong_count(&taken[2]),
        2,
        "the outlet of a closed connection was dropped on the publisher's thread"
    );
    owning.post();
    assert_eq!(Arc::strong_count(&taken[2]), 1, "the outlet of a closed connection is kept");
    // The publishing shard reports, after everything that it had accepted, that there is nothing more.
    for _ in 0..2 {
        owning.post();
        publishing.receive(1, std::mem::take(owning.shard_batch(0)));
        publishing.post();
        owning.receive(0, std::mem::take(publishing.shard_batch(1)));
        owning.flush(1);
    }

    let mut late = Vec::new();
    FakeEncode.message(FIRST, "news", b"late", &mut late);
    for (taken, last) in taken.iter().zip([Some("-news"), Some("bye"), None]) {
        let mut expected = answer(FIRST, "+news");
        if let Some(last) = last {
            expected.extend_from_slice(&late);
            expected.extend_from_slice(&answer(FIRST, last));
        }
        assert_eq!(*taken.lock().unwrap(), expected);
    }
}
