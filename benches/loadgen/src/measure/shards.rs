//! The division of connections and deliveries among a server's shards, as its admin socket reports it.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The maximum time for a server's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// One shard's part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardLoad {
    /// The number of the shard.
    pub shard: u16,
    /// The number of connections that it had when all were connected, including those of others.
    pub connections: u64,
    /// The number of messages that it handed to subscribers from then to the end of the drain.
    pub deliveries: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Status(Vec<ShardLoad>),
    Error(String),
}

/// Returns the connections of each shard at this time, and its deliveries so far.
pub(crate) fn status(socket: &Path) -> Result<Vec<ShardLoad>, Error> {
    let ask = || -> io::Result<Reply> {
        let mut server = UnixStream::connect(socket)?;
        server.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        server.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        server.write_all(b"\"status\"\n")?;
        Ok(serde_json::from_reader(BufReader::new(server))?)
    };
    let failed = |reason: String| Error::AdminSocket { socket: socket.display().to_string(), reason };
    match ask() {
        Ok(Reply::Status(shards)) => Ok(shards),
        Ok(Reply::Error(reason)) => Err(failed(reason)),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Returns the parts of a run, from the reports of the shards at its beginning and end.
pub(crate) fn parts(begin: &[ShardLoad], end: &[ShardLoad]) -> Vec<ShardLoad> {
    let part = |(begin, end): (&ShardLoad, &ShardLoad)| ShardLoad {
        deliveries: end.deliveries.saturating_sub(begin.deliveries),
        ..*begin
    };
    begin.iter().zip(end).map(part).collect()
}
