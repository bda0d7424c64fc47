//! Listening sockets: one for each shard and address, spread by the kernel (SO_REUSEPORT).

use crate::config::Listener;
use crate::error::StartError;
use crate::socket::keep_alive;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// Connections that the kernel keeps for a shard that has not accepted them; it caps this at
/// `net.core.somaxconn`. Beyond it the kernel drops SYNs, which clients repeat.
pub(crate) const BACKLOG: u16 = 4096;

/// Binds an address once for each shard. A port 0 becomes the port that the kernel picked.
pub(crate) fn bind(listener: &Listener, shards: usize) -> Result<(Listener, Vec<OwnedFd>), StartError> {
    let mut listener = listener.clone();
    if listener.address.port() != 0 {
        refuse_if_in_use(listener.address)?;
    }
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = listen(listener.address).map_err(|source| failed(listener.address, source))?;
        let bound = socket.local_addr().and_then(|bound| bound.as_socket().ok_or(io::ErrorKind::Unsupported.into()));
        listener.address = bound.map_err(|source| failed(listener.address, source))?;
        sockets.push(socket.into());
    }
    Ok((listener, sockets))
}

/// With SO_REUSEPORT alone, a second server of the same user would silently take half of the connections.
fn refuse_if_in_use(address: SocketAddr) -> Result<(), StartError> {
    let exclusive = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())
    };
    exclusive().map_err(|source| failed(address, source))
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it: a frame is complete when it is sent, there is nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    keep_alive(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    Ok(socket)
}

fn failed(address: SocketAddr, source: io::Error) -> StartError {
    if Errno::from_io_error(&source) == Some(Errno::ADDRINUSE) {
        StartError::AddressInUse { address }
    } else {
        StartError::Listen { address, source }
    }
}
