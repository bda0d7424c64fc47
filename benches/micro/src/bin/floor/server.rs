//! The loop: wait, accept, receive, send.

use crate::sends::Sends;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};
use socket2::Socket;
use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// The connections, by the number of their descriptors.
pub(crate) type Connections = HashMap<u64, OwnedFd>;

/// The number of the listener among the events; no descriptor has it.
const LISTENER: u64 = u64::MAX;

/// Serves until a failure that no peer caused.
pub(crate) fn serve(listener: &Socket, mut sends: Sends) -> anyhow::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections = Connections::new();
    let mut events = Vec::with_capacity(1024);
    let mut scratch = vec![0; 64 * 1024];
    let mut run = Vec::new();
    loop {
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Err(Errno::INTR) => continue,
            outcome => outcome?,
        };
        for event in &events {
            let name = event.data.u64();
            if name == LISTENER {
                accept(listener, &epoll, &mut connections)?;
                continue;
            }
            let Some(connection) = connections.get(&name) else { continue };
            match rustix::net::recv(connection, &mut *scratch, RecvFlags::DONTWAIT) {
                Ok((_, 0)) | Err(Errno::CONNRESET) => drop(connections.remove(&name)),
                Ok((_, received)) => run.extend_from_slice(&scratch[..received]),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !run.is_empty() {
            sends.send_to_all(&mut connections, &run);
            run.clear();
        }
    }
}

fn accept(listener: &Socket, epoll: &OwnedFd, connections: &mut Connections) -> anyhow::Result<()> {
    loop {
        match rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(connection) => {
                let name = u64::try_from(connection.as_raw_fd())?;
                epoll::add(epoll, &connection, EventData::new_u64(name), EventFlags::IN)?;
                connections.insert(name, connection);
            }
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
