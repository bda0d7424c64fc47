//! The server's side of one connection, from accept to reap: what `corecast_engine`'s task of a connection
//! does, cut into the turns between which others have theirs.

use crate::Transport;
use crate::scenario::{Scenario, Settings};
use crate::transport::Received;
use corecast_fanout::{ConnectionId, Policy};
use corecast_session::{Context, End, Native, Plain, Session, receive};
use corecast_wire::{Code, Limits, Reassembly};

/// Greatest length field that a client may send.
pub(crate) const MAX_FRAME: u32 = 2048;

/// A connection that has not been reaped.
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened, or not")]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// Whose it is.
    pub(crate) client: usize,
    pub(crate) transport: Transport,
    pub(crate) stage: Stage,
    /// The task was woken while it does not wait for the transport.
    pub(crate) signal: bool,
    /// Everything held back has left.
    pub(crate) drained: bool,
    /// The transport took less than it was offered, and what was held back then has not left.
    pub(crate) full: bool,
    /// The time for an orderly end is over.
    pub(crate) expired: bool,
    /// So is the time in which the other shards may say what they had accepted for it.
    pub(crate) unaccounted: bool,
    /// What its last turn published waits to go, as far as the mesh and the flush are concerned.
    pub(crate) published: bool,
    end: Option<End>,
    speaks: Speaks,
    incomplete: Reassembly,
}

/// What the task waits for.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// Bytes.
    Reading,
    /// The shard, which does not let it read.
    Paused,
    /// Its turn, in which it says why it ends.
    Leaving(End),
    /// The close frame to leave.
    Ending,
    /// The client's end.
    Lingering,
    /// The other shards' accounts of what they had accepted for it.
    Accounting,
    /// The end of the tick.
    Reaped,
}

enum Speaks {
    Native(Native),
    Plain(Plain),
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, client: usize, transport: Transport, plain: bool) -> Self {
        let limits = Limits { max_frame: MAX_FRAME };
        let speaks = if plain {
            Speaks::Plain(Plain { channel: Scenario::CHANNELS[0].into(), limits, lag: None })
        } else {
            Speaks::Native(Native::new(limits))
        };
        Self {
            id,
            client,
            transport,
            stage: Stage::Reading,
            signal: false,
            drained: false,
            full: false,
            expired: false,
            unaccounted: false,
            published: false,
            end: None,
            speaks,
            incomplete: Reassembly::new(),
        }
    }

    /// Has it end in an orderly way. The first reason counts.
    pub(crate) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.signal = true;
    }

    /// Has it end because it has lagged, also if it was ending for another reason, which it has not been told.
    pub(crate) fn end_lagged(&mut self, end: End) {
        if matches!(self.stage, Stage::Leaving(_) | Stage::Ending) {
            self.stage = Stage::Leaving(end);
        } else {
            self.end = Some(end);
        }
        self.signal = true;
    }

    /// Gives it up.
    pub(crate) fn expire(&mut self) {
        self.expired = true;
        self.transport.break_off();
        self.signal = true;
    }

    /// Whether something has woken its task.
    pub(crate) fn is_runnable(&self) -> bool {
        match self.stage {
            Stage::Reading => self.signal || self.transport.is_readable(),
            Stage::Paused | Stage::Accounting => self.signal,
            Stage::Leaving(_) => true,
            Stage::Ending => self.drained || self.expired || self.signal,
            Stage::Lingering => self.expired || self.transport.is_readable(),
            Stage::Reaped => false,
        }
    }

    /// Waits to hear what the other shards had accepted for it.
    pub(crate) fn be_accounted_for<P: Policy<Transport>>(&mut self, policy: &mut P) {
        policy.end(self.id, &[]);
        self.stage = Stage::Accounting;
        self.signal = true;
    }

    pub(crate) fn take_end(&mut self) -> Option<End> {
        self.end.take()
    }

    pub(crate) fn opened<P: Policy<Transport>>(&mut self, policy: &mut P, answer: &mut Vec<u8>) {
        let mut context = Context { policy, id: self.id, answer, published: false };
        match &mut self.speaks {
            Speaks::Native(native) => native.opened(&mut context),
            Speaks::Plain(plain) => plain.opened(&mut context),
        }
    }

    /// Whether a shard with so much left to do must not let it read; `true` in the second place if that
    /// changes with the mesh and the flush.
    pub(crate) fn must_pause<P: Policy<Transport>>(
        &self,
        policy: &P,
        congested: bool,
        stopping: bool,
        settings: &Settings,
    ) -> (bool, bool) {
        let congested = self.published && (congested || policy.is_saturated());
        let unread = policy.pending_bytes(self.id) > settings.control_bytes;
        let waits = congested || policy.awaits_subscription(self.id) || (unread && !self.full);
        (waits || stopping || unread, waits)
    }

    /// Takes what a receive brought; why the connection ends, if it does.
    pub(crate) fn take<P: Policy<Transport>>(
        &mut self,
        received: &Received,
        policy: &mut P,
        answer: &mut Vec<u8>,
    ) -> Result<(), End> {
        let bytes = match received {
            Received::Bytes(bytes) => bytes,
            Received::Nothing => return Ok(()),
            Received::End => return Err(End::of_stream(&self.incomplete)),
            Received::Broken => return Err(End::new(Code::Reset, "the connection is broken")),
        };
        let mut context = Context { policy: &mut *policy, id: self.id, answer, published: false };
        let outcome = match &mut self.speaks {
            Speaks::Native(native) => receive(native, &mut self.incomplete, bytes, &mut context),
            Speaks::Plain(plain) => receive(plain, &mut self.incomplete, bytes, &mut context),
        };
        self.published = context.published;
        if self.published {
            policy.commit(self.id);
        }
        outcome.map(drop)
    }

    pub(crate) fn close_frame(&self, end: &End) -> Vec<u8> {
        let mut close_frame = Vec::new();
        match &self.speaks {
            Speaks::Native(native) => native.close_frame(end, &mut close_frame),
            Speaks::Plain(plain) => plain.close_frame(end, &mut close_frame),
        }
        close_frame
    }
}
