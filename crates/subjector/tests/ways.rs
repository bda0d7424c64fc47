//! The sixteen ways: under each of the eight policies, a call that awaits the result and a cast that does not, each
//! also with code that awaits.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{gate, run};
use futures_lite::future::{poll_once, zip};
use subjector::{Access, Indivisible, Policy, Subjector};

under! { each policy => [
    a_call_brings_its_result,
    a_cast_is_done_before_a_later_call,
    a_cast_to_a_busy_object_does_not_wait,
    an_asynchronous_call_brings_its_result,
    an_asynchronous_cast_is_done,
    calls_of_two_threads_all_count,
    casts_of_two_threads_all_count,
] }
under! {
    indivisible_spin: subjector::Spin, indivisible_mutex: subjector::Mutex, indivisible_channel: subjector::Channel::default()
    => [a_call_may_borrow_the_object_across_an_await]
}

fn a_call_brings_its_result<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let text = Subjector::with(String::from("plain"), policy());
        assert_eq!(text.call(|text| text.len()).await, 5);
        assert_eq!(text.try_call(std::mem::take).await, Ok(String::from("plain")));
    });
}

fn a_cast_is_done_before_a_later_call<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let list = Subjector::with(Vec::new(), policy());
        list.cast(|list| list.push(1)).expect("the cast is taken");
        list.cast(|list| list.push(2)).expect("the cast is taken");
        assert_eq!(list.call(|list| list.clone()).await, [1, 2]);
    });
}

fn a_cast_to_a_busy_object_does_not_wait<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let list = Subjector::with(Vec::new(), policy());
        let (open, gate) = gate();
        let (busy, at) = (list.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, _>| at.pass().await).await });
        gate.reached().await;
        list.cast(|list| list.push(1)).expect("the cast is taken");
        let (done, is_done) = flume::bounded(1);
        list.cast(move |_| done.send(()).expect("the test listens")).expect("the cast is taken");
        open.send(()).expect("the gate is held");
        call.await;
        is_done.recv_async().await.expect("it is told");
        assert_eq!(list.call(|list| list.clone()).await, [1]);
    });
}

fn an_asynchronous_call_brings_its_result<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::with(20, policy());
        let (open, gate) = gate();
        open.send(()).expect("the gate is held");
        let sum = number.call_async(async move |access: Access<'_, i32>| {
            access.with(|number| *number += 1).await;
            gate.pass().await;
            access.with(|number| *number * 2).await
        });
        assert_eq!(sum.await, 42);
    });
}

fn an_asynchronous_cast_is_done<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::with(0, policy());
        let (open, gate) = gate();
        let (done, is_done) = flume::bounded(1);
        let at = gate.clone();
        let cast = number.cast_async(async move |access: Access<'_, i32>| {
            at.pass().await;
            done.send(access.with(|number| *number + 1).await).expect("the test listens");
        });
        cast.expect("the cast is taken");
        gate.reached().await;
        open.send(()).expect("the gate is held");
        assert_eq!(is_done.recv_async().await, Ok(1));
    });
}

/// The number of tasks on each of the two threads.
const TASKS: usize = 4;
/// The number of calls of each task.
const CALLS: usize = 50;

fn calls_of_two_threads_all_count<P: Policy>(policy: impl Fn() -> P) {
    let number = Subjector::with(0, policy());
    let start = |number: Subjector<usize, P>| {
        std::thread::spawn(move || {
            run(async |local| {
                let task = |_| {
                    let number = number.clone();
                    local.spawn(async move {
                        for _ in 0..CALLS {
                            number.call(|number| *number += 1).await;
                        }
                    })
                };
                let tasks: Vec<_> = (0..TASKS).map(task).collect();
                for task in tasks {
                    task.await;
                }
            });
        })
    };
    let threads = [start(number.clone()), start(number.clone())];
    for thread in threads {
        thread.join().expect("no panic there");
    }
    run(async |_| assert_eq!(number.call(|number| *number).await, 2 * TASKS * CALLS));
}

fn casts_of_two_threads_all_count<P: Policy>(policy: impl Fn() -> P) {
    let number = Subjector::with(0, policy());
    let (done, is_done) = flume::unbounded();
    let start = |number: Subjector<usize, P>, done: flume::Sender<()>| {
        std::thread::spawn(move || {
            run(async |_| {
                for _ in 0..CALLS {
                    let done = done.clone();
                    let cast = number.cast(move |number| {
                        *number += 1;
                        let _counted = done.send(());
                    });
                    cast.expect("the cast is taken");
                }
                // Casts that had to wait belong to this executor, which goes on until they are done.
                drop(done);
                number.call(|_| ()).await;
                common::until(|| number.pending_casts() == 0).await;
            });
        })
    };
    let threads = [start(number.clone(), done.clone()), start(number.clone(), done)];
    for thread in threads {
        thread.join().expect("no panic there");
    }
    assert_eq!(is_done.iter().count(), 2 * CALLS);
    run(async |_| assert_eq!(number.call(|number| *number).await, 2 * CALLS));
}

fn a_call_may_borrow_the_object_across_an_await<P: Indivisible>(policy: impl Fn() -> P) {
    run(async |_| {
        let number = Subjector::with(1, policy());
        let (open, gate) = gate();
        let at = gate.clone();
        let double = number.call_held(async move |number: &mut i32| {
            let doubled = *number * 2;
            at.pass().await;
            *number = doubled;
            doubled
        });
        let mut double = std::pin::pin!(double);
        assert_eq!(poll_once(&mut double).await, None);
        gate.reached().await;
        let mut read = std::pin::pin!(number.call(|number| *number));
        assert_eq!(poll_once(&mut read).await, None);
        open.send(()).expect("the gate is held");
        assert_eq!(zip(double, read).await, (2, 2));

        let (done, is_done) = flume::bounded(1);
        open.send(()).expect("the gate is held");
        let cast = number.cast_held(async move |number: &mut i32| {
            gate.pass().await;
            *number += 1;
            done.send(*number).expect("the test listens");
        });
        cast.expect("the cast is taken");
        assert_eq!(is_done.recv_async().await, Ok(3));
    });
}
