//! Why a run gave no report.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a run gave no report. What a server does wrong *during* the load is no error: it is counted in
/// [`Checks`](crate::Checks).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Change the settings.
    /// A setting is out of its range, or does not go with another.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting, as the command line names it.
        setting: &'static str,
        /// The reason.
        reason: String,
    },
    /// There is no such scenario, or its file is not one.
    #[error("{0}")]
    Scenario(String),
    /// More connections than this process may hold descriptors.
    #[error("{needed} descriptors are needed and {limit} allowed: raise the hard limit (ulimit -Hn) or connect fewer")]
    DescriptorLimit {
        /// Connections and what the process needs beside them.
        needed: u64,
        /// The hard limit of `RLIMIT_NOFILE`.
        limit: u64,
    },

    // Look at the server.
    /// A connection was not established.
    #[error("connecting to {address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Not every connection was connected in time.
    #[error("{connected} of {wanted} connections were connected within {} s", waited.as_secs_f64())]
    ConnectTimeout {
        /// Connections of which it is proved that messages reach them.
        connected: usize,
        /// All connections.
        wanted: usize,
        /// The limit that ran out.
        waited: Duration,
    },
    /// The server ended a connection that the run cannot do without.
    #[error("connection {connection} ({role}) was closed by the server: {reason}")]
    Closed {
        /// Which one: subscribers first, then publishers.
        connection: usize,
        /// `subscriber` or `publisher`.
        role: &'static str,
        /// The server's reason, if it gave one.
        reason: String,
    },
    /// The server sent bytes that are not of the protocol.
    #[error("connection {connection}: not the expected protocol: {reason}")]
    Protocol {
        /// Which one: subscribers first, then publishers.
        connection: usize,
        /// The reason.
        reason: String,
    },
    /// The process to measure cannot be read.
    #[error("/proc/{pid}: {source}")]
    ServerProcess {
        /// The process.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// The administrator's socket of the server has no answer.
    #[error("no answer from a server at {socket}: {reason}")]
    AdminSocket {
        /// Its file.
        socket: String,
        /// Why not.
        reason: String,
    },
    /// A server started by us did not come up, or did not end.
    #[error("{binary}: {reason}")]
    Server {
        /// The program.
        binary: String,
        /// The reason, with the end of its standard error.
        reason: String,
    },

    // Begin again.
    /// It was [asked to end](crate::interruption()) before it had measured anything.
    #[error("interrupted")]
    Interrupted,

    // Look at this machine.
    /// A system call failed that has no reason to.
    #[error("{call}: {source}")]
    System {
        /// Which one.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` behind a system call.
    pub(crate) fn system<E: Into<io::Error>>(call: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { call, source: source.into() }
    }

    pub(crate) fn setting(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { setting, reason: reason.into() }
    }
}
