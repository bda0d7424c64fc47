//! An executor that runs only when the driver lets it: what is asked of a registry on another thread is done later.

use async_executor::LocalExecutor;
use std::rc::Rc;
use subjector::executor::{Mailbox, mailbox};

thread_local! {
    static EXECUTOR: Rc<LocalExecutor<'static>> = Rc::default();
}

/// A way to the executor of this test's thread.
pub(crate) fn stepped() -> Mailbox {
    let (mailbox, service) = mailbox();
    EXECUTOR.with(|executor| {
        let spawner = Rc::clone(executor);
        executor.spawn(service.serve(move |task| spawner.spawn(task).detach())).detach();
    });
    mailbox
}

/// Lets it take one step; whether there was one to take.
pub(crate) fn step() -> bool {
    EXECUTOR.with(|executor| executor.try_tick())
}
