//! The task of one connection: it carries out the shard's steps on a socket.

use super::driver::{Driver, Engine};
use crate::net::{Received, Socket, unacknowledged};
use crate::runtime::{Events, Signal, Watch};
use corecast_fanout::Outlet as _;
use corecast_session::Session;
use corecast_shard::{Connection, Endpoint, HangUp, Step, Turn};
use futures_lite::future::or;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The engine's end of a connection.
pub(crate) struct ConnectionIo {
    pub(crate) watch: Watch,
    pub(crate) socket: Socket,
    /// Wakes the task, whatever it is waiting for.
    pub(crate) signal: Signal,
    pub(crate) peer: SocketAddr,
    accepted: Instant,
}

impl ConnectionIo {
    /// Returns the time since the connection was accepted.
    pub(crate) fn age(&self) -> Duration {
        self.accepted.elapsed()
    }

    /// Waits until the socket is readable or the task is woken.
    async fn readable_or_woken(&self) -> Events {
        let woken = async {
            self.signal.wait().await;
            Events::default()
        };
        or(woken, self.watch.readable()).await
    }
}

impl AsRef<Socket> for ConnectionIo {
    fn as_ref(&self) -> &Socket {
        &self.socket
    }
}

impl Endpoint for ConnectionIo {
    type Outlet = Socket;

    fn outlet(&self) -> Socket {
        self.socket.clone()
    }

    fn unacknowledged(&self) -> u32 {
        unacknowledged(&self.socket)
    }

    fn hang_up(&self) -> Option<HangUp> {
        let seen = self.watch.hang_up();
        if seen.intersects(Events::BROKEN) {
            Some(HangUp::Broken)
        } else {
            seen.intersects(Events::ENDED).then_some(HangUp::Ended)
        }
    }
}

/// Serves an accepted socket, or refuses it if the shard is full.
pub(crate) fn admit<P: Engine, S: Session>(
    driver: &Rc<Driver<P>>,
    (socket, peer): (Socket, SocketAddr),
    session: S,
    idle_timeout: Duration,
) {
    if driver.shard.borrow().is_full() {
        return refuse(driver, &socket, &session);
    }
    socket.reset_when_vanished(driver.write_timeout);
    let watch = driver.reactor.watch(&socket);
    let io = Rc::new(ConnectionIo { watch, socket, signal: Signal::default(), peer, accepted: Instant::now() });
    let connection = driver.with(|shard| shard.open(Rc::clone(&io), session, idle_timeout, driver.at()));
    glommio::spawn_local(serve(Rc::clone(driver), io, connection)).detach();
}

/// Tells the client that there is no room, and closes the socket.
fn refuse<P: Engine, S: Session>(driver: &Rc<Driver<P>>, socket: &Socket, session: &S) {
    let refusal = driver.with(|shard| shard.refuse(session));
    // The socket was just accepted: the few bytes fit, unless the client is gone already.
    let _ = socket.send(&refusal);
    socket.finish_sending();
    // Bytes that the client has already sent would, if unread, turn the close into a reset.
    let _ = socket.receive(&mut driver.scratch.borrow_mut());
}

async fn serve<P: Engine, S: Session>(driver: Rc<Driver<P>>, io: Rc<ConnectionIo>, mut connection: Connection<S>) {
    let next = |connection: &mut Connection<S>| driver.with(|shard| connection.next(shard, || driver.at()));
    // Events that may still be unhandled: none after a receive that did not fill its buffer.
    let mut events = Events::default();
    let mut step = next(&mut connection);
    loop {
        step = match step {
            Step::Read if events == Events::default() => {
                events = io.readable_or_woken().await;
                next(&mut connection)
            }
            Step::Read => match receive(&driver, &io, &mut connection, &mut events) {
                Step::Read if events != Events::default() => {
                    driver.let_io_in().await;
                    next(&mut connection)
                }
                step => step,
            },
            Step::Wait => {
                io.signal.wait().await;
                next(&mut connection)
            }
            Step::Sleep(wait) => {
                or(io.signal.wait(), driver.reactor.sleep_until(Instant::now() + wait)).await;
                next(&mut connection)
            }
            Step::FinishSending => {
                io.socket.finish_sending();
                next(&mut connection)
            }
            Step::Linger => {
                linger(&driver, &io, &mut connection).await;
                next(&mut connection)
            }
            Step::Done => return,
        };
    }
}

/// Hands received bytes to the shard.
fn receive<P: Engine, S: Session>(
    driver: &Rc<Driver<P>>,
    io: &ConnectionIo,
    connection: &mut Connection<S>,
    events: &mut Events,
) -> Step {
    let mut scratch = driver.scratch.borrow_mut();
    // Frames over the rate stay in the kernel.
    let has_rate = connection.has_rate();
    let received = if has_rate { io.socket.peek(&mut scratch) } else { io.socket.receive(&mut scratch) };
    let is_empty = received == Received::Nothing;
    let outcome = match received {
        Received::Bytes(count) => corecast_shard::Received::Bytes(&scratch[..count]),
        Received::Nothing => corecast_shard::Received::Nothing,
        Received::End => corecast_shard::Received::End,
        Received::Broken => corecast_shard::Received::Broken,
    };
    let Turn { taken, step } = driver.with(|shard| connection.received(shard, outcome, || driver.at()));
    if has_rate && taken > 0 && io.socket.receive(&mut scratch[..taken]) != Received::Bytes(taken) {
        return driver.with(|shard| connection.received(shard, corecast_shard::Received::Broken, || driver.at())).step;
    }
    // The kernel does not report the end of a stream again.
    let is_drained = taken < scratch.len() && !events.intersects(Events::HANG_UP) && !matches!(step, Step::Sleep(_));
    if is_empty || is_drained {
        *events = Events::default();
    }
    step
}

/// Drops received bytes, or waits for more, so that the close frame arrives.
async fn linger<P: Engine, S: Session>(driver: &Rc<Driver<P>>, io: &ConnectionIo, connection: &mut Connection<S>) {
    let received = io.socket.receive(&mut driver.scratch.borrow_mut());
    match received {
        Received::End | Received::Broken => driver.with(|shard| connection.peer_ended(shard)),
        Received::Nothing => drop(io.readable_or_woken().await),
        Received::Bytes(_) => driver.let_io_in().await,
    }
}
