//! One shard that runs the real policy, with connections whose transport is memory.

use corecast_fanout::policy::{Hooks as _, Sharded};
use corecast_fanout::{Backlog, ConnectionId, Effect, FanoutLimits, Outlet, Policy, Sent};
use corecast_session::{Codec, Context, End, Session, Taken};
use corecast_wire::Reassembly;
use std::sync::{Arc, Mutex, MutexGuard};

/// A shard that drives its policy as the engine does.
pub(crate) struct Shard {
    policy: Sharded<Transport, Codec>,
    answer: Vec<u8>,
}

/// The server's side of a connection, and what its client has received.
pub(crate) struct Connection<S> {
    /// The session under test.
    pub(crate) session: S,
    /// True if the bytes received last published something.
    pub(crate) published: bool,
    id: ConnectionId,
    incomplete: Reassembly,
    transport: Transport,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self::with(FanoutLimits::default())
    }

    pub(crate) fn with(limits: FanoutLimits) -> Self {
        Self { policy: Sharded::new(0, 1, limits, Codec), answer: Vec::new() }
    }

    /// Accepts a connection.
    pub(crate) fn connect<S: Session>(&mut self, session: S) -> Connection<S> {
        let transport = Transport::default();
        let id = self.policy.open(transport.clone(), S::ENCODING);
        let mut connection = Connection { session, published: false, id, incomplete: Reassembly::new(), transport };
        self.with_context(&mut connection, |session, _, context| session.opened(context));
        connection
    }

    /// Receives bytes from a client and sends what they caused. Returns the number of frames.
    pub(crate) fn receive<S: Session>(&mut self, from: &mut Connection<S>, bytes: &[u8]) -> Result<usize, End> {
        self.with_context(from, |session, incomplete, context| {
            corecast_session::receive(session, incomplete, bytes, context)
        })
    }

    /// Receives bytes as [`receive`](Self::receive) does, up to the first frame that `admit` refuses.
    pub(crate) fn receive_admitted<S: Session>(
        &mut self,
        from: &mut Connection<S>,
        bytes: &[u8],
        admit: impl FnMut(usize) -> bool,
    ) -> Result<Taken, End> {
        self.with_context(from, |session, incomplete, context| {
            corecast_session::receive_admitted(session, incomplete, bytes, context, admit)
        })
    }

    /// Ends a connection. The close frame leaves last.
    pub(crate) fn end<S: Session>(&mut self, connection: &Connection<S>, end: &End) {
        let mut close_frame = Vec::new();
        connection.session.close_frame(end, &mut close_frame);
        self.policy.end(connection.id, &close_frame);
        self.settle();
    }

    /// Makes a client read again after [`Connection::stall`].
    pub(crate) fn resume<S>(&mut self, connection: &Connection<S>) {
        connection.transport.state().is_stalled = false;
        self.policy.writable(connection.id);
        self.settle();
    }

    /// Returns true if a connection was closed because it lagged.
    pub(crate) fn has_lagged<S>(&mut self, connection: &Connection<S>) -> bool {
        std::iter::from_fn(|| self.policy.take_effect()).any(|effect| effect == Effect::Lagged(connection.id))
    }

    /// Returns the number of channels that a connection is subscribed to.
    pub(crate) fn subscriptions<S>(&self, connection: &Connection<S>) -> usize {
        let Backlog { channels, .. } = self.policy.backlog(connection.id);
        channels
    }

    fn with_context<S: Session, R>(
        &mut self,
        connection: &mut Connection<S>,
        act: impl FnOnce(&mut S, &mut Reassembly, &mut Context<'_, Sharded<Transport, Codec>>) -> R,
    ) -> R {
        let Self { policy, answer } = self;
        let mut context = Context { policy, id: connection.id, answer, published: false };
        let result = act(&mut connection.session, &mut connection.incomplete, &mut context);
        connection.published = context.published;
        if connection.published {
            self.policy.commit(connection.id);
        }
        self.settle();
        result
    }

    fn settle(&mut self) {
        while self.policy.flush(64) {}
    }
}

impl<S> Connection<S> {
    /// Makes the client stop reading.
    pub(crate) fn stall(&self) {
        self.transport.state().is_stalled = true;
    }

    /// Takes the bytes that the client has received since the last call.
    pub(crate) fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.transport.state().received)
    }

    /// Returns the reason why the connection ends if the client ends its stream now.
    pub(crate) fn end_of_stream(&self) -> End {
        End::of_stream(&self.incomplete)
    }
}

/// A transport that takes everything unless its client is stalled. Clones share one transport.
#[derive(Clone, Debug, Default)]
struct Transport(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    received: Vec<u8>,
    is_stalled: bool,
}

impl Transport {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Outlet for Transport {
    fn send(&self, bytes: &[u8]) -> Sent {
        let mut state = self.state();
        if state.is_stalled {
            return Sent::Took(0);
        }
        state.received.extend_from_slice(bytes);
        Sent::Took(bytes.len())
    }
}
