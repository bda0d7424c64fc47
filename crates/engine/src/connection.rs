//! One connection, from accept to reap.
//!
//! ```text
//! open ──(peer, violation, lag, stop)──▶ ending ──(farewell sent)──▶ lingering ──(peer's end)──▶ reaped
//!   └────────────────────────(broken)───────┴──(linger time over)───────┴──────────────────────────▲
//! ```
//! Lingering matters: closing a socket with unread bytes makes the kernel reset the connection, and a reset
//! may overtake the farewell.

use crate::config::{OverRate, Protocol};
use crate::deadline::Activity;
use crate::rate::Rate;
use crate::shard::{Engine, Shard};
use crate::signal::Signal;
use crate::socket::{Received, Socket};
use corecast_fanout::{ConnectionId, Outlet as _};
use corecast_session::{End, Native, Plain, Session};
use corecast_wire::{Code, Limits, Reassembly};
use futures_lite::future::or;
use glommio::io::PollableFd;
use glommio::timer::sleep;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// What the shard knows of a connection whose task runs.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    pub(crate) socket: Socket,
    /// Wakes the task, whatever it waits for.
    pub(crate) signal: Signal,
    /// Everything held back has left.
    pub(crate) drained: Cell<bool>,
    /// The socket took less than it was offered, and what was held back then has not left.
    pub(crate) full: Cell<bool>,
    /// The time for an orderly end is over.
    pub(crate) expired: Cell<bool>,
    pub(crate) activity: Activity,
    end: RefCell<Option<End>>,
}

impl Link {
    pub(crate) fn new(id: ConnectionId, socket: Socket, activity: Activity) -> Self {
        Self {
            id,
            socket,
            signal: Signal::default(),
            drained: Cell::new(false),
            full: Cell::new(false),
            expired: Cell::new(false),
            activity,
            end: RefCell::new(None),
        }
    }

    /// Has the connection end in an orderly way. The first reason counts.
    pub(crate) fn end(&self, end: End) {
        self.end.borrow_mut().get_or_insert(end);
        self.signal.set();
    }

    /// Ends the connection at once, with this reason unless it had one.
    pub(crate) fn give_up(&self, end: End) {
        self.end.borrow_mut().get_or_insert(end);
        self.socket.reset_on_close();
        self.expire();
    }

    /// Gives the connection up.
    pub(crate) fn expire(&self) {
        self.expired.set(true);
        self.socket.break_off();
        self.signal.set();
    }
}

/// Takes an accepted socket in, or if the shard is full tells it so.
pub(crate) fn start<P: Engine>(shard: &Rc<Shard<P>>, socket: Socket, protocol: Protocol, channel: &Rc<str>) {
    let limits = &shard.limits;
    match protocol {
        Protocol::Plain => {
            let limits = Limits { max_frame: limits.plain_max_frame };
            admit(shard, socket, protocol, Plain { channel: Rc::clone(channel), limits });
        }
        Protocol::Native => {
            let limits = Limits { max_frame: limits.native_max_frame };
            admit(shard, socket, protocol, Native::new(limits));
        }
    }
}

fn admit<P: Engine, S: Session>(shard: &Rc<Shard<P>>, socket: Socket, protocol: Protocol, session: S) {
    if shard.is_full() {
        return refuse(shard, &socket, &session);
    }
    let link = shard.open(socket, protocol);
    glommio::spawn_local(serve(Rc::clone(shard), link, session)).detach();
}

/// Says that there is no room, and closes the socket.
fn refuse<P: Engine, S: Session>(shard: &Shard<P>, socket: &Socket, session: &S) {
    let mut farewell = Vec::new();
    session.farewell(&End::new(Code::Full, "the server has as many connections as it may"), &mut farewell);
    // It has just been accepted: the few bytes fit, unless it has gone already.
    let _ = socket.send(&farewell);
    socket.finish_sending();
    // What it said already, unread, would turn the close into a reset.
    let _ = socket.receive(&mut shard.scratch.borrow_mut());
    shard.count_closed(Code::Full);
}

async fn serve<P: Engine, S: Session>(shard: Rc<Shard<P>>, link: Rc<Link>, mut session: S) {
    let end = match PollableFd::new(link.socket.clone()) {
        Ok(socket) => {
            let end = read(&shard, &link, &mut session, &socket).await;
            tracing::debug!(connection = %link.id, code = end.code.name(), reason = %end.text, "ends");
            if end.code != Code::Reset {
                say_farewell(&shard, &link, &session, &end).await;
                linger(&shard, &link, &socket).await;
            }
            end
        }
        Err(error) => End::new(Code::Reset, error.to_string()),
    };
    shard.reap(&link, end.code);
}

