//! `Spin`, `Mutex` and `Alone` under every interleaving of two or three threads, up to loom's bound of preemptions.
//! `make loom` runs it in release mode, because loom's threads are one thread to the system and would share the
//! deadlock detector's record of the current call.
#![cfg(loom)]

use futures_lite::future::poll_once;
use loom::future::block_on;
use loom::thread;
use subjector::{Access, Alone, Mutex, Policy, Spin, Subjector};

/// Two threads add, each in one call that reads and writes. Neither addition is lost, and loom's cell sees no overlap.
fn calls_exclude_each_other<P: Policy + Clone + Send + Sync>(policy: P) {
    loom::model(move || {
        let number = Subjector::with(0, policy.clone());
        let other = number.clone();
        let thread = thread::spawn(move || block_on(other.call(|number| *number += 1)));
        block_on(number.call(|number| *number += 1));
        thread.join().unwrap();
        assert_eq!(block_on(number.call(|number| *number)), 2);
    });
}

/// One call awaits in its middle, and a call of another thread may have to be woken.
fn a_waiting_call_is_woken<P: Policy + Clone + Send + Sync>(policy: P) {
    loom::model(move || {
        let number = Subjector::with(0, policy.clone());
        let other = number.clone();
        let thread = thread::spawn(move || block_on(other.call(|number| *number += 1)));
        block_on(number.call_async(async |access: Access<'_, i32>| {
            access.with(|number| *number += 1).await;
            futures_lite::future::yield_now().await;
            access.with(|number| *number += 1).await;
        }));
        thread.join().unwrap();
        assert_eq!(block_on(number.call(|number| *number)), 3);
    });
}

/// A caller that gives up while it waits passes on its wake-up.
fn a_caller_that_gives_up_holds_nobody_up<P: Policy + Clone + Send + Sync>(policy: P) {
    loom::model(move || {
        let number = Subjector::with(0, policy.clone());
        let (first, second) = (number.clone(), number.clone());
        let gives_up = thread::spawn(move || {
            let mut call = Box::pin(first.call(|_| ()));
            block_on(poll_once(&mut call));
        });
        let adds = thread::spawn(move || block_on(second.call(|number| *number += 1)));
        block_on(number.call(|number| *number += 1));
        gives_up.join().unwrap();
        adds.join().unwrap();
        assert_eq!(block_on(number.call(|number| *number)), 2);
    });
}

#[test]
fn spin_excludes() {
    calls_exclude_each_other(Spin);
}

#[test]
fn mutex_excludes() {
    calls_exclude_each_other(Mutex);
}

#[test]
fn alone_excludes() {
    calls_exclude_each_other(Alone::default());
}

#[test]
fn spin_wakes() {
    a_waiting_call_is_woken(Spin);
}

#[test]
fn mutex_wakes() {
    a_waiting_call_is_woken(Mutex);
}

#[test]
fn alone_wakes() {
    a_waiting_call_is_woken(Alone::default());
}

#[test]
fn spin_survives_who_gives_up() {
    a_caller_that_gives_up_holds_nobody_up(Spin);
}

#[test]
fn mutex_survives_who_gives_up() {
    a_caller_that_gives_up_holds_nobody_up(Mutex);
}

/// Casts run in the thread that finds the strand idle or already runs it, and none is left behind.
#[test]
fn alone_leaves_no_cast_behind() {
    loom::model(|| {
        let number = Subjector::with(0, Alone::default());
        let other = number.clone();
        let thread = thread::spawn(move || other.cast(|number| *number += 1).unwrap());
        number.cast(|number| *number += 1).unwrap();
        thread.join().unwrap();
        assert_eq!(number.pending_casts(), 0);
        assert_eq!(block_on(number.call(|number| *number)), 2);
    });
}
