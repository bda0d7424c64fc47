//! Accepting connections.

use crate::config::Protocol;
use crate::connection;
use crate::shard::{Engine, Shard};
use crate::socket::Socket;
use glommio::io::PollableFd;
use glommio::timer::sleep;
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// How long accepting pauses when descriptors or memory are short. Those inside are served meanwhile, and
/// the kernel keeps those outside in its queue.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Connections accepted before the others have a turn.
const BATCH: usize = 64;

/// One address of one shard.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) protocol: Protocol,
    /// The channel of all its connections, where the protocol has no other.
    pub(crate) channel: Rc<str>,
    pub(crate) descriptor: OwnedFd,
}

/// Accepts until the shard stops.
pub(crate) async fn accept<P: Engine>(shard: Rc<Shard<P>>, door: Door) {
    let Door { protocol, channel, descriptor } = door;
    let Ok(listener) = PollableFd::new(descriptor) else { return };
    let mut short = false;
    while !shard.is_stopping() {
        let mut accepted = 0;
        let outcome = loop {
            match rustix::net::accept_with(listener.get_ref(), SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(descriptor) => {
                    connection::start(&shard, Socket::new(descriptor), protocol, &channel);
                    accepted += 1;
                    if accepted == BATCH {
                        break Errno::AGAIN;
                    }
                }
                Err(error) => break error,
            }
        };
        match outcome {
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => {
                if !std::mem::replace(&mut short, true) {
                    tracing::warn!(error = %outcome, "cannot accept: retrying every {SHORTAGE_PAUSE:?}");
                }
                sleep(SHORTAGE_PAUSE).await;
                continue;
            }
            // Nothing is waiting, or one that was has gone.
            _ => short &= accepted == 0,
        }
        if listener.readable().await.is_err() {
            return;
        }
    }
}
