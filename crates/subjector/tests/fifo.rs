//! Calls are done in the order in which they were made, except under `Spin`.

#[macro_use]
mod common;

use common::{gate, run};
use futures_lite::future::poll_once;
use subjector::{Access, Policy, Spin, Subjector};

under! {
    mutex: Mutex, portal: Portal::default(), alone: Alone::default(), channel: Channel::default(),
    portal_on: Portal::on(there()), alone_on: Alone::on(there()), channel_on: Channel::on(there())
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
            list.cast(move |list| list.push(2 * number + 1)).unwrap();
        }
        open.send(()).unwrap();
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
        open.send(()).unwrap();
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
        open.send(()).unwrap();
        busy.await;
        second.await;
        first.await;
        assert_eq!(list.call(|list| list.clone()).await, ["second", "first"]);
    });
}

/// More polls than it yields.
#[test]
fn spin_stops_yielding_and_is_woken() {
    run(async |local| {
        let number = Subjector::with(0, Spin);
        let (open, gate) = gate();
        let (busy, at) = (number.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, _>| at.pass().await).await });
        gate.reached().await;
        let (woken, wakes) = flume::unbounded();
        let waker = std::task::Waker::from(std::sync::Arc::new(Wake(woken)));
        let mut context = std::task::Context::from_waker(&waker);
        let mut waits = Box::pin(number.call(|number| *number += 1));
        for _ in 0..subjector::MAX_YIELDS {
            assert!(waits.as_mut().poll(&mut context).is_pending());
            assert_eq!(wakes.try_recv(), Ok(()), "it yields: it asks to be polled again");
        }
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert!(wakes.is_empty(), "it waits to be woken");
        open.send(()).unwrap();
        call.await;
        wakes.recv_async().await.unwrap();
        assert!(waits.as_mut().poll(&mut context).is_ready());
    });
}

struct Wake(flume::Sender<()>);

impl std::task::Wake for Wake {
    fn wake(self: std::sync::Arc<Self>) {
        let _test_ended = self.0.send(());
    }
}
