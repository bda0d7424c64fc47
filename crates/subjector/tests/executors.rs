//! Executors of this crate and of others: calls run there, casts that must wait find them, and panics do not end them.

mod common;

use common::{gate, in_time};
use futures_lite::future::block_on;
use std::thread;
use subjector::executor::{self, Executor, Mailbox};
use subjector::{Access, Alone, Channel, Mutex, Policy, Portal, Subjector};

/// Checks the promises of a named executor, from another one.
async fn serves(mailbox: Mailbox) {
    async fn under<P: Policy>(policy: P) -> thread::ThreadId {
        let list = Subjector::build(Vec::new()).on_panic(|_, _| ()).policy(policy);
        list.cast(|list| list.push(1)).expect("the cast is taken");
        list.cast(|_| panic!("in a cast")).expect("the cast is taken");
        list.call_async(async |access: Access<'_, Vec<u8>>| access.with(|list| list.push(2)).await).await;
        assert_eq!(list.call(|list| list.clone()).await, [1, 2]);
        list.call(|_| thread::current().id()).await
    }
    let there = under(Portal::on(mailbox.clone())).await;
    assert_ne!(there, thread::current().id());
    assert_eq!(under(Alone::on(mailbox.clone())).await, there);
    assert_eq!(under(Channel::on(mailbox.clone())).await, there);
    let (ran, has_run) = flume::bounded(1);
    mailbox.spawn(Box::new(|| panic!("a task's own"))).expect("it serves");
    let run = move || -> executor::LocalTask {
        Box::pin(async move { ran.send(thread::current().id()).expect("the test listens") })
    };
    mailbox.spawn(Box::new(run)).expect("it serves");
    assert_eq!(has_run.recv_async().await, Ok(there));
}

/// Checks that casts that must wait are done later, on an executor whose mailbox is served.
async fn takes_casts_that_wait() {
    let list = Subjector::with(Vec::new(), Mutex);
    let (open, gate) = gate();
    let at = gate.clone();
    let held = async move |list: &mut Vec<u8>| {
        at.pass().await;
        list.push(1);
    };
    list.cast_held(held).expect("the cast is taken");
    gate.reached().await;
    list.cast(|list| list.push(2)).expect("the cast is taken");
    open.send(()).expect("the gate is held");
    assert_eq!(list.call(|list| list.clone()).await, [1, 2]);
}

#[test]
fn a_thread_serves_and_ends_with_its_last_mailbox() {
    let mailbox = executor::thread("served").unwrap();
    let (ended, has_ended) = flume::bounded::<()>(0);
    let at_the_end = Box::new(move || -> executor::LocalTask {
        thread_local!(static END: std::cell::RefCell<Option<flume::Sender<()>>> = const { std::cell::RefCell::new(None) });
        END.set(Some(ended));
        Box::pin(async {})
    });
    mailbox.spawn(at_the_end).unwrap();
    block_on(in_time(serves(mailbox.clone())));
    let (ran, has_run) = flume::bounded(1);
    let last = Box::new(move || -> executor::LocalTask {
        Box::pin(async move {
            takes_casts_that_wait().await;
            ran.send(()).expect("the test listens");
        })
    });
    mailbox.spawn(last).unwrap();
    block_on(in_time(has_run.recv_async())).unwrap();
    drop(mailbox);
    assert_eq!(has_ended.recv_timeout(common::DEADLINE), Err(flume::RecvTimeoutError::Disconnected));
}

#[test]
fn a_current_thread_tokio_runtime_serves() {
    let (give, given) = flume::bounded(1);
    let (end, is_ended) = flume::bounded::<()>(0);
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let mailbox = executor::tokio();
            give.send(mailbox.clone()).expect("the test listens");
            takes_casts_that_wait().await;
            let _until_the_test_ends = is_ended.recv_async().await;
        });
    });
    block_on(in_time(async { serves(given.recv_async().await.expect("it is told")).await }));
    drop(end);
    server.join().expect("no panic there");
}

/// glommio needs io_uring, which a container may not allow.
#[test]
fn a_glommio_executor_serves() {
    use glommio::{LocalExecutorBuilder, Placement};
    let (give, given) = flume::bounded(1);
    let (end, is_ended) = flume::bounded::<()>(0);
    let server = LocalExecutorBuilder::new(Placement::Unbound).io_memory(0).ring_depth(64).spawn(|| async move {
        let mailbox = executor::glommio();
        give.send(mailbox.clone()).expect("the test listens");
        takes_casts_that_wait().await;
        let _until_the_test_ends = is_ended.recv_async().await;
    });
    let server = match server {
        Ok(server) => server,
        Err(error) => return eprintln!("not run: no glommio executor here: {error}"),
    };
    let Ok(mailbox) = given.recv_timeout(common::DEADLINE) else {
        return eprintln!("not run: the glommio executor did not start: {:?}", server.join().err());
    };
    block_on(in_time(serves(mailbox)));
    drop(end);
    server.join().expect("no panic there");
}

/// Calls between two glommio executors, both ways, each on its own thread.
#[test]
fn objects_on_two_glommio_executors_call_each_other() {
    use glommio::{LocalExecutorBuilder, Placement};
    let (give, given) = flume::bounded(1);
    let (end, is_ended) = flume::bounded::<()>(0);
    let builder = || LocalExecutorBuilder::new(Placement::Unbound).io_memory(0).ring_depth(64);
    let server = builder().spawn(|| async move {
        give.send(Subjector::with(1, Channel::on(executor::glommio()))).expect("the test listens");
        let _until_the_test_ends = is_ended.recv_async().await;
    });
    let server = match server {
        Ok(server) => server,
        Err(error) => return eprintln!("not run: no glommio executor here: {error}"),
    };
    let Ok(remote) = given.recv_timeout(common::DEADLINE) else {
        return eprintln!("not run: the glommio executor did not start: {:?}", server.join().err());
    };
    let client = builder().spawn(|| async move {
        let own = Subjector::with(2, Portal::on(executor::glommio()));
        let sum = own.call_async(async move |access: Access<'_, i32>| {
            let theirs = remote.call(|number| *number).await;
            access.with(move |number| *number + theirs).await
        });
        let sum = in_time(sum).await;
        drop(end);
        sum
    });
    assert_eq!(client.unwrap().join().expect("no panic there"), 3);
    server.join().expect("no panic there");
}
