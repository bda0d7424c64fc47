//! The executor whose tasks run on this thread. A cast that must wait and names no other executor goes there.

use super::Mailbox;
use super::mailbox::WeakMailbox;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// The mailboxes that are served on this thread, by number. They are weak, so that a thread that serves a mailbox
    /// until nobody can post to it does not keep it open itself.
    static SERVED: RefCell<Vec<(u64, WeakMailbox)>> = const { RefCell::new(Vec::new()) };
}

/// Returns this thread's executor, if it serves a mailbox that others can still post to.
pub(crate) fn current() -> Option<Mailbox> {
    SERVED.with_borrow(|served| served.iter().rev().find_map(|(_, mailbox)| mailbox.upgrade()))
}

/// Registers that this thread serves a mailbox, until the result is dropped.
pub(super) fn register(mailbox: WeakMailbox) -> Registration {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    SERVED.with_borrow_mut(|served| served.push((number, mailbox)));
    Registration(number)
}

pub(super) struct Registration(u64);

impl Drop for Registration {
    fn drop(&mut self) {
        // A thread that is ending may have dropped the list already.
        let _gone = SERVED.try_with(|served| served.borrow_mut().retain(|(number, _)| *number != self.0));
    }
}