/// What to do after a turn of reading.
enum Next {
    /// Wait until the socket is readable.
    Readable,
    /// There is more; let others have a turn.
    Again,
    /// Do not read until the shard says so.
    Paused,
    /// Do not read for this long: it has sent too fast.
    TooFast(Duration),
    /// End the connection.
    End(End),
}

/// Serves the connection until it ends; why it does.
async fn read<P: Engine, S: Session>(
    shard: &Rc<Shard<P>>,
    link: &Link,
    session: &mut S,
    socket: &PollableFd<Socket>,
) -> End {
    shard.with_context(link.id, |context| session.opened(context));
    let mut incoming =
        Incoming { incomplete: Reassembly::new(), published: false, rate: Rate::new(&shard.limits.rate) };
    loop {
        match turn(shard, link, session, &mut incoming) {
            Next::Readable => {
                let woken = async {
                    link.signal.wait().await;
                    Ok(())
                };
                if let Err(error) = or(woken, socket.readable()).await {
                    return End::new(Code::Reset, error.to_string());
                }
            }
            Next::Again => shard.let_io_in().await,
            Next::Paused => {
                link.activity.pause();
                link.signal.wait().await;
                link.activity.resume(shard.clock.now());
            }
            Next::TooFast(wait) => {
                link.activity.pause();
                or(link.signal.wait(), sleep(wait)).await;
                link.activity.resume(shard.clock.now());
            }
            Next::End(end) => {
                // What this connection published leaves before its own subscriptions end.
                shard.let_io_in().await;
                return end;
            }
        }
    }
}

/// What is kept of a connection between two reads.
struct Incoming {
    incomplete: Reassembly,
    /// The last read brought something to publish.
    published: bool,
    rate: Option<Rate>,
}

fn turn<P: Engine, S: Session>(shard: &Shard<P>, link: &Link, session: &mut S, incoming: &mut Incoming) -> Next {
    let Incoming { incomplete, published, rate } = incoming;
    if let Some(end) = link.end.take() {
        return Next::End(end);
    }
    if shard.must_pause(link, *published) {
        return Next::Paused;
    }
    let mut scratch = shard.scratch.borrow_mut();
    let received = match link.socket.receive(&mut scratch) {
        Received::Bytes(received) => received,
        Received::Nothing => return Next::Readable,
        Received::End => return Next::End(End::of_stream(incomplete)),
        Received::Broken => return Next::End(End::new(Code::Reset, "the connection is broken")),
    };
    let outcome = shard.with_context(link.id, |context| {
        let outcome = corecast_session::receive(session, incomplete, &scratch[..received], context);
        *published = context.published;
        outcome
    });
    let frames = match outcome {
        Ok(frames) => frames,
        Err(end) => return Next::End(end),
    };
    link.activity.received(shard.clock.now(), frames, incomplete.is_mid_frame());
    let debt = rate.as_mut().map_or(Duration::ZERO, |rate| rate.charge(frames, received));
    if debt.is_zero() {
        if received == scratch.len() {
            Next::Again
        } else if shard.must_pause(link, *published) {
            Next::Paused
        } else {
            Next::Readable
        }
    } else {
        match shard.limits.rate.over {
            OverRate::Pause => Next::TooFast(debt),
            OverRate::Close => Next::End(End::new(Code::RateExceeded, "the client sent faster than it may")),
        }
    }
}

/// Tells the peer why, behind everything that it was already sent a part of.
async fn say_farewell<P: Engine, S: Session>(shard: &Rc<Shard<P>>, link: &Link, session: &S, end: &End) {
    let mut farewell = Vec::new();
    session.farewell(end, &mut farewell);
    link.drained.set(false);
    shard.end(link.id, &farewell);
    while !link.drained.get() && !link.expired.get() {
        link.signal.wait().await;
    }
}

/// Waits for the peer's end, so that the farewell arrives.
async fn linger<P: Engine>(shard: &Rc<Shard<P>>, link: &Link, socket: &PollableFd<Socket>) {
    link.socket.finish_sending();
    while !link.expired.get() {
        let received = link.socket.receive(&mut shard.scratch.borrow_mut());
        let waited = match received {
            Received::End | Received::Broken => return,
            Received::Nothing => socket.readable().await,
            Received::Bytes(_) => {
                shard.let_io_in().await;
                Ok(())
            }
        };
        if waited.is_err() {
            return;
        }
    }
}
