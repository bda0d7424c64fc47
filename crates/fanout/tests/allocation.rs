//! In a steady state `sharded` allocates nothing to deliver, and little to answer and to post.
//!
//! | what | allocations |
//! | --- | --- |
//! | publish, with or without echo | 0 |
//! | flush, to any number of subscribers, some of them behind | 0 |
//! | answer | 1 for the connection's buffer, which is freed when everything has left |
//! | post: a tick's messages of one channel in one encoding, to other shards | 2 to one shard, 3 to more |
//! | a shard batch that the owner has taken | 1 for its list when it is next added to, which grows as a vector does |
//! | receive | 0 |
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

use corecast_fanout::policy::Sharded;
use corecast_fanout::{
    ConnectionId, Effect, Encode, Encoding, FanoutLimits, LagRule, Outlet, Policy, Publication, Sent, ShardId,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system allocator, counting by thread because the tests run in parallel.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call is the system allocator's, unchanged; counting allocates nothing, because the counter
// is initialised at compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise to us is the one that the system allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above; the pointer came from `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of times that `work` asks for memory.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

const ENCODING: Encoding = Encoding::new(0);
const ROUNDS: usize = 100;
const WARM_UP: usize = 50;

/// A transport that takes everything, or nothing.
#[derive(Clone, Debug)]
struct Pipe {
    received: Arc<AtomicUsize>,
    stalled: bool,
}

impl Outlet for Pipe {
    fn send(&self, bytes: &[u8]) -> Sent {
        if self.stalled {
            return Sent::Took(0);
        }
        self.received.fetch_add(bytes.len(), Ordering::Relaxed);
        Sent::Took(bytes.len())
    }
}

/// An encoding that consists of the payload alone.
#[derive(Clone, Copy, Debug)]
struct Bare;

impl Encode for Bare {
    fn message(&self, _: Encoding, _: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
    }

    fn gap(&self, _: Encoding, _: &str, _: u64, _: &mut Vec<u8>) {}
}

struct Shard {
    policy: Sharded<Pipe, Bare>,
    received: Arc<AtomicUsize>,
}

impl Shard {
    fn new(shard: ShardId, shards: ShardId) -> Self {
        let limits = FanoutLimits { log_bytes: 10_000, lag: [LagRule::Skip; 4], ..FanoutLimits::default() };
        Self { policy: Sharded::new(shard, shards, limits, Bare), received: Arc::default() }
    }

    fn join(&mut self, stalled: bool) -> ConnectionId {
        let id = self.policy.open(Pipe { received: Arc::clone(&self.received), stalled }, ENCODING);
        self.policy.subscribe(id, "news", b"").unwrap();
        id
    }

    fn publish(&mut self, from: ConnectionId, no_echo: bool) {
        for _ in 0..8 {
            self.policy.publish(from, &Publication { channel: "news", payload: &[b'x'; 64], no_echo });
        }
    }

    fn flush(&mut self) {
        while self.policy.flush(100) {}
        while let Some(effect) = self.policy.take_effect() {
            assert!(matches!(effect, Effect::Full(_)));
        }
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// Runs rounds until the buffers have their final size, then checks that further rounds allocate at most `at_most`
/// times.
fn check_steady_state(at_most: u64, mut round: impl FnMut()) {
    (0..WARM_UP).for_each(|_| round());
    for number in 0..ROUNDS {
        let found = allocations(&mut round);
        assert!(found <= at_most, "{found} allocations in round {number}, not {at_most}");
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn delivering_allocates_nothing() {
    for subscribers in [1, 1000] {
        for no_echo in [false, true] {
            let mut shard = Shard::new(0, 1);
            let publisher = shard.join(false);
            for _ in 0..subscribers {
                shard.join(false);
            }
            check_steady_state(0, || {
                shard.publish(publisher, no_echo);
                shard.flush();
            });
            let receivers = subscribers + usize::from(!no_echo);
            assert_eq!(shard.received(), (WARM_UP + ROUNDS) * 8 * 64 * receivers);
        }
    }
}

#[test]
fn delivering_past_a_stalled_subscriber_allocates_nothing() {
    let mut shard = Shard::new(0, 1);
    let publisher = shard.join(false);
    shard.join(true);
    check_steady_state(0, || {
        shard.publish(publisher, false);
        shard.flush();
    });
    assert!(shard.policy.counters().missed > 0, "the log was full");
}

#[test]
fn answering_allocates_once_for_each_connection() {
    let mut shard = Shard::new(0, 1);
    let ids: Vec<_> = (0..10).map(|_| shard.join(false)).collect();
    check_steady_state(10, || {
        for id in &ids {
            shard.policy.answer(*id, b"pong");
        }
        shard.flush();
    });
    assert_eq!(shard.received(), (WARM_UP + ROUNDS) * 10 * 4);
}

#[test]
fn posting_allocates_twice_for_one_shard_and_thrice_for_more() {
    for (shards, at_most) in [(2, 2), (3, 3), (8, 3)] {
        let mut all: Vec<_> = (0..shards).map(|shard| Shard::new(shard, shards)).collect();
        let publisher = all[0].join(false);
        for shard in &mut all[1..] {
            shard.join(false);
        }
        (0..3).for_each(|_| exchange(&mut all));
        // The owner takes each shard batch, so the next one needs a new list.
        let lists = u64::from(shards) - 1;
        let mut receiving = 0;
        check_steady_state(at_most + lists, || {
            all[0].publish(publisher, false);
            all[0].policy.post();
            receiving = allocations(|| exchange(&mut all));
        });
        assert_eq!(receiving, 0, "what is received is only copied into the log");
        assert_eq!(all[1].received(), (WARM_UP + ROUNDS) * 8 * 64);
    }
}

/// Posts everything to every shard.
fn exchange(all: &mut [Shard]) {
    for from in 0..all.len() {
        all[from].policy.post();
        for to in 0..all.len() {
            let shard_batch = std::mem::take(all[from].policy.shard_batch(ShardId::try_from(to).unwrap()));
            if !shard_batch.is_empty() {
                all[to].policy.receive(ShardId::try_from(from).unwrap(), shard_batch);
            }
        }
    }
    all.iter_mut().for_each(Shard::flush);
}
