//! Wakes a shard whose policy waits for something that is done on another thread.
//!
//! Through flume, as the mailboxes do, which wakes a parked executor. A busy shard does not depend on it: every tick
//! looks, and so does the one that each sweep brings.

use crate::shard::{Engine, Shard};
use flume::{Receiver, Sender};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Rings for the shard that listens. One ring is enough for all that has been done when it is heard.
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Full: it rings already. Disconnected: the shard has ended.
        let _ = self.0.try_send(());
    }
}

/// A bell as a waker, and where it is heard.
pub(crate) fn bell() -> (Waker, Receiver<()>) {
    let (sender, heard) = flume::bounded(1);
    (Waker::from(Arc::new(Bell(sender))), heard)
}

/// Has a tick look after the policy whenever the bell rings.
pub(crate) async fn resume<P: Engine>(shard: Rc<Shard<P>>, bell: Receiver<()>) {
    while bell.recv_async().await.is_ok() {
        shard.work.set();
    }
}
