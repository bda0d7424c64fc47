//! A client, and the server's side of its connection.

use super::Transport;
use super::frames::Readable;
use corecast_fanout::ConnectionId;
use corecast_session::Session;
use corecast_shard::{Connection, Step};

/// A connection's task, as the engine has it, and its client.
#[derive(Debug)]
pub(crate) struct Client<S> {
    pub(crate) connection: Connection<S>,
    pub(crate) transport: Transport,
    /// The step that its task does now.
    pub(crate) step: Step,
}

impl<S: Session> Client<S> {
    pub(crate) fn id(&self) -> ConnectionId {
        self.connection.id()
    }
}

impl<S: Readable> Client<S> {
    /// The whole frames that it has received since the last call.
    pub(crate) fn read(&self) -> String {
        self.transport.read(S::read).join("; ")
    }
}
