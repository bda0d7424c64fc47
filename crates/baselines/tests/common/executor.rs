//! An executor that runs only when the driver lets it, so that requests to a registry on another thread are done later.

use async_executor::LocalExecutor;
use std::rc::Rc;
use subjector::executor::{Mailbox, mailbox};

thread_local! {
    static EXECUTOR: Rc<LocalExecutor<'static>> = Rc::default();
}

/// Returns a mailbox of the executor on this test's thread.
pub(crate) fn stepped() -> Mailbox {
    let (mailbox, service) = mailbox();
    EXECUTOR.with(|executor| {
        let spawner = Rc::clone(executor);
        executor.spawn(service.serve(move |task| spawner.spawn(task).detach())).detach();
    });
    mailbox
}

/// Runs one step of the executor. Returns false if there was none to run.
pub(crate) fn step() -> bool {
    EXECUTOR.with(|executor| executor.try_tick())
}
