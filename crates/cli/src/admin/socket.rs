//! The server side of the admin socket: one thread accepts clients, and one thread serves each client.
//!
//! The number of clients and the time for each request and reply are limited. At the limit the oldest client without a
//! request is evicted. A client is told why its request is refused before the connection is closed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use corecast_engine::Control;
use corecast_wire::Code;
use corecast_wire::native::MAX_REASON;

use super::message::{Reply, Request};
use super::socket_file::SocketFile;
use crate::logging::Log;

/// The maximum length of a request in bytes, including its line feed.
const MAX_REQUEST: usize = 4096;

/// The time within which a client must send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The time within which a client must read the reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// The time for which input is read and discarded after an error reply. Closing a socket with unread input resets the
/// connection, and the reply could be lost.
const LINGER: Duration = Duration::from_secs(1);

/// The maximum number of clients.
const MAX_CLIENTS: usize = 16;

/// The delay before accepting again when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The admin socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    _file: SocketFile,
    listener: Option<UnixListener>,
}

impl AdminSocket {
    /// Creates the file and listens. Clients wait until [`serve`](Self::serve).
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let (file, listener) = SocketFile::bind(path)?;
        Ok(Self { _file: file, listener: Some(listener) })
    }

    /// Starts the threads that serve clients until the process ends.
    pub(crate) fn serve(&mut self, control: Control, log: Log) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let service = Arc::new(Service { control, log, clients: Mutex::default() });
        thread::Builder::new().name("admin".into()).spawn(move || service.accept(&listener)).map(drop)
    }
}

/// The state shared by the threads of the admin socket.
struct Service {
    control: Control,
    log: Log,
    /// The clients, in the order of their arrival.
    clients: Mutex<Vec<Arc<Client>>>,
}

struct Client {
    stream: UnixStream,
    /// Set once the request is complete.
    requested: AtomicBool,
    /// Set when the client is evicted.
    evicted: AtomicBool,
}

