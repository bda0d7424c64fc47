//! What a shard tells of what it does.

use crate::Violation;
use crate::transport::Received;
use corecast_fanout::ShardId;
use corecast_wire::Code;
use std::time::Duration;

/// Hears of everything that a model must know, and may find it wrong.
pub(crate) trait Observer {
    /// A shard batch leaves for a shard; the number that its arrival is told with.
    fn posted(&mut self, from: ShardId, to: ShardId) -> usize;

    /// All that a shard had for another has left before.
    fn has_nothing_to_post(&mut self, from: ShardId, to: ShardId);

    /// A shard batch has been received.
    fn received(&mut self, at: ShardId, from: ShardId, horizon: usize);

    /// A shard has completed a flush: what it has sent is out, the rest is held.
    fn flushed(&mut self, shard: ShardId) -> Result<(), Violation>;

    /// The task of a client's connection has its turn: what it was sent before is owed no more.
    fn begins_turn(&mut self, client: usize) -> Result<(), Violation>;

    /// A sweep of a shard begins at this time of the world's.
    fn swept(&mut self, shard: ShardId, at: Duration) -> Result<(), Violation>;

    /// The server has received so many bytes of a client, and ends the connection if there is a code. `is_behind` says that the
    /// shard could not post what it had, or had more to send than its logs may hold.
    fn accept(&mut self, client: usize, bytes: usize, ended: Option<Code>, is_behind: bool) -> Result<(), Violation>;

    /// The server has received the end of a client's stream, or that it is broken.
    fn found(&mut self, client: usize, received: &Received);

    /// The server ends a connection.
    fn ends(&mut self, client: usize, code: Code) -> Result<(), Violation>;

    /// The server has counted what a connection was to have, unless it gave up waiting for other shards.
    fn accounted(&mut self, client: usize, fully: bool) -> Result<(), Violation>;

    /// The server has closed a connection.
    fn closed(&mut self, client: usize) -> Result<(), Violation>;
}
