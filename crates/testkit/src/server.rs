//! The binary under test as a server.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use corecast_engine::Protocol;
use rustix::process::Signal;

use crate::process::Finished;
use crate::{Deadline, Process};

/// A running `corecast serve`.
#[derive(Debug)]
pub struct ServerProcess {
    /// The child process, for its log and its signals.
    pub process: Process,
    listeners: Vec<(Protocol, SocketAddr)>,
}

impl ServerProcess {
    /// Starts `corecast serve` with these arguments, and returns when it is ready.
    ///
    /// Without a `--listen` argument, it gets one listener of each protocol on a free port of loopback.
    ///
    /// # Panics
    /// If the server is not ready by the deadline. The message then contains its standard error.
    pub fn start(binary: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let mut command = Process::command(binary);
        command.arg("serve").args(arguments);
        let mut listeners = arguments.iter().filter(|argument| argument.starts_with("--listen")).count();
        if listeners == 0 {
            command.args(["--listen", "native://127.0.0.1:0", "--listen", "plain://127.0.0.1:0"]);
            listeners = 2;
        }
        Self::spawn(command, listeners)
    }

    /// Starts a prepared command that is a server with this many listeners, and returns when it is ready.
    ///
    /// # Panics
    /// The same as those of [`start`](Self::start).
    pub fn spawn(command: Command, listeners: usize) -> Self {
        Self::spawn_onto(command, listeners, Stdio::piped())
    }

    /// Does what [`spawn`](Self::spawn) does, with another standard error.
    ///
    /// # Panics
    /// The same as those of [`start`](Self::start).
    pub fn spawn_onto(command: Command, listeners: usize, stderr: impl Into<Stdio>) -> Self {
        let deadline = Deadline::start();
        let mut process = Process::spawn_onto(command, Stdio::piped(), stderr);
        let mut ready = Vec::with_capacity(listeners);
        while ready.len() < listeners {
            match process.text_line(deadline) {
                Some(line) => ready.push(listener(&line)),
                None => panic!("the server ended before it was ready: {:?}", process.finish(deadline)),
            }
        }
        Self { process, listeners: ready }
    }

    /// Returns the listeners, in the order of their flags.
    pub fn listeners(&self) -> &[(Protocol, SocketAddr)] {
        &self.listeners
    }

    /// Returns the address of the first listener of this protocol.
    ///
    /// # Panics
    /// If there is none.
    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        let mut listeners = self.listeners.iter();
        listeners.find(|listener| listener.0 == protocol).expect("a listener of this protocol").1
    }

    /// Ends the server with SIGTERM and waits for its end.
    ///
    /// # Panics
    /// If the server does not end by itself by the deadline.
    pub fn stop(self) -> Finished {
        self.process.signal(Signal::TERM);
        self.process.finish(Deadline::start())
    }
}

/// Parses a ready line: `listening plain 127.0.0.1:7000`.
fn listener(line: &str) -> (Protocol, SocketAddr) {
    let words: Vec<&str> = line.split(' ').collect();
    let ["listening", protocol, address] = words[..] else { panic!("'{line}' is no ready line") };
    let protocol = protocol.parse().unwrap_or_else(|_| panic!("'{line}' names no protocol"));
    let address = address.parse().unwrap_or_else(|_| panic!("'{line}' names no address"));
    (protocol, address)
}
