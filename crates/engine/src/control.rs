//! What may be asked of a running server, from any thread: through the mailbox of the shard that it concerns.

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

/// How long a shard may take to answer. One that is busy answers in its next tick.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A way to ask things of a server, from any thread but its shards'.
#[derive(Clone, Debug)]
pub struct Control {
    mailboxes: Vec<Arc<dyn ControlMailbox>>,
}

/// A shard's mailbox, whatever the policy's shards put into it.
pub(crate) trait ControlMailbox: fmt::Debug + Send + Sync {
    /// Asks the shard to stop, waiting for room until the deadline. Returns whether there was room.
    fn stop(&self, deadline: Instant) -> bool;

    /// As [`stop`](Self::stop), on a shard's own thread and for as long as it takes.
    fn stop_from_shard(&self) -> Pin<Box<dyn Future<Output = ()> + '_>>;

    /// Asks something of the shard, waiting for room until the deadline. Returns whether there was room.
    fn ask(&self, request: Request, deadline: Instant) -> bool;
}

/// A connection that a server has.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Which.
    pub id: ConnectionId,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// How far its life has come.
    pub state: State,
    /// How long it has been here.
    pub age: Duration,
    /// How many channels it is subscribed to, and how many bytes behind it is.
    pub backlog: Backlog,
}

/// What a shard has done since it started.
#[derive(Clone, Debug)]
pub struct ShardInfo {
    /// Which.
    pub shard: ShardId,
    /// Connections that it has.
    pub connections: usize,
    /// Connections that it has accepted.
    pub accepted: u64,
    /// Connections that have left, by reason.
    pub closed: BTreeMap<Code, u64>,
    /// How often it stood still for so long that its deadlines do not count it.
    pub standstills: u64,
    /// Messages and sends.
    pub counters: Counters,
    /// How it pauses behind its flushes, and why.
    pub pause: PauseReport,
}

/// A shard did not answer: it has ended, or is stuck. What was asked may still be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shard did not answer within {ANSWER_TIMEOUT:?}: it has ended, or is stuck")]
pub struct NoAnswer;

/// What a shard is asked. Whoever asked may be gone when it is answered.
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

    /// Asks the server to stop: no new connections, what was published is delivered, everybody is told. It may have
    /// stopped already.
    pub fn stop(&self) {
        for mailbox in &self.mailboxes {
            mailbox.stop(Instant::now() + ANSWER_TIMEOUT);
        }
    }

    /// As [`stop`](Self::stop), on a shard's own thread.
    pub(crate) async fn stop_from_shard(&self) {
        for mailbox in &self.mailboxes {
            mailbox.stop_from_shard().await;
        }
    }

    /// Ends a connection: it is told this code and text behind what it was already sent a part of, as if the server
    /// had ended it by itself. [`Code::Administrator`] is for this. With [`Code::Reset`] it is told nothing, and
    /// reset. Returns whether this ended it: not if it is gone or was ending already.
    ///
    /// # Errors
    /// The shard did not answer.
    pub fn close(&self, id: ConnectionId, code: Code, text: impl Into<Cow<'static, str>>) -> Result<bool, NoAnswer> {
        let Some(mailbox) = self.mailboxes.get(usize::from(id.shard)) else { return Ok(false) };
        let (reply, answer) = flume::bounded(1);
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        ask(&**mailbox, Request::Close(id, End::new(code, text), reply), deadline)?;
        answer.recv_deadline(deadline).map_err(|_| NoAnswer)
    }

    /// What each shard has done, in their order. They are asked at about the same time, not at the same moment.
    ///
    /// # Errors
    /// A shard did not answer.
    pub fn shards(&self) -> Result<Vec<ShardInfo>, NoAnswer> {
        self.gather(Request::Shards)
    }

    /// All connections, shard by shard.
    ///
    /// # Errors
    /// A shard did not answer.
    pub fn connections(&self) -> Result<Vec<ConnectionInfo>, NoAnswer> {
        self.gather(Request::Connections)
    }

    /// The last disconnects, at most [`JOURNAL_LENGTH`](crate::JOURNAL_LENGTH) of each shard, from the oldest to the
    /// latest.
    ///
    /// # Errors
    /// A shard did not answer.
    pub fn journal(&self) -> Result<Vec<DisconnectRecord>, NoAnswer> {
        let mut journal = self.gather(Request::Journal)?;
        journal.sort_by_key(|record| record.at);
        Ok(journal)
    }

    /// What every shard answers.
    fn gather<T>(&self, request: impl Fn(Sender<Vec<T>>) -> Request) -> Result<Vec<T>, NoAnswer> {
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
