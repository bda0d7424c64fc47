//! An accepted socket: receives and sends without blocking.

use crate::batch;
use corecast_fanout::{Outgoing, Outlet, Sent};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

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

    /// Tells the peer that nothing more will come. A broken connection does not care.
    pub(crate) fn finish_sending(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Write);
    }

    /// Has the close reset the connection: what the peer has not taken is dropped, here and in the kernel.
    pub(crate) fn reset_on_close(&self) {
        // Without it the kernel goes on trying for a while; that is all.
        let _ = rustix::net::sockopt::set_socket_linger(&*self.0, Some(Duration::ZERO));
    }

    /// Gives the connection up: whoever waits for the socket is woken.
    pub(crate) fn break_off(&self) {
        let _ = rustix::net::shutdown(&*self.0, Shutdown::Both);
    }
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
