//! One connection, from accept to reap; `lifecycle.rs` has the states that it goes through.

use crate::config::OverRate;
use crate::deadline::Activity;
use crate::lifecycle::{Event, Lifecycle, State};
use crate::rate::Rate;
use crate::reactor::{Events, Watch};
use crate::shard::{Engine, Shard};
use crate::signal::Signal;
use crate::socket::{Received, Socket};
use corecast_fanout::{ConnectionId, Outlet as _};
use corecast_session::{End, Session, Taken};
use corecast_wire::{Code, Reassembly};
use futures_lite::future::or;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What the shard knows of a connection whose task runs.
pub(crate) struct ConnectionState {
    pub(crate) id: ConnectionId,
    pub(crate) peer: SocketAddr,
    pub(crate) watch: Watch,
    pub(crate) socket: Socket,
    /// Wakes the task, whatever it waits for.
    pub(crate) signal: Signal,
    pub(crate) lifecycle: Lifecycle,
    /// The socket took less than it was offered, and what was held back then has not left.
    pub(crate) full: Cell<bool>,
    /// It has lagged since it was given a close frame, which was dropped.
    lagged: Cell<bool>,
    pub(crate) activity: Activity,
    end: RefCell<Option<End>>,
}

impl ConnectionState {
    pub(crate) fn new(
        id: ConnectionId,
        (socket, peer): (Socket, SocketAddr),
        watch: Watch,
        lifecycle: Lifecycle,
        activity: Activity,
    ) -> Self {
        Self {
            id,
            peer,
            watch,
            socket,
            signal: Signal::default(),
            lifecycle,
            full: Cell::new(false),
            lagged: Cell::new(false),
            activity,
            end: RefCell::default(),
        }
    }

    /// Has the connection end in an orderly way. The first reason counts; whether this is it.
    pub(crate) fn end(&self, end: End) -> bool {
        self.lifecycle.apply(Event::End);
        self.signal.set();
        let mut reason = self.end.borrow_mut();
        let first = reason.is_none();
        reason.get_or_insert(end);
        first
    }

    /// Has the connection end because it has lagged, also if it was ending for another reason, which it has not been told.
    pub(crate) fn end_lagged(&self, end: End) {
        self.lifecycle.apply(Event::End);
        self.end.replace(Some(end));
        self.lagged.set(true);
        self.signal.set();
    }

    /// Ends the connection at once, with this reason unless it had one; whether it had none.
    pub(crate) fn reset(&self, end: End) -> bool {
        let first = self.end(end);
        self.socket.reset_on_close();
        self.expire();
        first
    }

    /// Gives the connection up.
    pub(crate) fn expire(&self) {
        self.lifecycle.apply(Event::Finish);
        self.socket.break_off();
        self.signal.set();
    }

    /// Why it ends.
    ///
    /// # Panics
    /// If it is served.
    pub(crate) fn reason(&self) -> End {
        self.end.borrow().clone().expect("what is not served has a reason")
    }
}

/// Serves an accepted socket, or if the shard is full refuses it.
pub(crate) fn admit<P: Engine, S: Session>(
    shard: &Rc<Shard<P>>,
    accepted: (Socket, SocketAddr),
    session: S,
    idle_timeout: Duration,
) {
    if shard.is_full() {
        return refuse(shard, &accepted.0, &session);
    }
    accepted.0.reset_when_vanished(shard.limits.write_timeout);
    let connection = shard.open::<S>(accepted, idle_timeout);
    glommio::spawn_local(serve(Rc::clone(shard), connection, session)).detach();
}

/// Says that there is no room, and closes the socket.
fn refuse<P: Engine, S: Session>(shard: &Shard<P>, socket: &Socket, session: &S) {
    let mut close_frame = Vec::new();
    session.refusal(&End::new(Code::Full, "the server has as many connections as it may"), &mut close_frame);
    // It has just been accepted: the few bytes fit, unless it has gone already.
    let _ = socket.send(&close_frame);
    socket.finish_sending();
    // What it said already, unread, would turn the close into a reset.
    let _ = socket.receive(&mut shard.scratch.borrow_mut());
    shard.count_closed(Code::Full);
}

async fn serve<P: Engine, S: Session>(shard: Rc<Shard<P>>, connection: Rc<ConnectionState>, mut session: S) {
    read(&shard, &connection, &mut session).await;
    if connection.lifecycle.state() == State::Ending && connection.reason().code != Code::Reset {
        send_close_frame(&shard, &connection, &session).await;
        linger(&shard, &connection).await;
    }
    connection.lifecycle.apply(Event::Finish);
    be_accounted_for(&shard, &connection).await;
    shard.reap(&connection);
}

/// Waits until the other shards have said what they had accepted for a connection that is reset, so that it is counted;
/// for the linger time at most.
async fn be_accounted_for<P: Engine>(shard: &Rc<Shard<P>>, connection: &ConnectionState) {
    shard.policy.borrow_mut().end(connection.id, &[]);
    if !shard.policy.borrow().awaits_others(connection.id) {
        return;
    }
    let deadline = shard.clock.read() + shard.limits.linger;
    shard.ending.borrow_mut().push((deadline, connection.id));
    shard.work.set();
    while shard.policy.borrow().awaits_others(connection.id) && shard.clock.read() < deadline {
        // The tick in which they have sets the signal.
        shard.paused.borrow_mut().push(connection.id);
        connection.signal.wait().await;
    }
}

/// What to do after a turn of reading.
enum Next {
    /// Wait until the socket is readable.
    Readable,
    /// There is more; let others have a turn.
    Again,
    /// Do not read until the shard says so.
    Paused,
    /// Do not read for this long: so long its next frame has to wait.
    TooFast(Duration),
    /// It has a reason to end.
    Over,
}

