//! One connection: a socket, the tail of an incomplete item, and the bytes that the socket has not taken yet.

use crate::Error;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The stage of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The TCP handshake is in progress.
    Connecting,
    /// The first bytes are sent, and this number of answers is to come.
    Greeting { answers: usize },
    /// The server knows the connection.
    Connected,
    /// The server closed it.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    pub(crate) stage: Stage,
    /// The beginning of an incomplete item. Its memory is kept for the next one.
    pub(crate) tail: Vec<u8>,
    pub(crate) outbox: Outbox,
    /// True if the connection is not read, whatever arrives.
    pub(crate) paused: bool,
    /// The number that distinguishes its events from those of earlier connections with the same index.
    pub(crate) generation: u32,
}

impl Connection {
    pub(crate) fn new(socket: OwnedFd, stage: Stage) -> Self {
        Self { socket, stage, tail: Vec::new(), outbox: Outbox::default(), paused: false, generation: 0 }
    }

    /// The number of loopback connections per source address, below the 28,232 ports that Linux hands out by default.
    const PER_SOURCE_ADDRESS: usize = 20_000;

    /// Begins to connect, without waiting.
    pub(crate) fn open(address: SocketAddr, index: usize) -> Result<Self, Error> {
        let failed = |source| Error::Connect { address, source };
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        socket.set_tcp_nodelay(true).map_err(failed)?;
        if let Some(source) = source_address(address, index / Self::PER_SOURCE_ADDRESS) {
            socket.bind(&SockAddr::from(source)).map_err(failed)?;
        }
        match socket.connect(&SockAddr::from(address)) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(failed(error)),
            _ => Ok(Self::new(socket.into(), Stage::Connecting)),
        }
    }

    /// Returns the outcome of the handshake.
    pub(crate) fn connected(&self, address: SocketAddr) -> Result<(), Error> {
        let source = match rustix::net::sockopt::socket_error(&self.socket) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(errno)) | Err(errno) => errno.into(),
        };
        Err(Error::Connect { address, source })
    }

    /// Sends the queued bytes. Returns false if the socket did not take all of them.
    pub(crate) fn flush(&mut self) -> Result<bool, Errno> {
        self.outbox.flush(self.socket.as_fd())
    }
}

/// Returns the n-th loopback address to connect from. None leaves the choice to the kernel, as for the first one.
fn source_address(target: SocketAddr, nth: usize) -> Option<SocketAddr> {
    let IpAddr::V4(target) = target.ip() else { return None };
    let last = u8::try_from(nth + 1).ok().filter(|last| *last > 1)?;
    target.is_loopback().then(|| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))
}

/// Bytes that wait for the socket.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Returns the buffer to append to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Returns the number of waiting bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn flush(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        while !self.is_empty() {
            match send(socket, &self.bytes[self.sent..], SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.compact();
                    return Ok(false);
                }
                Err(errno) => return Err(errno),
            }
        }
        self.bytes.clear();
        self.sent = 0;
        Ok(true)
    }

    /// Moves the rest to the front once most is sent, so that each byte is moved at most once on average.
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}
