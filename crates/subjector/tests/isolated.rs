//! The executors on which calls run, and the other tasks of an executor, which waiting callers do not block.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{gate, run, there};
use futures_lite::future::poll_once;
use std::thread;
use subjector::executor::Mailbox;
use subjector::{Access, Alone, Channel, Policy, Portal, Subjector};

under! { each policy => [a_waiting_caller_leaves_its_executor_to_others] }
under! {
    here_spin: subjector::Spin, here_mutex: subjector::Mutex, here_alone: subjector::Alone::default()
    => [calls_run_where_they_are_made]
}
under! {
    own_portal: subjector::Portal::default(), own_channel: subjector::Channel::default()
    => [calls_run_on_a_thread_of_the_object]
}

fn a_waiting_caller_leaves_its_executor_to_others<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let number = Subjector::with(0, policy());
        let (open, gate) = gate();
        let (busy, at) = (number.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, i32>| at.pass().await).await });
        gate.reached().await;
        let waits = number.clone();
        let waits = local.spawn(async move { waits.call(|number| *number).await });
        // This task runs on the same executor. If the two before it blocked it, nobody would open the gate.
        local.spawn(async move { open.send(()).expect("the gate is held") }).await;
        call.await;
        assert_eq!(waits.await, 0);
    });
}

fn calls_run_where_they_are_made<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let here = thread::current().id();
        let object = Subjector::with((), policy());
        assert_eq!(object.call(|()| thread::current().id()).await, here);
        assert_eq!(object.call_async(async |_: Access<'_, ()>| thread::current().id()).await, here);
    });
}

fn calls_run_on_a_thread_of_the_object<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let object = Subjector::with((), policy());
        let there = object.call(|()| thread::current().id()).await;
        assert_ne!(there, thread::current().id());
        assert_eq!(object.call_async(async |_: Access<'_, ()>| thread::current().id()).await, there);
        let other = Subjector::with((), policy());
        assert_ne!(other.call(|()| thread::current().id()).await, there);
    });
}

/// Three objects on one executor all run there.
#[test]
fn calls_run_on_the_executor_that_was_named() {
    async fn runs_on<P: Policy>(policy: P) -> [thread::ThreadId; 3] {
        let object = Subjector::with((), policy);
        let (cast, is_cast) = flume::bounded(1);
        object.cast(move |()| cast.send(thread::current().id()).expect("the test listens")).expect("the cast is taken");
        let cast = is_cast.recv_async().await.expect("it is told");
        let turn = object.call_async(async |access: Access<'_, ()>| access.with(|()| thread::current().id()).await);
        [cast, object.call(|()| thread::current().id()).await, turn.await]
    }
    run(async |_| {
        let there: Mailbox = there();
        let portal = runs_on(Portal::on(there.clone())).await;
        assert_ne!(portal[0], thread::current().id());
        assert_eq!(portal, [portal[0]; 3]);
        assert_eq!(runs_on(Alone::on(there.clone())).await, portal);
        assert_eq!(runs_on(Channel::on(there)).await, portal);
    });
}

/// There are more calls than one stretch: the rest becomes a task of the executor, and other calls come in between.
#[test]
fn alone_lets_its_executor_go_on_after_a_stretch() {
    run(async |local| {
        let list = Subjector::with(Vec::new(), Alone::default());
        let recursive = list.clone();
        // The first call queues these itself while it runs.
        let cast = list.cast(move |_| {
            for number in 0..2 * subjector::MAX_STRETCH {
                recursive.cast(move |list: &mut Vec<usize>| list.push(number)).expect("the cast is taken");
            }
        });
        cast.expect("the cast is taken");
        assert!(list.pending_casts() > 0, "the rest is left to the executor");
        let mut behind = Box::pin(list.call(|list| list.clone()));
        assert_eq!(poll_once(&mut behind).await, None);
        let other = local.spawn(async {});
        other.await;
        assert_eq!(behind.await, (0..2 * subjector::MAX_STRETCH).collect::<Vec<_>>());
    });
}