/// Serves the connection until it has a reason to end.
async fn read<P: Engine, S: Session>(shard: &Rc<Shard<P>>, connection: &ConnectionState, session: &mut S) {
    shard.with_context(connection.id, |context| session.opened(context));
    let mut incoming = Incoming {
        incomplete: Reassembly::new(),
        events: Events::default(),
        published: false,
        rate: Rate::new(&shard.limits.rate),
    };
    loop {
        match turn(shard, connection, session, &mut incoming) {
            Next::Readable => {
                let woken = async {
                    connection.signal.wait().await;
                    Events::default()
                };
                incoming.events = or(woken, connection.watch.readable()).await;
            }
            Next::Again => shard.let_io_in().await,
            Next::Paused => {
                connection.activity.pause(shard.clock.now());
                connection.signal.wait().await;
                connection.activity.resume(shard.clock.now());
            }
            Next::TooFast(wait) => {
                connection.activity.pause(shard.clock.now());
                or(connection.signal.wait(), shard.reactor.sleep_until(Instant::now() + wait)).await;
                connection.activity.resume(shard.clock.now());
            }
            Next::Over => return,
        }
    }
}

/// What is kept of a connection between two reads.
struct Incoming {
    incomplete: Reassembly,
    /// Events that the socket may still hold: none after a receive that did not fill its buffer.
    events: Events,
    /// The last read brought something to publish.
    published: bool,
    rate: Option<Rate>,
}

fn turn<P: Engine, S: Session>(
    shard: &Shard<P>,
    connection: &ConnectionState,
    session: &mut S,
    incoming: &mut Incoming,
) -> Next {
    if connection.lifecycle.is_serving() {
        take(shard, connection, session, incoming).unwrap_or_else(|end| {
            connection.end(end);
            Next::Over
        })
    } else {
        Next::Over
    }
}

/// Takes what the socket has received; why the connection ends, if it does.
fn take<P: Engine, S: Session>(
    shard: &Shard<P>,
    connection: &ConnectionState,
    session: &mut S,
    incoming: &mut Incoming,
) -> Result<Next, End> {
    let Incoming { incomplete, events, published, rate } = incoming;
    if shard.must_pause(connection, *published) {
        return Ok(Next::Paused);
    }
    if *events == Events::default() {
        return Ok(Next::Readable);
    }
    let mut scratch = shard.scratch.borrow_mut();
    // What a rate may keep back stays in the kernel.
    let received =
        if rate.is_some() { connection.socket.peek(&mut scratch) } else { connection.socket.receive(&mut scratch) };
    let received = match received {
        Received::Bytes(received) => received,
        Received::Nothing => {
            *events = Events::default();
            return Ok(Next::Readable);
        }
        Received::End => return Err(End::of_stream(incomplete)),
        Received::Broken => return Err(End::new(Code::Reset, "the connection is broken")),
    };
    let mut wait = Duration::ZERO;
    let admit = |bytes| {
        wait = rate.as_mut().map_or(Duration::ZERO, |rate| rate.admit(bytes));
        wait.is_zero()
    };
    let outcome = shard.with_context(connection.id, |context| {
        let outcome = corecast_session::receive_admitted(session, incomplete, &scratch[..received], context, admit);
        *published = context.published;
        outcome
    });
    let taken = outcome?;
    let Taken { frames, bytes } = taken;
    if rate.is_some() && bytes > 0 && connection.socket.receive(&mut scratch[..bytes]) != Received::Bytes(bytes) {
        return Err(End::new(Code::Reset, "the connection is broken"));
    }
    if frames > 0 {
        connection.lifecycle.apply(Event::Introduced);
    }
    if bytes > 0 {
        connection.activity.received(shard.clock.now(), S::is_sign_of_life(taken), frames, incomplete.is_mid_frame());
    }
    // The end of a stream is not reported again.
    if bytes < scratch.len() && wait.is_zero() && !events.intersects(Events::HANG_UP) {
        *events = Events::default();
    }
    if wait.is_zero() {
        Ok(if *events != Events::default() {
            Next::Again
        } else if shard.must_pause(connection, *published) {
            Next::Paused
        } else {
            Next::Readable
        })
    } else {
        match shard.limits.rate.over {
            OverRate::Pause => Ok(Next::TooFast(wait)),
            OverRate::Close => Err(End::new(Code::RateExceeded, "the client sent faster than it may")),
        }
    }
}

/// Tells the peer why, behind everything that was accepted for it before.
async fn send_close_frame<P: Engine, S: Session>(shard: &Rc<Shard<P>>, connection: &ConnectionState, session: &S) {
    connection.lifecycle.apply(Event::CloseFrame);
    connection.lagged.set(true);
    while connection.lifecycle.state() == State::Draining {
        if connection.lagged.take() {
            let mut close_frame = Vec::new();
            session.close_frame(&connection.reason(), &mut close_frame);
            shard.end(connection.id, &close_frame);
        }
        connection.signal.wait().await;
    }
}

/// Waits for the peer's end, so that the close frame arrives.
async fn linger<P: Engine>(shard: &Rc<Shard<P>>, connection: &ConnectionState) {
    connection.socket.finish_sending();
    while connection.lifecycle.state() == State::Lingering {
        let received = connection.socket.receive(&mut shard.scratch.borrow_mut());
        match received {
            Received::End | Received::Broken => return,
            Received::Nothing => {
                let expired = async {
                    connection.signal.wait().await;
                    Events::default()
                };
                or(expired, connection.watch.readable()).await;
            }
            Received::Bytes(_) => shard.let_io_in().await,
        }
    }
}
