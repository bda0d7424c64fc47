//! Promise 6: in a steady state a delivery allocates nothing, counted in a whole server on real sockets.
//!
//! A shard's thread allocates nothing to wake up, to receive, publish and flush, or to sleep again. A tick that posts
//! messages of one channel to other shards takes 3 allocations, however many messages and shards there are: the batch of
//! messages, its shared owner and the shard batch's list.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

use corecast_engine::{PolicyKind, Protocol, Tuning};
use corecast_testkit::{LocalServer, Peer};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Allocations allowed in one tick that posts to other shards.
const POST: u64 = 3;

/// The system allocator, with a count of the allocations of all threads that are not clients.
struct Counting;

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Ensures that one server runs at a time, with its clients on this thread: the count covers the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    IS_CLIENT.set(true);
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count() {
    if !IS_CLIENT.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system allocator unchanged. Counting allocates nothing, because the flag is initialised at
// compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the one that the system allocator requires.
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

/// A server in a steady state, and its clients, all on this thread.
struct Steady {
    subscribers: Vec<Peer>,
    publisher: Peer,
    server: LocalServer,
}

impl Steady {
    fn new(shards: usize, subscribers: usize, tuning: &Tuning) -> Self {
        let mut config = LocalServer::config(PolicyKind::Sharded, shards);
        // The number of sweeps depends on the duration of a test, and so would their allocations.
        config.tuning = tuning.clone().with_sweep_interval(Duration::from_hours(1));
        let server = LocalServer::start(config);
        let connect = || Peer::connect_native(server.address(Protocol::Native));
        let subscribe = |_| {
            let mut peer = connect();
            peer.subscribe("news");
            peer
        };
        let (subscribers, publisher) = ((0..subscribers).map(subscribe).collect(), connect());
        let mut steady = Self { subscribers, publisher, server };
        steady.publish(20, 1);
        steady
    }

    /// Publishes in `writes` writes of `messages` messages each; all subscribers receive a write before the next. Returns
    /// the allocations.
    fn publish(&mut self, writes: u64, messages: usize) -> u64 {
        let channel = ChannelName::new("news").unwrap();
        let mut bytes = Vec::new();
        for _ in 0..messages {
            native::encode(
                &Frame::Publish(Publish { channel, payload: &[7; 64], ack: None, no_echo: false }),
                &mut bytes,
            );
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..writes {
            self.publisher.send(&bytes);
            for subscriber in &mut self.subscribers {
                (0..messages).for_each(|_| subscriber.expect_native(&Frame::Message { channel, payload: &[7; 64] }));
            }
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    }

    fn deliveries(self) -> u64 {
        let Self { subscribers, publisher, server } = self;
        // Without its sweep, a stopping server would wait for the ends of its clients without limit.
        drop((subscribers, publisher));
        server.stop().counters.deliveries
    }
}

/// Publishes N and then 2 N messages one by one, and checks the growth against a bound per message.
#[track_caller]
fn check_growth(steady: &mut Steady, at_most: u64) {
    const N: u64 = 30;
    let (once, twice) = (steady.publish(N, 1), steady.publish(2 * N, 1));
    println!("{once} allocations for {N} messages, {twice} for {}", 2 * N);
    assert!(once <= N * at_most && twice.saturating_sub(once) <= N * at_most, "more than {at_most} a message");
}

#[test]
fn what_the_server_asks_for_is_counted_and_what_its_clients_do_is_not() {
    let _alone = alone();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    drop(black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before);
    IS_CLIENT.set(false);
    drop(black_box(Box::new(1)));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > before);
}

#[test]
fn a_publish_a_delivery_and_a_wake_up_allocate_nothing_and_a_post_three_times() {
    let _alone = alone();
    for (shards, at_most) in [(1, 0), (2, POST)] {
        for subscribers in [1, 1000] {
            println!("{shards} shards, {subscribers} subscribers");
            let mut steady = Steady::new(shards, subscribers, &Tuning::default());
            check_growth(&mut steady, at_most);
            assert_eq!(steady.deliveries(), 110 * subscribers as u64, "everybody got everything");
        }
    }
}

#[test]
fn messages_that_arrive_together_allocate_what_one_does() {
    let _alone = alone();
    for (shards, at_most) in [(1, 0), (2, POST)] {
        let mut steady = Steady::new(shards, 8, &Tuning::default());
        // The buffers grow to the size of such a batch once.
        steady.publish(20, 32);
        let found = steady.publish(30, 32);
        assert_eq!(steady.deliveries(), (20 + 50 * 32) * 8);
        // A batch may arrive in two receives.
        assert!(found <= 2 * 30 * at_most, "{shards} shards: {found} allocations for 30 batches");
    }
}
