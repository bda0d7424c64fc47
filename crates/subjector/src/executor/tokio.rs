//! The current tokio `LocalSet`.

use super::{Mailbox, mailbox};

/// Returns the mailbox of the `LocalSet` that this code runs in. It is served until every clone of the mailbox is
/// dropped, or the `LocalSet` is.
///
/// # Panics
/// Outside a `LocalSet`.
pub fn tokio() -> Mailbox {
    let (mailbox, service) = mailbox();
    ::tokio::task::spawn_local(service.serve(|task| {
        ::tokio::task::spawn_local(task);
    }));
    mailbox
}
