//! An accepted socket: receives and sends without blocking.

use super::batch;
use corecast_fanout::{Outgoing, Outlet, Sent};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// The time for which a peer is silent before the kernel asks its host, without the peer, whether the connection stands.
const KEEPALIVE_TIME: Duration = Duration::from_mins(1);

/// The time for which the kernel waits for an answer before it asks again.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// The number of unanswered questions after which the kernel breaks the connection.
const KEEPALIVE_PROBES: u32 = 3;

/// The least time for which a vanished host may go unnoticed: until all probes are lost.
const VANISHED: Duration = KEEPALIVE_TIME.saturating_add(KEEPALIVE_INTERVAL.saturating_mul(KEEPALIVE_PROBES));

/// A connected, non-blocking stream socket. Clones share the same socket, which closes with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Arc<OwnedFd>);

/// The outcome of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The number of bytes received; at least one.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer has sent its last byte.
    End,
    /// The connection is broken.
    Broken,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self(Arc::new(descriptor))
    }

    /// Returns true if the socket has other owners too.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Receives available bytes, up to the length of `buffer`.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Received {
        self.receive_with(buffer, RecvFlags::empty())
    }

    /// Does the same, and leaves the bytes in the socket.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Received {
        self.receive_with(buffer, RecvFlags::PEEK)
    }

    fn receive_with(&self, buffer: &mut [u8], flags: RecvFlags) -> Received {
        loop {
            match rustix::net::recv(&*self.0, &mut *buffer, RecvFlags::DONTWAIT | flags) {
                Ok((_, 0)) => return Received::End,
                Ok((_, received)) => return Received::Bytes(received),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Received::Nothing,
                Err(_) => return Received::Broken,
            }
        }
    }

    /// Has the kernel break the connection if the peer's host takes nothing for longer than the shard's own write timeout
    /// allows. Without that timeout, the host may take any time.
    pub(crate) fn reset_when_vanished(&self, write_timeout: Duration) {
        if write_timeout.is_zero() {
            return;
        }
        // The shard may check a second late, and checks twice before it ends the connection. A shorter time would break a
        // connection after the first lost probe.
        let timeout = (2 * write_timeout + 2 * Duration::from_secs(1)).max(VANISHED);
        // If this fails, the kernel goes on trying for a while; nothing worse happens.
        let _ = sockopt::set_tcp_user_timeout(&*self.0, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
    }

    /// Tells the peer that nothing more will come. On a broken connection an error does not matter.
    pub(crate) fn finish_sending(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Write);
    }

    /// Makes the close reset the connection: everything that the peer has not taken is dropped, here and in the kernel.
    pub(crate) fn reset_on_close(&self) {
        // If this fails, the kernel goes on trying for a while; nothing worse happens.
        let _ = sockopt::set_socket_linger(&*self.0, Some(Duration::ZERO));
    }

    /// Shuts both directions of the connection, which wakes every task that waits for the socket.
    pub(crate) fn break_off(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Both);
    }
}

/// Has the kernel ask the hosts of silent peers whether they are there. Accepted sockets inherit this from their listener.
pub(crate) fn keep_alive(listener: &socket2::Socket) -> io::Result<()> {
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE_TIME);
    listener.set_tcp_keepalive(&keepalive.with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES))
}

impl Outlet for Socket {
    fn send(&self, bytes: &[u8]) -> Sent {
        loop {
            match rustix::net::send(&*self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(taken) => return Sent::Took(taken),
                Err(Errno::INTR) => {}
                // While the kernel has no memory, the socket counts as full.
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => return Sent::Took(0),
                Err(_) => return Sent::Gone,
            }
        }
    }

    fn send_each(batch: &mut [Outgoing<'_, Self>]) {
        batch::send_each(batch);
    }
}

impl AsRef<Socket> for Socket {
    fn as_ref(&self) -> &Socket {
        self
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
