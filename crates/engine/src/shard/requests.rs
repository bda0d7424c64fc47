//! The answers of a shard to requests from outside.

use super::driver::{Driver, Engine, SocketShard};
use crate::control::{ConnectionInfo, Request, ShardInfo};
use corecast_shard::ShardStats;

impl<P: Engine> Driver<P> {
    /// Carries out a request, and answers it.
    pub(crate) fn answer_request(&self, request: Request, shard: &mut SocketShard<P>) {
        match request {
            Request::Close(id, end, reply) => {
                let _ = reply.send(shard.close(id, end));
            }
            Request::Shards(reply) => {
                let ShardStats { accepted, closed, counters, .. } = shard.stats();
                let info = ShardInfo {
                    shard: self.mesh.shard(),
                    connections: shard.connection_count(),
                    accepted,
                    closed,
                    standstills: shard.standstills(),
                    counters,
                    pause: self.pause_report.get(),
                };
                let _ = reply.send(vec![info]);
            }
            Request::Connections(reply) => {
                let info = shard.connections().map(|connection| ConnectionInfo {
                    id: connection.id(),
                    peer: connection.endpoint().peer,
                    state: connection.state(),
                    age: connection.endpoint().age(),
                    backlog: shard.policy().backlog(connection.id()),
                });
                let _ = reply.send(info.collect());
            }
            Request::Journal(reply) => {
                let _ = reply.send(self.journal.borrow().to_vec());
            }
        }
    }
}
