//! The floor: a `plain` broadcast server that is nothing but a loop of sends.
//!
//! One thread, epoll, one buffer. What one pass of readable connections brought is sent to every
//! connection in one send each: so its CPU per delivery is what the kernel takes, and a server that
//! comes near it has nothing left to save but the sends themselves. Each may be a system call of its own, or
//! up to 64 enter the kernel together: `--sends` says which.
//!
//! Absent here: limits, isolation (all wait for a subscriber that is full, up to a second, then it is dropped), frames
//! (bytes are passed on as they come, so every publisher must write frames that arrive whole, or be the only one).
#![deny(unsafe_code)]

mod ring;
mod sends;
mod server;

use anyhow::Context as _;
use clap::Parser;
use rustix::thread::CpuSet;
use sends::{Sends, Way};
use socket2::{Domain, Socket, Type};
use std::io::Write as _;
use std::net::SocketAddr;

/// Sends what any connection writes to every connection, and does nothing else.
///
/// The least that a server of the `plain` protocol can cost on one CPU. Prints `listening plain ADDRESS` when it
/// listens, and serves until it is killed.
#[derive(Debug, Parser)]
struct Arguments {
    /// The way bytes leave: a system call for each send, or a ring that takes 64 sends into the kernel at once
    #[arg(long, value_enum, default_value_t = Way::Call)]
    sends: Way,
    /// Where to listen, as 127.0.0.1:7000; port 0 takes a free one
    address: SocketAddr,
    /// The CPU to stay on
    cpu: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(cpu) = arguments.cpu {
        stay_on(cpu).with_context(|| format!("cannot stay on CPU {cpu}"))?;
    }
    let sends = Sends::new(arguments.sends)?;
    let address = arguments.address;
    let listener = listen(address).with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?.as_socket().context("an Internet address")?;
    println!("listening plain {bound}");
    std::io::stdout().flush()?;
    server::serve(&listener, sends)
}

fn stay_on(cpu: usize) -> anyhow::Result<()> {
    anyhow::ensure!(cpu < CpuSet::MAX_CPU, "the greatest number is {}", CpuSet::MAX_CPU - 1);
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    Ok(rustix::thread::sched_setaffinity(None, &cpus)?)
}

fn listen(address: SocketAddr) -> std::io::Result<Socket> {
    let listener = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    listener.set_reuse_address(true)?;
    listener.set_tcp_nodelay(true)?;
    listener.bind(&address.into())?;
    listener.listen(4096)?;
    Ok(listener)
}
