//! The ways in which bytes leave.

use crate::ring::{ENTRIES, Ring};
use crate::server::Connections;
use anyhow::Context as _;
use arrayvec::ArrayVec;
use clap::ValueEnum;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::os::fd::{AsFd as _, BorrowedFd};

/// The flags of both ways to send: a send does not wait for a peer, and a peer that has gone raises no signal.
pub(crate) const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// The values of `--sends`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// One send(2) for each connection
    Call,
    /// Up to 64 sends in one submission to an io_uring
    Ring,
}

/// A way to send, with its state.
pub(crate) enum Sends {
    Call,
    Ring(Box<Ring>),
}

impl Sends {
    /// # Errors
    /// A ring is requested and cannot be created.
    pub(crate) fn new(way: Way) -> anyhow::Result<Self> {
        Ok(match way {
            Way::Call => Self::Call,
            Way::Ring => Self::Ring(Box::new(Ring::new().context("cannot make an io_uring")?)),
        })
    }

    /// Sends the bytes to each connection, and drops those that are broken or take nothing for a second.
    pub(crate) fn send_to_all(&mut self, connections: &mut Connections, bytes: &[u8]) {
        match self {
            Self::Call => {
                connections.retain(|_, connection| {
                    let taken = rustix::net::send(&*connection, bytes, FLAGS);
                    finish(connection.as_fd(), bytes, taken)
                });
            }
            Self::Ring(ring) => send_by_ring(ring, connections, bytes),
        }
    }
}

fn send_by_ring(ring: &mut Ring, connections: &mut Connections, bytes: &[u8]) {
    let mut to_drop = Vec::new();
    let mut all = connections.iter();
    loop {
        let (names, sockets): (ArrayVec<u64, ENTRIES>, ArrayVec<BorrowedFd<'_>, ENTRIES>) =
            all.by_ref().take(ENTRIES).map(|(name, connection)| (*name, connection.as_fd())).unzip();
        if names.is_empty() {
            break;
        }
        ring.send_each(&sockets, bytes, |index, taken| {
            if !finish(sockets[index], bytes, taken) {
                to_drop.push(names[index]);
            }
        });
    }
    for name in to_drop {
        connections.remove(&name);
    }
}

/// The maximum time for which a full socket may take nothing.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Sends the rest of the bytes once a full socket takes more. Returns false if it does not, or is broken.
fn finish(connection: BorrowedFd<'_>, bytes: &[u8], mut taken: Result<usize, Errno>) -> bool {
    let mut sent = 0;
    loop {
        match taken {
            Ok(more) => sent += more,
            Err(Errno::AGAIN) => {
                let mut room = [PollFd::new(&connection, PollFlags::OUT)];
                match poll(&mut room, Some(&PATIENCE)) {
                    Ok(1) | Err(Errno::INTR) => {}
                    Ok(_) | Err(_) => return false,
                }
            }
            Err(_) => return false,
        }
        if sent == bytes.len() {
            return true;
        }
        taken = rustix::net::send(connection, &bytes[sent..], FLAGS);
    }
}