impl Service {
    fn accept(self: Arc<Self>, listener: &UnixListener) {
        let mut short = false;
        for client in listener.incoming() {
            match client {
                Ok(stream) => {
                    short = false;
                    if let Err(error) = self.admit(stream) {
                        tracing::warn!(%error, "cannot serve an admin client");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut short, true) {
                        tracing::warn!(%error, "cannot accept an admin client: retrying every {ACCEPT_PAUSE:?}");
                    }
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Evicts a silent client if necessary, and serves the new one in a thread.
    fn admit(self: &Arc<Self>, stream: UnixStream) -> io::Result<()> {
        let client = Arc::new(Client { stream, requested: AtomicBool::new(false), evicted: AtomicBool::new(false) });
        {
            let mut clients = self.clients();
            if clients.len() >= MAX_CLIENTS {
                let Some(silent) = clients.iter().position(|client| !client.requested.load(Ordering::Acquire)) else {
                    let busy = format!("busy with {MAX_CLIENTS} other clients; try again later");
                    drop(clients);
                    client.say(&Reply::Error(busy))?;
                    client.linger();
                    return Ok(());
                };
                clients.remove(silent).evict();
            }
            clients.push(Arc::clone(&client));
        }
        let (service, served) = (Arc::clone(self), Arc::clone(&client));
        let body = move || {
            if let Err(error) = service.serve(&served) {
                tracing::warn!(%error, "cannot answer an admin client");
            }
            service.remove(&served);
        };
        let spawned = thread::Builder::new().name("admin-client".into()).spawn(body);
        spawned.map(drop).inspect_err(|_| self.remove(&client))
    }

    fn remove(&self, client: &Arc<Client>) {
        self.clients().retain(|other| !Arc::ptr_eq(other, client));
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, client: &Client) -> io::Result<()> {
        let reply = match client.request() {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(request) => self.answer(request),
                Err(error) => Reply::Error(format!("invalid request: {error}")),
            },
            Err(NoRequest::Closed) => return Ok(()),
            Err(NoRequest::Refused(reason)) => {
                client.say(&Reply::Error(reason))?;
                client.linger();
                return Ok(());
            }
            Err(NoRequest::Failed(error)) => return Err(error),
        };
        client.say(&reply)?;
        if reply == Reply::Stop {
            // This follows the reply, because the process may end before the call returns.
            self.control.stop();
        }
        Ok(())
    }

    fn answer(&self, request: Request) -> Reply {
        let control = &self.control;
        let answered = match request {
            Request::Status => control.shards().map(|all| Reply::Status(all.iter().map(Into::into).collect())),
            Request::Connections => {
                control.connections().map(|all| Reply::Connections(all.iter().map(Into::into).collect()))
            }
            Request::Journal => control.journal().map(|all| Reply::Journal(all.iter().map(Into::into).collect())),
            Request::Log => Ok(Reply::Log { dropped: self.log.dropped() }),
            Request::Close { connection, mut reason, reset } => match connection.parse() {
                Ok(id) => {
                    let code = if reset { Code::Reset } else { Code::Administrator };
                    // The journal keeps the reason too, so it gets the same limit as in the CLOSE frame.
                    reason.truncate(reason.floor_char_boundary(MAX_REASON));
                    control.close(id, code, reason).map(Reply::Close)
                }
                Err(error) => return Reply::Error(format!("{connection}: {error}")),
            },
            Request::Stop => Ok(Reply::Stop),
        };
        answered.unwrap_or_else(|error| Reply::Error(error.to_string()))
    }
}

/// The outcomes without a request to answer.
enum NoRequest {
    /// The client closed the connection.
    Closed,
    /// The request is refused, for the reason that the client is told.
    Refused(String),
    /// The connection failed.
    Failed(io::Error),
}

impl Client {
    /// Reads the request: a line, or everything up to the end of the input.
    fn request(&self) -> Result<Vec<u8>, NoRequest> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut line = Vec::new();
        let mut part = [0; MAX_REQUEST];
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).map_err(NoRequest::Failed)?;
            let ended = match (&self.stream).read(&mut part[line.len()..]) {
                Ok(count) => {
                    line.extend_from_slice(&part[line.len()..][..count]);
                    count == 0
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(NoRequest::Refused(format!("no request within {REQUEST_TIMEOUT:?}")));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(NoRequest::Failed(error)),
            };
            if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                if end + 1 < line.len() {
                    return Err(NoRequest::Refused("only one request per connection is allowed".to_owned()));
                }
                self.requested.store(true, Ordering::Release);
                return Ok(line);
            }
            if self.evicted.load(Ordering::Acquire) {
                let reason = format!("evicted: this was the oldest of {MAX_CLIENTS} clients without a request");
                return Err(NoRequest::Refused(reason));
            }
            if line.len() == MAX_REQUEST {
                return Err(NoRequest::Refused(format!("the request exceeds {MAX_REQUEST} bytes")));
            }
            if ended {
                self.requested.store(true, Ordering::Release);
                return if line.is_empty() { Err(NoRequest::Closed) } else { Ok(line) };
            }
        }
    }

    /// Wakes the thread that waits for the request, which tells the client and closes the connection.
    fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        // An error means that the client has closed the connection already.
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    /// Writes a line of JSON.
    fn say(&self, reply: &Reply) -> io::Result<()> {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_write_timeout(Some(left))?;
            match (&self.stream).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Discards input until the client closes the connection, for at most [`LINGER`].
    fn linger(&self) {
        let deadline = Instant::now() + LINGER;
        let mut dropped = [0; MAX_REQUEST];
        // An error means that the client has closed the connection already.
        let _ = self.stream.shutdown(Shutdown::Write);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let more = !left.is_zero()
                && self.stream.set_read_timeout(Some(left)).is_ok()
                && (&self.stream).read(&mut dropped).is_ok_and(|count| count > 0);
            if !more {
                return;
            }
        }
    }
}
