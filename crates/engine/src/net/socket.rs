//! An accepted socket: receives and sends without blocking.

use super::batch;
use corecast_fanout::{Outgoing, Outlet, Sent};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// How long nothing comes from a peer before the kernel asks its host whether the connection stands, without the peer.
const KEEPALIVE_TIME: Duration = Duration::from_mins(1);

/// How long the kernel waits for an answer before it asks again.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How often it asks before the connection is broken.
const KEEPALIVE_PROBES: u32 = 3;

/// How long a host that has vanished may go unnoticed, at least: until all probes are lost.
const VANISHED: Duration = KEEPALIVE_TIME.saturating_add(KEEPALIVE_INTERVAL.saturating_mul(KEEPALIVE_PROBES));

/// A connected, non-blocking stream socket; clones are the same socket, which closes with the last.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Arc<OwnedFd>);

/// What a receive brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes; at least one.
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

    /// Returns true if somebody else has the socket too.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Receives what is there, up to the length of `buffer`.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Received {
        self.receive_with(buffer, RecvFlags::empty())
    }

    /// As [`receive`](Self::receive), and leaves it there.
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

    /// Has the kernel break the connection if the peer's host takes nothing for so long that the shard, which has a deadline
    /// of its own for that, would have ended it. Without that deadline the host may take as long as it likes.
    pub(crate) fn reset_when_vanished(&self, write_timeout: Duration) {
        if write_timeout.is_zero() {
            return;
        }
        // The shard may look a second late, and once more before it gives up. A shorter time would break a connection at the
        // first probe that is lost.
        let timeout = (2 * write_timeout + 2 * Duration::from_secs(1)).max(VANISHED);
        // Without it the kernel goes on trying for a while; that is all.
        let _ = sockopt::set_tcp_user_timeout(&*self.0, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
    }

    /// Tells the peer that nothing more will come. A broken connection does not care.
    pub(crate) fn finish_sending(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Write);
    }

    /// Has the close reset the connection: what the peer has not taken is dropped, here and in the kernel.
    pub(crate) fn reset_on_close(&self) {
        // Without it the kernel goes on trying for a while; that is all.
        let _ = sockopt::set_socket_linger(&*self.0, Some(Duration::ZERO));
    }

    /// Gives the connection up: whoever waits for the socket is woken.
    pub(crate) fn break_off(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Both);
    }
}

/// Has the kernel ask the hosts of silent peers whether they are there. Accepted sockets inherit it from a listener.
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
                // Without memory in the kernel for now, it is as if the socket were full.
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
