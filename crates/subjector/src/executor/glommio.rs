//! The current glommio executor.

use super::{Mailbox, mailbox};
use std::time::Duration;

/// The interval at which a busy executor checks its mailbox without having been woken for it.
///
/// glommio may leave a wake-up from another thread unseen while it has runnable tasks; a repeating timer bounds that.
pub const MAILBOX_SWEEP: Duration = Duration::from_millis(100);

/// Returns the mailbox of the glommio executor that this code runs on. It is served until every clone of the mailbox is
/// dropped, or the executor ends. A call in progress then fails with [`Stopped`](crate::Error::Stopped) when glommio
/// drops its task. glommio 0.12 may not do that before the process ends, so end the objects first.
///
/// # Panics
/// Outside a glommio executor.
pub fn glommio() -> Mailbox {
    let (mailbox, service) = mailbox();
    let own = service.own();
    ::glommio::spawn_local(async move {
        while own.upgrade().is_some() {
            ::glommio::timer::sleep(MAILBOX_SWEEP).await;
        }
    })
    .detach();
    let spawn = |task| {
        ::glommio::spawn_local(task).detach();
    };
    ::glommio::spawn_local(service.serve(spawn)).detach();
    mailbox
}
