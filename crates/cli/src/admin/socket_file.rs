//! The file of the administrator's socket: made where none is or a dead server left one, and removed if it is still ours.
//!
//! Invariant: who looks at the file to replace or remove it holds the lock of its folder, so that nobody comes between the
//! look and the deed. While our socket is open, its file's number is no other file's.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};

use crate::output::is_same;

/// How long a file may be in use before that is an error: a server that was killed may close its socket a little late.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Clients that may wait to be accepted, which takes the server no time.
const BACKLOG: i32 = 16;

/// A socket's file, which goes with this value.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    made: Metadata,
}

impl SocketFile {
    /// Makes it. Clients wait until they are accepted.
    ///
    /// # Errors
    /// A server listens there, or something else has the path.
    pub(super) fn bind(path: &Path) -> io::Result<(Self, UnixListener)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lock = lock_folder_of(path, deadline)?;
            let made = match make(path) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
                    fs::remove_file(path)?;
                    make(path)
                }
                made => made,
            };
            match made {
                Ok(listener) => {
                    let made = fs::symlink_metadata(path)?;
                    return Ok((Self { path: path.to_owned(), made }, listener));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_socket(path) && Instant::now() < deadline => {
                    drop(lock);
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Ok(_lock) = lock_folder_of(&self.path, Instant::now() + PATIENCE) else { return };
        // Somebody else may have removed it, and another server have made its own.
        if fs::symlink_metadata(&self.path).is_ok_and(|there| is_same(&self.made, &there)) {
            let _ = fs::remove_file(&self.path);
        }
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

/// The lock that lasts as long as the descriptor.
fn lock_folder_of(path: &Path, deadline: Instant) -> io::Result<OwnedFd> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let lock = open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::other(format!("another process has locked {}", folder.display())));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether it is a socket that nobody listens on.
fn is_abandoned(path: &Path) -> bool {
    let refused = || {
        // One that listens to as many as it may would have us wait.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok::<_, Errno>(connect(&client, &SocketAddrUnix::new(path)?) == Err(Errno::CONNREFUSED))
    };
    is_socket(path) && refused() == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_another_server_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("admin.sock");
        let (first, first_listener) = SocketFile::bind(&path).expect("it is free");
        fs::remove_file(&path).expect("it is there");
        let (second, _second_listener) = SocketFile::bind(&path).expect("it is free again");
        drop((first, first_listener));
        assert!(path.exists(), "it is the second's");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn of_many_that_find_an_abandoned_file_one_gets_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("admin.sock");
        for _ in 0..3 {
            drop(UnixListener::bind(&path).expect("it is free"));
            let made: Vec<_> = thread::scope(|scope| {
                let binding: Vec<_> = (0..8).map(|_| scope.spawn(|| SocketFile::bind(&path))).collect();
                binding.into_iter().filter_map(|one| one.join().expect("no panic").ok()).collect()
            });
            assert_eq!(made.len(), 1);
            drop(made);
            assert!(!path.exists());
        }
    }
}
