//! The reasons why a run produced no report.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The reason why a run produced no report. A server's faults *during* the load are not an error:
/// [`Checks`](crate::Checks) counts them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Change the settings.
    /// A setting is out of its range, or contradicts another.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting, as the command line names it.
        setting: &'static str,
        /// The reason.
        reason: String,
    },
    /// There is no such scenario, or its file is not a scenario.
    #[error("{0}")]
    Scenario(String),
    /// The run needs more descriptors than this process may have.
    #[error("{needed} descriptors are needed and {limit} allowed: raise the hard limit (ulimit -Hn) or connect fewer")]
    DescriptorLimit {
        /// The number of connections, and of other descriptors that the process needs.
        needed: u64,
        /// The hard limit of `RLIMIT_NOFILE`.
        limit: u64,
    },

    // Look at the server.
    /// A connection was not established.
    #[error("connecting to {address}: {source}")]
    Connect {
        /// The server's address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// Not every connection was connected in time.
    #[error("{connected} of {wanted} connections were connected within {} s", waited.as_secs_f64())]
    ConnectTimeout {
        /// The number of connections for which it is proved that messages reach them.
        connected: usize,
        /// The number of all connections.
        wanted: usize,
        /// The limit that ran out.
        waited: Duration,
    },
    /// The server ended a connection that the run cannot do without.
    #[error("connection {connection} ({role}) was closed by the server: {reason}")]
    Closed {
        /// The index of the connection: subscribers first, then publishers.
        connection: usize,
        /// `subscriber` or `publisher`.
        role: &'static str,
        /// The server's reason, if it gave one.
        reason: String,
    },
    /// The server sent bytes that are not of the protocol.
    #[error("connection {connection}: not the expected protocol: {reason}")]
    Protocol {
        /// The index of the connection: subscribers first, then publishers.
        connection: usize,
        /// The reason.
        reason: String,
    },
    /// The process to measure cannot be read.
    #[error("/proc/{pid}: {source}")]
    ServerProcess {
        /// The number of the process.
        pid: u32,
        /// The reason.
        source: io::Error,
    },
    /// The server's admin socket did not answer.
    #[error("no answer from a server at {socket}: {reason}")]
    AdminSocket {
        /// The file of the socket.
        socket: String,
        /// The reason.
        reason: String,
    },
    /// A server that was started for the run did not start, or did not end.
    #[error("{binary}: {reason}")]
    Server {
        /// The program.
        binary: String,
        /// The reason, with the end of its standard error.
        reason: String,
    },

    // Begin again.
    /// The run was [asked to end](crate::interruption()) before it had measured anything.
    #[error("interrupted")]
    Interrupted,

    // Look at this machine.
    /// A system call failed that should not fail.
    #[error("{call}: {source}")]
    System {
        /// The name of the call.
        call: &'static str,
        /// The reason.
        source: io::Error,
    },
}

impl Error {
    /// Returns a function for `map_err` after a system call.
    pub(crate) fn system<E: Into<io::Error>>(call: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { call, source: source.into() }
    }

    pub(crate) fn setting(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { setting, reason: reason.into() }
    }
}
