//! The flags of `corecast serve` for its administrator.

use std::path::PathBuf;

use clap::Args;

/// Administration.
#[derive(Args, Debug)]
#[command(next_help_heading = "Administration")]
pub(crate) struct AdminSettings {
    /// A Unix socket for 'corecast admin', which shows and closes connections and ends the server.
    ///
    /// Only the user that the server runs as, and root, can use it. A stale socket file is replaced; the socket of a running
    /// server is not. There are at most 16 clients: one more evicts the oldest that has not sent a request.
    /// Default: none.
    #[arg(long, env = "CORECAST_ADMIN_SOCKET", value_name = "FILE")]
    pub(crate) admin_socket: Option<PathBuf>,

    /// File to which SIGUSR1 writes the journal: the last 1,000 disconnects of each shard, a JSON object a line.
    ///
    /// A regular file is replaced each time, so log rotation may move it; the server checks at the start that it can be
    /// written. A FIFO or a device is written in place, for at most 5 s. Default: standard error, between the lines of the log.
    #[arg(long, env = "CORECAST_JOURNAL", value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}
