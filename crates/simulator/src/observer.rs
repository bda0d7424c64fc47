//! The events that a shard's driver reports to the model.

use crate::Violation;
use crate::transport::Received;
use corecast_fanout::ShardId;
use corecast_wire::Code;
use std::time::Duration;

/// Receives every event that a model must know of, and may find it wrong.
pub(crate) trait Observer {
    /// A shard batch leaves for a shard. Returns the number that is passed to [`received`](Self::received) when the batch
    /// arrives.
    fn posted(&mut self, from: ShardId, to: ShardId) -> usize;

    /// Everything that a shard had for another has left.
    fn has_nothing_to_post(&mut self, from: ShardId, to: ShardId);

    /// A shard has received a shard batch.
    fn received(&mut self, at: ShardId, from: ShardId, horizon: usize);

    /// A shard has completed a flush: everything that it did not send is kept.
    fn flushed(&mut self, shard: ShardId) -> Result<(), Violation>;

    /// A turn of a connection's task begins: everything sent to the client before is no longer owed.
    fn begins_turn(&mut self, client: usize) -> Result<(), Violation>;

    /// A sweep of a shard begins at this time of the world.
    fn swept(&mut self, shard: ShardId, at: Duration) -> Result<(), Violation>;

    /// The server has received this many bytes of a client, and ends the connection if there is a code. `is_behind` is true
    /// if the shard could not post all of its messages, or had more to send than its logs may hold.
    fn accept(&mut self, client: usize, bytes: usize, ended: Option<Code>, is_behind: bool) -> Result<(), Violation>;

    /// The server has read from a client's transport, and may have found the end of the stream or a broken connection.
    fn found(&mut self, client: usize, received: &Received);

    /// The server ends a connection.
    fn ends(&mut self, client: usize, code: Code) -> Result<(), Violation>;

    /// The server has accounted for everything that was due to a connection; `fully` is false if it gave up waiting for
    /// other shards.
    fn accounted(&mut self, client: usize, fully: bool) -> Result<(), Violation>;

    /// The server has closed a connection.
    fn closed(&mut self, client: usize) -> Result<(), Violation>;
}
