//! Calls are done in the order in which they were made, except under `Spin`.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{gate, run};
use futures_lite::future::poll_once;
use subjector::{Access, Policy, Spin, Subjector};

under! {
    mutex: subjector::Mutex, portal: subjector::Portal::default(), alone: subjector::Alone::default(), channel: subjector::Channel::default(),
    portal_on: subjector::Portal::on(super::common::there()), alone_on: subjector::Alone::on(super::common::there()), channel_on: subjector::Channel::on(super::common::there())
    => [calls_and_casts_are_done_in_the_order_in_which_they_were_made, a_caller_that_leaves_the_queue_holds_nobody_up]
}

/// Keeps an object busy until the gate is opened, and makes calls meanwhile.
fn calls_and_casts_are_done_in_the_order_in_which_they_were_made<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let list = Subjector::with(Vec::new(), policy());
        let (open, gate) = gate();
        let (busy, at) = (list.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, _>| at.pass().await).await });
        gate.reached().await;
        let mut calls = Vec::new();
        for number in 0..8 {
            let mut call = Box::pin(list.call(move |list: &mut Vec<u32>| list.push(2 * number)));
            if poll_once(&mut call).await.is_none() {
                calls.push(call);
            }
            list.cast(move |list| list.push(2 * number + 1)).expect("the cast is taken");
        }
        open.send(()).expect("the gate is held");
        call.await;
        for call in calls {
            call.await;
        }
        let done = list.call(|list| list.clone()).await;
        assert_eq!(done, (0..16).collect::<Vec<_>>());
    });
}

fn a_caller_that_leaves_the_queue_holds_nobody_up<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let list = Subjector::with(Vec::new(), policy());
        let (open, gate) = gate();
        let (busy, at) = (list.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, _>| at.pass().await).await });
        gate.reached().await;
        let mut leaves = Box::pin(list.call(|_| ()));
        let mut stays = Box::pin(list.call(|list| list.push(1)));
        let _may_be_ready = poll_once(&mut leaves).await;
        let stays_is_done = poll_once(&mut stays).await.is_some();
        drop(leaves);
        open.send(()).expect("the gate is held");
        call.await;
        if !stays_is_done {
            stays.await;
        }
        assert_eq!(list.call(|list| list.clone()).await, [1]);
    });
}

#[test]
fn spin_lets_in_who_tries_first() {
    run(async |_| {
        let list = Subjector::with(Vec::new(), Spin);
        let (open, gate) = gate();
        let mut busy = Box::pin(list.call_async(async move |_: Access<'_, _>| gate.pass().await));
        assert!(poll_once(&mut busy).await.is_none());
        let mut first = Box::pin(list.call(|list| list.push("first")));
        let mut second = Box::pin(list.call(|list| list.push("second")));
        assert!(poll_once(&mut first).await.is_none());
        assert!(poll_once(&mut second).await.is_none());
        open.send(()).expect("the gate is held");
        busy.await;
        second.await;
        first.await;
        assert_eq!(list.call(|list| list.clone()).await, ["second", "first"]);
    });
}

/// There are more polls than the policy yields.
#[test]
fn spin_stops_yielding_and_is_woken() {
    run(async |local| {
        let number = Subjector::with(0, Spin);
        let (open, gate) = gate();
        let (busy, at) = (number.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, _>| at.pass().await).await });
        gate.reached().await;
        let (tell, wake_ups) = flume::unbounded();
        let notifier = std::task::Waker::from(std::sync::Arc::new(Wake(tell)));
        let mut context = std::task::Context::from_waker(&notifier);
        let mut waits = Box::pin(number.call(|number| *number += 1));
        for _ in 0..subjector::MAX_YIELDS {
            assert!(waits.as_mut().poll(&mut context).is_pending());
            assert_eq!(wake_ups.try_recv(), Ok(()), "it yields: it asks to be polled again");
        }
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert!(wake_ups.is_empty(), "it waits to be woken");
        open.send(()).expect("the gate is held");
        call.await;
        wake_ups.recv_async().await.expect("it is told");
        assert!(waits.as_mut().poll(&mut context).is_ready());
    });
}

struct Wake(flume::Sender<()>);

impl std::task::Wake for Wake {
    fn wake(self: std::sync::Arc<Self>) {
        let _test_ended = self.0.send(());
    }
}
