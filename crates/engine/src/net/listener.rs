//! Listening sockets: one for each shard and address, spread by the kernel (SO_REUSEPORT).
//!
//! Invariant: an address has one server. The first socket of an address is bound and listens *without* SO_REUSEPORT. The
//! kernel therefore refuses it if the address is in use, and refuses every other server from then on. Only then is
//! the option set, so that the other shards can bind. There is no window between the check and the claim.

use super::socket::keep_alive;
use crate::config::Listener;
use crate::error::StartError;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the kernel keeps for a shard until the shard accepts them; the kernel caps this at
/// `net.core.somaxconn`. Above it, the kernel drops SYNs, which clients repeat.
pub(crate) const BACKLOG: u16 = 4096;

/// The time for which binding an address in use is retried. After `kill -9` the kernel takes 10 to 45 ms to tear down
/// the server's rings, which hold its listeners.
const RETRY_WINDOW: Duration = Duration::from_secs(1);

/// The maximum delay between two attempts. Delays are random, because the kernel may refuse both of two servers that
/// call `listen` at the same moment.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(20);

/// A listener with its sockets, one for each shard.
pub(crate) type Bound = (Listener, Vec<OwnedFd>);

/// Binds each address once for each shard. A port 0 becomes the port that the kernel picked.
///
/// Addresses are bound in ascending order of their ports, so that two servers with the same addresses cannot block each
/// other. Port 0 comes last, so that the kernel does not pick a port that another listener needs.
pub(crate) fn bind(wanted: &[Listener], shards: usize) -> Result<Vec<Bound>, StartError> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|index| {
        let address = wanted[*index].address;
        (address.port() == 0, address.port(), address.ip())
    });
    let mut bound: Vec<(usize, Bound)> = Vec::with_capacity(wanted.len());
    for index in order {
        let own = bound.iter().map(|(_, (listener, _))| listener.address);
        let address = wanted[index].address;
        let overlapping = own.filter(|other| overlap(*other, address)).min();
        let sockets = bind_one(&wanted[index], shards, overlapping)?;
        bound.push((index, sockets));
    }
    bound.sort_by_key(|(index, _)| *index);
    Ok(bound.into_iter().map(|(_, bound)| bound).collect())
}

/// Binds one address. `overlapping` is an address of this server that may be the reason for a refusal.
fn bind_one(listener: &Listener, shards: usize, overlapping: Option<SocketAddr>) -> Result<Bound, StartError> {
    let mut listener = listener.clone();
    let mut sockets = Vec::with_capacity(shards);
    let deadline = Instant::now() + if overlapping.is_none() { RETRY_WINDOW } else { Duration::ZERO };
    while sockets.len() < shards {
        let socket = match listen(listener.address, sockets.is_empty()) {
            Err(error) if is_in_use(&error) && Instant::now() < deadline => {
                thread::sleep(MAX_RETRY_DELAY.mul_f32(fastrand::f32()));
                continue;
            }
            listening => listening.map_err(|source| failed(listener.address, overlapping, source))?,
        };
        let bound = socket.local_addr().and_then(|bound| bound.as_socket().ok_or(io::ErrorKind::Unsupported.into()));
        listener.address = bound.map_err(|source| failed(listener.address, overlapping, source))?;
        sockets.push(socket.into());
    }
    Ok((listener, sockets))
}

/// Opens a listening socket. The first one of an address succeeds only if no other socket listens there.
fn listen(address: SocketAddr, first: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Connections of a previous server may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(!first)?;
    // Accepted sockets inherit this option. A frame is complete when it is sent, so there is nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    keep_alive(&socket)?;
    socket.bind(&address.into())?;
    // This call claims the address: with SO_REUSEADDR several sockets can be bound to it, but only one can listen.
    socket.listen(BACKLOG.into())?;
    socket.set_reuse_port(true)?;
    Ok(socket)
}

/// Returns true if both listeners could receive the same connection.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // A socket on [::] also accepts IPv4, unless net.ipv6.bindv6only is set.
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

fn is_in_use(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ADDRINUSE)
}

fn failed(address: SocketAddr, overlapping: Option<SocketAddr>, source: io::Error) -> StartError {
    match overlapping {
        _ if !is_in_use(&source) => StartError::Listen { address, source },
        Some(other) => StartError::ListenersOverlap { address, other },
        None => StartError::AddressInUse { address },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_overlap_if_both_could_receive_the_same_connection() {
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("0.0.0.0:1", "127.0.0.2:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("[::]:1", "127.0.0.1:1", true),
            ("[::]:1", "[::1]:1", true),
            ("[::1]:1", "127.0.0.1:1", false),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
        ] {
            let [one, other] = [one, other].map(|address: &str| address.parse().expect("an address"));
            assert_eq!((overlap(one, other), overlap(other, one)), (expected, expected), "{one} and {other}");
        }
    }
}
