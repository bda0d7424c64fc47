//! The floor: a `plain` broadcast server that is nothing but a loop of `send(2)`.
//!
//! One thread, epoll, one buffer. What one pass of readable connections brought is sent to every
//! connection in one call each: so its CPU per delivery is what the kernel takes, and a server that
//! comes near it has nothing left to save but the calls themselves.
//!
//! Absent here: limits, short writes (a subscriber that is full is dropped), frames (bytes are passed on
//! as they come, so every publisher must write whole frames).
#![forbid(unsafe_code)]

use anyhow::Context as _;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use rustix::thread::CpuSet;
use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// Names the listener among the events; no descriptor has this number.
const LISTENER: u64 = u64::MAX;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().context("usage: floor ADDRESS [CPU]")?.parse()?;
    if let Some(cpu) = arguments.next() {
        let mut cpus = CpuSet::new();
        cpus.set(cpu.parse()?);
        rustix::thread::sched_setaffinity(None, &cpus)?;
    }
    let listener = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    listener.set_reuse_address(true)?;
    listener.set_tcp_nodelay(true)?;
    listener.bind(&address.into())?;
    listener.listen(4096)?;
    let bound = listener.local_addr()?.as_socket().context("an Internet address")?;
    println!("listening plain {bound}");
    std::io::stdout().flush()?;
    serve(&listener)
}

fn serve(listener: &Socket) -> anyhow::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: HashMap<u64, OwnedFd> = HashMap::new();
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
            connections.retain(|_, connection| {
                rustix::net::send(connection, &run, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) == Ok(run.len())
            });
            run.clear();
        }
    }
}

fn accept(listener: &Socket, epoll: &OwnedFd, connections: &mut HashMap<u64, OwnedFd>) -> anyhow::Result<()> {
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
