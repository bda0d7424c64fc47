//! Accepting connections.

use super::connection;
use super::driver::{Driver, Engine};
use crate::net::{BACKLOG, Socket};
use corecast_session::Session;
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The time for which accepting pauses while descriptors or memory are short. Accepted connections are still served, and
/// the kernel keeps the others in its queue.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Connections accepted before other tasks have a turn.
const BATCH: usize = 64;

/// Connections that a stopping shard still accepts: as many as the kernel may have queued for it.
const LAST_BATCH: usize = BACKLOG as usize;

/// One address on one shard: its listening socket, and the protocol that it speaks.
pub(crate) struct BoundListener<P: Engine> {
    descriptor: OwnedFd,
    /// Serves a socket in the protocol of the listener, or refuses it.
    admit: Box<Admit<P>>,
}

type Admit<P> = dyn Fn(&Rc<Driver<P>>, (Socket, SocketAddr));

impl<P: Engine> BoundListener<P> {
    /// Creates a listener whose connections have the sessions that `session` returns. They may be silent for the idle
    /// timeout, or without limit if that is zero.
    pub(crate) fn new<S: Session>(
        descriptor: OwnedFd,
        idle_timeout: Duration,
        session: impl Fn() -> S + 'static,
    ) -> Self {
        let admit = move |driver: &_, accepted| connection::admit(driver, accepted, session(), idle_timeout);
        Self { descriptor, admit: Box::new(admit) }
    }

    /// Accepts connections that the kernel has completed, up to `most`. Returns their number, and the reason why there were
    /// no more.
    fn accept(&self, driver: &Rc<Driver<P>>, most: usize) -> (usize, Errno) {
        for accepted in 0..most {
            match rustix::net::acceptfrom_with(&self.descriptor, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((descriptor, peer)) => {
                    // The kernel names the peer of every TCP connection.
                    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                    let peer = peer.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
                    (self.admit)(driver, (Socket::new(descriptor), peer));
                }
                Err(error) => return (accepted, error),
            }
        }
        (most, Errno::AGAIN)
    }

    /// Accepts the connections that the kernel has queued, so that they are told why they cannot stay, and closes the
    /// address. The kernel refuses later connections. A connection that arrives between the two steps is reset.
    pub(crate) fn close(self: Rc<Self>, driver: &Rc<Driver<P>>) {
        self.accept(driver, LAST_BATCH);
        debug_assert_eq!(Rc::strong_count(&self), 1, "dropping it closes the descriptor");
    }
}

impl<P: Engine> AsRawFd for BoundListener<P> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// Accepts until the shard stops.
pub(crate) async fn accept<P: Engine>(driver: Rc<Driver<P>>, listener: Rc<BoundListener<P>>) {
    let watch = driver.reactor.watch(&*listener);
    let mut short = false;
    while !driver.is_stopping() {
        let (accepted, outcome) = listener.accept(&driver, BATCH);
        match outcome {
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => {
                if !std::mem::replace(&mut short, true) {
                    tracing::warn!(error = %outcome, "cannot accept: retrying every {SHORTAGE_PAUSE:?}");
                }
                driver.reactor.sleep_until(Instant::now() + SHORTAGE_PAUSE).await;
                continue;
            }
            _ if accepted == BATCH => driver.reactor.let_others_in().await,
            Errno::AGAIN => {
                watch.readable().await;
            }
            // A connection that waited in the queue is gone.
            _ => {}
        }
        short &= accepted == 0;
    }
}
