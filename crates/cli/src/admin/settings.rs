//! The flags of `corecast serve` about what its administrator sees of it and does to it.

use std::path::PathBuf;

use clap::Args;

/// Administration.
#[derive(Args, Debug)]
#[command(next_help_heading = "Administration")]
pub(crate) struct AdminSettings {
    /// A Unix socket for 'corecast admin', which shows and closes connections and ends the server.
    ///
    /// Only the user that the server runs as, and root, can use it. One that a dead server left is replaced.
    /// Default: none.
    #[arg(long, env = "CORECAST_ADMIN_SOCKET", value_name = "FILE")]
    pub(crate) admin_socket: Option<PathBuf>,

    /// Where SIGUSR1 writes the journal: the last 1,000 departures of each shard, a JSON object a line.
    ///
    /// The file is replaced each time; that it can be is tried at the start. Default: standard error, between the lines of the log.
    #[arg(long, env = "CORECAST_JOURNAL", value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}
