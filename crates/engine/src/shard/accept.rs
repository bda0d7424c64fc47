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

/// How long accepting pauses when descriptors or memory are short. Those inside are served meanwhile, and
/// the kernel keeps those outside in its queue.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Connections accepted before the others have a turn.
const BATCH: usize = 64;

/// Connections that a stopping shard accepts still: as many as the kernel may have queued for it.
const LAST_BATCH: usize = BACKLOG as usize;

/// One address of one shard.
pub(crate) struct BoundListener<P: Engine> {
    descriptor: OwnedFd,
    /// Serves a socket in the protocol of the listener, or refuses it.
    admit: Box<Admit<P>>,
}

type Admit<P> = dyn Fn(&Rc<Driver<P>>, (Socket, SocketAddr));

impl<P: Engine> BoundListener<P> {
    /// A listener whose connections have such sessions, and may be silent for the idle timeout, or for ever if that is zero.
    pub(crate) fn new<S: Session>(
        descriptor: OwnedFd,
        idle_timeout: Duration,
        session: impl Fn() -> S + 'static,
    ) -> Self {
        let admit = move |driver: &_, accepted| connection::admit(driver, accepted, session(), idle_timeout);
        Self { descriptor, admit: Box::new(admit) }
    }

    /// Accepts what the kernel has completed, up to so many; how many, and why no more.
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

    /// Accepts what the kernel has queued, so that those are told why they cannot stay, and closes the address: what
    /// connects later is refused by the kernel. Who comes between the two is reset.
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
            // One that was waiting has gone.
            _ => {}
        }
        short &= accepted == 0;
    }
}
