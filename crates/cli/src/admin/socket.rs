//! The server's end of the administrator's socket: one thread accepts clients, each of which has one more.
//!
//! A client may take so long to ask and so long to take the answer; so many are there at a time, and the oldest that has
//! asked nothing makes room for the next. Whatever goes wrong, the client is told before the connection is closed.

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

/// The longest request, with its line feed. The longest reason that fits a CLOSE is shorter.
const LONGEST_REQUEST: usize = 4096;

/// How long a client may take to ask.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client may take to take the answer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a client that is told of a mistake may go on sending: closed with bytes that nobody read, its connection would
/// be reset, and what it was told lost.
const LINGER: Duration = Duration::from_secs(1);

/// Clients at a time.
const MOST_CLIENTS: usize = 16;

/// How long to wait for descriptors when there is none for a client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The socket, whose file goes with this value.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    _file: SocketFile,
    listener: Option<UnixListener>,
}

impl AdminSocket {
    /// Makes the file. Clients wait until [`serve`](Self::serve).
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let (file, listener) = SocketFile::bind(path)?;
        Ok(Self { _file: file, listener: Some(listener) })
    }

    /// Answers clients, in threads of their own, until the process ends.
    pub(crate) fn serve(&mut self, control: Control, log: Log) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let desk = Arc::new(Desk { control, log, clients: Mutex::default() });
        thread::Builder::new().name("admin".into()).spawn(move || desk.accept(&listener)).map(drop)
    }
}

/// Where clients are attended to.
struct Desk {
    control: Control,
    log: Log,
    /// From the oldest on.
    clients: Mutex<Vec<Arc<Client>>>,
}

struct Client {
    stream: UnixStream,
    /// Its request has come.
    asked: AtomicBool,
    /// It had to make room.
    displaced: AtomicBool,
}

impl Desk {
    fn accept(self: Arc<Self>, listener: &UnixListener) {
        let mut short = false;
        for client in listener.incoming() {
            match client {
                Ok(stream) => {
                    short = false;
                    if let Err(error) = self.admit(stream) {
                        tracing::warn!(%error, "cannot attend to an administrator");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut short, true) {
                        tracing::warn!(%error, "cannot accept an administrator: retrying every {ACCEPT_PAUSE:?}");
                    }
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Makes room for a client, and attends to it in a thread.
    fn admit(self: &Arc<Self>, stream: UnixStream) -> io::Result<()> {
        let client = Arc::new(Client { stream, asked: AtomicBool::new(false), displaced: AtomicBool::new(false) });
        {
            let mut clients = self.clients();
            if clients.len() >= MOST_CLIENTS {
                let Some(silent) = clients.iter().position(|client| !client.asked.load(Ordering::Acquire)) else {
                    let busy = format!("{MOST_CLIENTS} clients at a time are being answered: ask again later");
                    drop(clients);
                    client.say(&Reply::Error(busy))?;
                    client.linger();
                    return Ok(());
                };
                clients.remove(silent).displace();
            }
            clients.push(Arc::clone(&client));
        }
        let (desk, attended) = (Arc::clone(self), Arc::clone(&client));
        let body = move || {
            if let Err(error) = desk.attend(&attended) {
                tracing::warn!(%error, "cannot answer an administrator");
            }
            desk.leave(&attended);
        };
        let spawned = thread::Builder::new().name("admin-client".into()).spawn(body);
        spawned.map(drop).inspect_err(|_| self.leave(&client))
    }

    fn leave(&self, client: &Arc<Client>) {
        self.clients().retain(|other| !Arc::ptr_eq(other, client));
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attend(&self, client: &Client) -> io::Result<()> {
        let reply = match client.request() {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(request) => self.answer(request),
                Err(error) => Reply::Error(format!("this is no request: {error}")),
            },
            Err(Unasked::Gone) => return Ok(()),
            Err(Unasked::Mistaken(mistake)) => {
                client.say(&Reply::Error(mistake))?;
                client.linger();
                return Ok(());
            }
            Err(Unasked::Failed(error)) => return Err(error),
        };
        client.say(&reply)?;
        if reply == Reply::Stop {
            // Behind the answer: the process may end before this returns.
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
                    // It is also kept in the journal, where it is to take no more than where it is sent.
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

/// Why there is no request.
enum Unasked {
    /// The client has gone without one.
    Gone,
    /// What it is told.
    Mistaken(String),
    Failed(io::Error),
}

impl Client {
    /// Its line, or all that it sent if it then ended its side.
    fn request(&self) -> Result<Vec<u8>, Unasked> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut line = Vec::new();
        let mut part = [0; LONGEST_REQUEST];
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).map_err(Unasked::Failed)?;
            let ended = match (&self.stream).read(&mut part[line.len()..]) {
                Ok(count) => {
                    line.extend_from_slice(&part[line.len()..][..count]);
                    count == 0
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(Unasked::Mistaken(format!("no request came within {REQUEST_TIMEOUT:?}")));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Unasked::Failed(error)),
            };
            if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                if end + 1 < line.len() {
                    return Err(Unasked::Mistaken("a connection has one request, which ends with its line".to_owned()));
                }
                self.asked.store(true, Ordering::Release);
                return Ok(line);
            }
            if self.displaced.load(Ordering::Acquire) {
                let most = format!("{MOST_CLIENTS} clients at a time: the oldest that has asked nothing made room");
                return Err(Unasked::Mistaken(most));
            }
            if line.len() == LONGEST_REQUEST {
                return Err(Unasked::Mistaken(format!("a request has at most {LONGEST_REQUEST} bytes")));
            }
            if ended {
                self.asked.store(true, Ordering::Release);
                return if line.is_empty() { Err(Unasked::Gone) } else { Ok(line) };
            }
        }
    }

    /// Has it make room, which it is told by the thread that waits for its request.
    fn displace(&self) {
        self.displaced.store(true, Ordering::Release);
        // If it has ended by itself, its thread knows.
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

    /// Reads on until it ends or time is over.
    fn linger(&self) {
        let deadline = Instant::now() + LINGER;
        let mut dropped = [0; LONGEST_REQUEST];
        // If it has ended by itself, the rest finds that out.
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
