//! Listening sockets: one for each shard and address, spread by the kernel (SO_REUSEPORT).
//!
//! Invariant: an address has one server. The first of its sockets is bound and listens *without* SO_REUSEPORT, so
//! the kernel itself refuses it where anybody listens, and everybody else from then on; only then the option is set,
//! for the sockets of the other shards. Between a look and a claim there is no time in which another server could
//! come.

use crate::config::Listener;
use crate::error::StartError;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the kernel keeps for a shard that has not accepted them; it caps this at
/// `net.core.somaxconn`. Beyond it the kernel drops SYNs, which clients repeat.
pub(crate) const BACKLOG: u16 = 4096;

/// How long an address may be in use before that is an error. The kernel takes 10 to 45 ms to tear down the rings of
/// a server that was killed, and its listeners with them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest pause between two tries to bind. Each is of random length: where two servers begin to listen in the
/// same microsecond, the kernel may refuse both.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// An address with its sockets, one for each shard.
pub(crate) type Bound = (Listener, Vec<OwnedFd>);

/// Binds each address once for each shard. A port 0 becomes the port that the kernel picked.
///
/// Addresses are bound in the order of their ports: of two servers that want the same ones, whoever has the first gets
/// them all. Ports that the kernel picks come last, because they give way to the others.
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

/// Binds one address; `overlapping` is another of this server's, which the kernel may refuse it for.
fn bind_one(listener: &Listener, shards: usize, overlapping: Option<SocketAddr>) -> Result<Bound, StartError> {
    let mut listener = listener.clone();
    let mut sockets = Vec::with_capacity(shards);
    let deadline = Instant::now() + if overlapping.is_none() { PATIENCE } else { Duration::ZERO };
    while sockets.len() < shards {
        let socket = match listen(listener.address, sockets.is_empty()) {
            Err(error) if is_in_use(&error) && Instant::now() < deadline => {
                thread::sleep(LONGEST_PAUSE.mul_f32(fastrand::f32()));
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

/// A socket that listens. Where it is the first of its address, nobody else may listen there.
fn listen(address: SocketAddr, first: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Connections that an earlier server had may not have ended for the kernel.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(!first)?;
    // Accepted sockets inherit it: a frame is complete when it is sent, there is nothing to wait for.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    // The address is claimed here: with SO_REUSEADDR several sockets may be bound to it, and one may listen.
    socket.listen(BACKLOG.into())?;
    socket.set_reuse_port(true)?;
    Ok(socket)
}

/// Whether a connection could be meant for both.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // An IPv6 socket on all addresses has those of IPv4 too, unless net.ipv6.bindv6only says otherwise.
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
    fn addresses_overlap_where_a_connection_could_be_meant_for_both() {
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
