//! A thread that runs tasks.

use super::{Mailbox, mailbox};
use async_executor::LocalExecutor;
use futures_lite::future::block_on;
use std::io;
use std::thread;

/// Starts a thread with its own executor. It ends when every clone of the mailbox is dropped and all posted tasks are
/// done.
///
/// # Errors
/// The system cannot start another thread.
pub fn thread(name: &str) -> io::Result<Mailbox> {
    let (mailbox, service) = mailbox();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let local = LocalExecutor::new();
        // Each task holds a sender. When all senders are gone, nothing runs any more.
        let (running, ended) = flume::bounded::<()>(0);
        block_on(local.run(async {
            let serve = service.serve(|task| {
                let running = running.clone();
                let task = async move {
                    task.await;
                    drop(running);
                };
                local.spawn(task).detach();
            });
            serve.await;
            drop(running);
            let _all_ended = ended.recv_async().await;
        }));
    })?;
    Ok(mailbox)
}
