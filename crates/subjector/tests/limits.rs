//! The errors of calls and casts that cannot be made.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{gate, run};
use futures_lite::future::{block_on, poll_once};
use subjector::{Access, Alone, Channel, Error, Mutex, Policy, Portal, Subjector, executor};

under! { each policy => [a_cast_over_the_limit_is_refused] }
under! {
    stopped_portal: subjector::Portal::on(super::stopped()), stopped_alone: subjector::Alone::on(super::stopped()), stopped_channel: subjector::Channel::on(super::stopped())
    => [calls_and_casts_say_that_the_executor_has_stopped]
}
under! {
    no_executor_spin: subjector::Spin, no_executor_mutex: subjector::Mutex => [a_cast_that_must_wait_needs_an_executor]
}

/// Returns an executor that is no longer served.
fn stopped() -> executor::Mailbox {
    executor::mailbox().0
}

fn a_cast_over_the_limit_is_refused<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::build(0).name("number").max_casts(2).policy(policy());
        let (open, gate) = gate();
        for _ in 0..2 {
            let at = gate.clone();
            let cast = async move |access: Access<'_, i32>| {
                at.pass().await;
                access.with(|number| *number += 1).await;
            };
            number.cast_async(cast).expect("the cast is taken");
        }
        let full = Error::Full { object: String::from("number"), limit: 2 };
        assert_eq!(number.cast(|_| ()), Err(full.clone()));
        assert_eq!(full.to_string(), "number: 2 casts wait already");
        open.send(()).expect("the gate is held");
        open.send(()).expect("the gate is held");
        common::until(|| number.pending_casts() == 0).await;
        number.cast(|number| *number += 1).expect("the cast is taken");
        assert_eq!(number.call(|number| *number).await, 3);
    });
}

fn calls_and_casts_say_that_the_executor_has_stopped<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::build(0).name("number").policy(policy());
        let stopped = Error::Stopped { object: String::from("number") };
        assert_eq!(number.try_call(|number| *number).await, Err(stopped.clone()));
        assert_eq!(number.try_call_async(async |_: Access<'_, i32>| ()).await, Err(stopped.clone()));
        assert_eq!(number.cast(|_| ()), Err(stopped.clone()));
        assert_eq!(number.cast_async(async |_: Access<'_, i32>| ()), Err(stopped));
    });
}

fn a_cast_that_must_wait_needs_an_executor<P: Policy>(policy: impl Fn() -> P) {
    block_on(async {
        let number = Subjector::build(0).name("number").policy(policy());
        number.cast(|number| *number += 1).expect("the cast is taken");
        let (open, gate) = gate();
        let mut busy = Box::pin(number.call_async(async move |_: Access<'_, i32>| gate.pass().await));
        assert!(poll_once(&mut busy).await.is_none());
        let no_executor = Error::NoExecutor { object: String::from("number") };
        assert_eq!(number.cast(|_| ()), Err(no_executor));
        open.send(()).expect("the gate is held");
        busy.await;
        assert_eq!(number.call(|number| *number).await, 1);
        assert_eq!(number.pending_casts(), 0);
    });
}

#[test]
fn alone_needs_no_executor_for_a_cast_that_does_not_await() {
    block_on(async {
        let number = Subjector::with(0, Alone::default());
        let again = number.clone();
        let cast = move |_: &mut usize| {
            for _ in 0..2 * subjector::MAX_STRETCH {
                again.cast(|number| *number += 1).expect("the cast is taken");
            }
        };
        number.cast(cast).expect("the cast is taken");
        assert_eq!(number.call(|number| *number).await, 2 * subjector::MAX_STRETCH);
    });
}

#[test]
fn a_call_to_a_full_mailbox_waits_and_a_cast_is_refused() {
    run(async |_| {
        let list = Subjector::with(Vec::new(), Channel::default().capacity(1));
        let (open, gate) = gate();
        let at = gate.clone();
        let mut busy = Box::pin(list.call_async(async move |_: Access<'_, Vec<u8>>| at.pass().await));
        assert!(poll_once(&mut busy).await.is_none());
        gate.reached().await;
        list.cast(|list| list.push(1)).expect("the cast is taken");
        assert!(matches!(list.cast(|_| ()), Err(Error::Full { .. })));
        let mut waits = Box::pin(list.call(|list| list.push(2)));
        assert!(poll_once(&mut waits).await.is_none());
        open.send(()).expect("the gate is held");
        busy.await;
        waits.await;
        assert_eq!(list.call(|list| list.clone()).await, [1, 2]);
    });
}

/// The executor ends while a call is in progress on it.
#[test]
fn a_call_that_was_under_way_says_that_the_executor_has_stopped() {
    block_on(async {
        let (mailbox, service) = executor::mailbox();
        let local = std::rc::Rc::new(async_executor::LocalExecutor::new());
        let spawner = std::rc::Rc::downgrade(&local);
        let serve = service.serve(move |task| spawner.upgrade().expect("it runs").spawn(task).detach());
        local.spawn(serve).detach();
        let object = Subjector::with((), Portal::on(mailbox));
        let (_closed, gate) = gate();
        let at = gate.clone();
        let mut call = Box::pin(object.try_call_async(async move |_: Access<'_, ()>| at.pass().await));
        assert!(poll_once(&mut call).await.is_none());
        local.run(gate.reached()).await;
        drop(local);
        assert!(matches!(call.await, Err(Error::Stopped { .. })));
    });
}

#[test]
fn a_lock_that_is_given_up_in_the_middle_is_free() {
    block_on(async {
        let number = Subjector::with(0, Mutex);
        let (_closed, gate) = gate();
        let mut given_up = Box::pin(number.call_async(async move |_: Access<'_, i32>| gate.pass().await));
        assert!(poll_once(&mut given_up).await.is_none());
        drop(given_up);
        assert_eq!(number.call(|number| *number).await, 0);
    });
}
