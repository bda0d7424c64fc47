//! The floor: a `plain` broadcast server that is nothing but a loop of sends.
//!
//! It has one thread, epoll, and one buffer. Everything that one pass over the readable connections brought is sent to
//! every connection, with one send each. So its CPU time per delivery is the kernel's share, and a server that comes
//! near it can save nothing but the sends themselves. Each send may be a separate system call, or up to 64 enter the
//! kernel together, as `--sends` says.
//!
//! Absent here: limits, isolation (all wait for a subscriber that is full, up to a second, after which it is dropped),
//! frames (bytes are passed on as they come, so every publisher must write frames that arrive whole, or be the only
//! one).
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
/// This is the lowest possible cost of a server of the `plain` protocol on one CPU. Prints `listening plain ADDRESS`
/// when it listens, and serves until it is killed.
#[derive(Debug, Parser)]
struct Arguments {
    /// The way bytes leave: one system call for each send, or a ring that submits 64 sends to the kernel at once
    #[arg(long, value_enum, default_value_t = Way::Call)]
    sends: Way,
    /// The address to listen on, such as 127.0.0.1:7000; port 0 picks a free one
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
