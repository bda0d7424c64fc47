//! The shared parts of the tests: an executor with a deadline, gates, and helpers for every policy.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]

use async_executor::LocalExecutor;
use flume::{Receiver, Sender};
use futures_lite::future::{block_on, or};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use subjector::executor::{self, Mailbox};

/// The time after which a test counts as hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The executor of a test, which also takes casts.
pub(crate) type Local = Rc<LocalExecutor<'static>>;

/// Runs a test on an executor of this thread.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce(Local) -> F) {
    let local = Rc::new(LocalExecutor::new());
    let (mailbox, service) = executor::mailbox();
    let spawner = Rc::clone(&local);
    local.spawn(service.serve(move |task| spawner.spawn(task).detach())).detach();
    block_on(local.run(in_time(test(Rc::clone(&local)))));
    drop(mailbox);
}

/// Panics if the future hangs.
pub(crate) async fn in_time<R>(future: impl Future<Output = R>) -> R {
    let (in_time, alarm) = flume::bounded::<()>(0);
    let (late, is_late) = flume::bounded::<()>(1);
    std::thread::spawn(move || {
        if alarm.recv_timeout(DEADLINE) == Err(flume::RecvTimeoutError::Timeout) {
            let _test_ended = late.send(());
        }
    });
    let result = or(future, async {
        match is_late.recv_async().await {
            Ok(()) => panic!("hung for {DEADLINE:?}"),
            Err(_) => std::future::pending().await,
        }
    });
    let result = result.await;
    drop(in_time);
    result
}

/// Creates a gate: code waits at it until the test opens it, once for each time that it was opened.
pub(crate) fn gate() -> (Sender<()>, Gate) {
    let (open, opened) = flume::unbounded();
    let (reach, reached) = flume::unbounded();
    (open, Gate { opened, reach, reached })
}

#[derive(Clone)]
pub(crate) struct Gate {
    opened: Receiver<()>,
    reach: Sender<()>,
    reached: Receiver<()>,
}

impl Gate {
    /// Waits at the gate.
    pub(crate) async fn pass(&self) {
        self.reach.send(()).expect("the test holds the gate");
        self.opened.recv_async().await.expect("the test opens the gate");
    }

    /// Waits for the next arrival at the gate.
    pub(crate) async fn reached(&self) {
        self.reached.recv_async().await.expect("the test holds the gate");
    }

    pub(crate) fn has_been_reached(&self) -> bool {
        !self.reached.is_empty()
    }
}

/// Lets other tasks run until a condition holds that causes no event.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    in_time(async {
        while !is_so() {
            futures_lite::future::yield_now().await;
        }
    })
    .await;
}

/// Starts a thread that a test names as executor.
pub(crate) fn there() -> Mailbox {
    executor::thread("there").expect("a thread")
}
