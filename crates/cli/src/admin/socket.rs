//! The server's end of the administrator's socket: a thread that answers one client after the other.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use corecast_engine::Control;
use corecast_wire::Code;
use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

use super::message::{Reply, Request};

/// The longest request. The longest reason that fits a CLOSE is shorter.
const LONGEST_REQUEST: usize = 4096;

/// How long a client may take to ask, and as long again to take each part of the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for descriptors when there is none for a client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Clients that may wait for their turn.
const BACKLOG: i32 = 16;

/// The socket's file, which goes with this value.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl AdminSocket {
    /// Makes the file. Clients wait until [`serve`](Self::serve).
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let listener = match make(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                make(path)
            }
            made => made,
        }?;
        Ok(Self { path: path.to_owned(), listener: Some(listener) })
    }

    /// Answers clients, in a thread of its own, until the process ends.
    pub(crate) fn serve(&mut self, control: Control) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let body = move || {
            for client in listener.incoming() {
                let accepted = client.is_ok();
                if let Err(error) = client.and_then(|client| attend(client, &control)) {
                    tracing::warn!(%error, "cannot answer an administrator");
                }
                if !accepted {
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        };
        thread::Builder::new().name("admin".into()).spawn(body).map(drop)
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = fs::remove_file(&self.path);
    }
}

/// For this user alone from the first moment on: Linux gives the file the mode that the socket had.
fn make(path: &Path) -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Whether it is a socket that nobody listens on.
fn is_abandoned(path: &Path) -> bool {
    let socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn attend(mut client: UnixStream, control: &Control) -> io::Result<()> {
    client.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let reply = match serde_json::from_slice(&request(&mut client)?) {
        Ok(request) => answer(request, control),
        Err(error) => Reply::Error(format!("this is no request: {error}")),
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    client.write_all(&line)?;
    if reply == Reply::Stop {
        // Behind the answer: the process may end before this returns.
        control.stop();
    }
    Ok(())
}

/// The client's line; what has come of it, if that is over the limit.
fn request(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + CLIENT_TIMEOUT;
    let mut line = Vec::new();
    let mut part = [0; LONGEST_REQUEST];
    while line.len() < LONGEST_REQUEST && !line.contains(&b'\n') {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        client.set_read_timeout(Some(left))?;
        match client.read(&mut part[line.len()..])? {
            0 => break,
            count => line.extend_from_slice(&part[line.len()..][..count]),
        }
    }
    Ok(line)
}

fn answer(request: Request, control: &Control) -> Reply {
    let answered = match request {
        Request::Status => control.shards().map(|all| Reply::Status(all.iter().map(Into::into).collect())),
        Request::Connections => {
            control.connections().map(|all| Reply::Connections(all.iter().map(Into::into).collect()))
        }
        Request::Journal => control.journal().map(|all| Reply::Journal(all.iter().map(Into::into).collect())),
        Request::Close { connection, reason, reset } => match connection.parse() {
            Ok(id) => {
                let code = if reset { Code::Reset } else { Code::Administrator };
                control.close(id, code, reason).map(Reply::Close)
            }
            Err(error) => return Reply::Error(format!("{connection}: {error}")),
        },
        Request::Stop => Ok(Reply::Stop),
    };
    answered.unwrap_or_else(|error| Reply::Error(error.to_string()))
}
