//! Requests to a running server from any thread, through the mailbox of the shard that they concern.

use crate::journal::DisconnectRecord;
use crate::shard::PauseReport;
use corecast_fanout::{Backlog, ConnectionId, Counters, ShardId};
use corecast_session::End;
use corecast_shard::State;
use corecast_wire::Code;
use flume::{Receiver, Sender};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time in which a shard must answer. A busy shard answers in its next tick.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle for requests to a server, for any thread except its shards'.
#[derive(Clone, Debug)]
pub struct Control {
    mailboxes: Vec<Arc<dyn ControlMailbox>>,
}

/// A shard's mailbox, independent of the items that the policy's shards exchange.
pub(crate) trait ControlMailbox: fmt::Debug + Send + Sync {
    /// Asks the shard to stop, waiting for room until the deadline. Returns true if there was room.
    fn stop(&self, deadline: Instant) -> bool;

    /// Does the same on a shard's own thread, and waits without a deadline.
    fn stop_from_shard(&self) -> Pin<Box<dyn Future<Output = ()> + '_>>;

    /// Sends a request to the shard, waiting for room until the deadline. Returns true if there was room.
    fn ask(&self, request: Request, deadline: Instant) -> bool;
}

/// A connection of a server.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The connection's name.
    pub id: ConnectionId,
    /// The address of its peer.
    pub peer: SocketAddr,
    /// The state of its lifecycle.
    pub state: State,
    /// The time since it was accepted.
    pub age: Duration,
    /// The number of channels that it subscribes to, and the bytes by which it is behind.
    pub backlog: Backlog,
}

/// The counts of what a shard has done since it started.
#[derive(Clone, Debug)]
pub struct ShardInfo {
    /// The shard.
    pub shard: ShardId,
    /// Connections that are open.
    pub connections: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that have left, by reason.
    pub closed: BTreeMap<Code, u64>,
    /// Standstills: times for which the shard did not run and which its deadlines do not count.
    pub standstills: u64,
    /// The counts of messages and sends.
    pub counters: Counters,
    /// The shard's pauses after flushes, and their reasons.
    pub pause: PauseReport,
}

/// The error of a shard that did not answer: it has ended or is stuck, and may still do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shard did not answer within {ANSWER_TIMEOUT:?}: it has ended, or is stuck")]
pub struct NoAnswer;

/// A request to a shard. The caller may be gone by the time of the answer.
#[derive(Debug)]
pub(crate) enum Request {
    Close(ConnectionId, End, Sender<bool>),
    Shards(Sender<Vec<ShardInfo>>),
    Connections(Sender<Vec<ConnectionInfo>>),
    Journal(Sender<Vec<DisconnectRecord>>),
}

impl Control {
    pub(crate) fn new(mailboxes: Vec<Arc<dyn ControlMailbox>>) -> Self {
        Self { mailboxes }
    }

    /// Asks the server to stop: it accepts no new connections, delivers what was published, and tells every client the
    /// reason. The server may have stopped already.
    pub fn stop(&self) {
        for mailbox in &self.mailboxes {
            mailbox.stop(Instant::now() + ANSWER_TIMEOUT);
        }
    }

    /// Does the same on a shard's own thread.
    pub(crate) async fn stop_from_shard(&self) {
        for mailbox in &self.mailboxes {
            mailbox.stop_from_shard().await;
        }
    }

    /// Ends a connection, as if the server had ended it by itself: the client is told this code and text, after any message
    /// that it has been sent a part of. [`Code::Administrator`] is for this purpose. With [`Code::Reset`] the client is
    /// told nothing and the connection is reset. Returns true if this call ended the connection; false if it is gone or was
    /// ending already.
    ///
    /// # Errors
    /// If the shard did not answer.
    pub fn close(&self, id: ConnectionId, code: Code, text: impl Into<Cow<'static, str>>) -> Result<bool, NoAnswer> {
        let Some(mailbox) = self.mailboxes.get(usize::from(id.shard)) else { return Ok(false) };
        let (reply, answer) = flume::bounded(1);
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        ask(&**mailbox, Request::Close(id, End::new(code, text), reply), deadline)?;
        answer.recv_deadline(deadline).map_err(|_| NoAnswer)
    }

    /// Returns the counts of each shard, in the order of the shards. They are taken at about the same time, not at the same
    /// moment.
    ///
    /// # Errors
    /// If a shard did not answer.
    pub fn shards(&self) -> Result<Vec<ShardInfo>, NoAnswer> {
        self.ask_all(Request::Shards)
    }

    /// Returns all connections, shard by shard.
    ///
    /// # Errors
    /// If a shard did not answer.
    pub fn connections(&self) -> Result<Vec<ConnectionInfo>, NoAnswer> {
        self.ask_all(Request::Connections)
    }

    /// Returns the last disconnects, at most [`JOURNAL_LENGTH`](crate::JOURNAL_LENGTH) of each shard, from the oldest to
    /// the latest.
    ///
    /// # Errors
    /// If a shard did not answer.
    pub fn journal(&self) -> Result<Vec<DisconnectRecord>, NoAnswer> {
        let mut journal = self.ask_all(Request::Journal)?;
        journal.sort_by_key(|record| record.at);
        Ok(journal)
    }

    /// Sends a request to every shard, and returns all answers together.
    fn ask_all<T>(&self, request: impl Fn(Sender<Vec<T>>) -> Request) -> Result<Vec<T>, NoAnswer> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let ask = |mailbox: &Arc<dyn ControlMailbox>| -> Result<Receiver<Vec<T>>, NoAnswer> {
            let (reply, answer) = flume::bounded(1);
            ask(&**mailbox, request(reply), deadline)?;
            Ok(answer)
        };
        let answers = self.mailboxes.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        let mut all = Vec::new();
        for answer in answers {
            all.append(&mut answer.recv_deadline(deadline).map_err(|_| NoAnswer)?);
        }
        Ok(all)
    }
}

fn ask(mailbox: &dyn ControlMailbox, request: Request, deadline: Instant) -> Result<(), NoAnswer> {
    if mailbox.ask(request, deadline) { Ok(()) } else { Err(NoAnswer) }
}
