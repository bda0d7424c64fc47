//! The flags of `corecast serve` about what its administrator sees of it and does to it.

use std::path::PathBuf;

use clap::Args;

/// Administration.
#[derive(Args, Debug)]
#[command(next_help_heading = "Administration")]
pub(crate) struct AdminSettings {
    /// A Unix socket for 'corecast admin', which shows and closes connections and ends the server.
    ///
    /// Only the user that the server runs as, and root, can use it. One that a dead server left is replaced; one of a server
    /// that runs is not. At most 16 clients at a time: the oldest that has asked nothing makes room, and each has 5 s to ask.
    /// Default: none.
    #[arg(long, env = "CORECAST_ADMIN_SOCKET", value_name = "FILE")]
    pub(crate) admin_socket: Option<PathBuf>,

    /// Where SIGUSR1 writes the journal: the last 1,000 departures of each shard, a JSON object a line.
    ///
    /// The file is opened and replaced each time, so it may be moved away; that it can be is tried at the start. A FIFO or
    /// a device is written in place, for 5 s at most. Default: standard error, between the lines of the log.
    #[arg(long, env = "CORECAST_JOURNAL", value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}
