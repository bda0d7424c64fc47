//! The file of the admin socket. A stale file is replaced, a live one is not, and only the own file is removed.
//!
//! Invariant: a check and the removal that depends on it happen under a lock on the directory, so that no other server
//! can act between them. The inode number identifies the own file, because it cannot be reused while the socket is
//! open.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};

/// The time for which binding a socket in use is retried: the kernel may close the socket of a killed server late.
const RETRY_WINDOW: Duration = Duration::from_secs(1);

/// The delay between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// The backlog of clients that the server has not accepted yet.
const BACKLOG: i32 = 16;

/// The file of a socket, removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    created: Metadata,
}

impl SocketFile {
    /// Creates the file and listens.
    ///
    /// # Errors
    /// A server listens there, or the path is another kind of file.
    pub(super) fn bind(path: &Path) -> io::Result<(Self, UnixListener)> {
        let deadline = Instant::now() + RETRY_WINDOW;
        loop {
            let lock = lock_directory_of(path, deadline)?;
            let listening = match listen_at(path) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
                    fs::remove_file(path)?;
                    listen_at(path)
                }
                listening => listening,
            };
            match listening {
                Ok(listener) => {
                    let created = fs::symlink_metadata(path)?;
                    return Ok((Self { path: path.to_owned(), created }, listener));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_socket(path) && Instant::now() < deadline => {
                    drop(lock);
                    thread::sleep(RETRY_DELAY);
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && !is_socket(path) => {
                    return Err(io::Error::new(ErrorKind::AlreadyExists, "a file that is not a socket has this name"));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Ok(_lock) = lock_directory_of(&self.path, Instant::now() + RETRY_WINDOW) else { return };
        // The file may have been removed by hand and recreated by another server.
        if fs::symlink_metadata(&self.path).is_ok_and(|there| is_same_file(&self.created, &there)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds the socket and listens. Linux gives the file the mode of the socket, so other users never have access.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Locks the directory of a path for as long as the descriptor is open.
fn lock_directory_of(path: &Path, deadline: Instant) -> io::Result<OwnedFd> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let lock = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => thread::sleep(RETRY_DELAY),
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::other(format!("another process has locked {}", directory.display())));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Returns true if the path is a socket on which no process listens.
fn is_stale(path: &Path) -> bool {
    let refused = || {
        // A blocking `connect` would wait while the backlog is full.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok::<_, Errno>(connect(&client, &SocketAddrUnix::new(path)?) == Err(Errno::CONNREFUSED))
    };
    is_socket(path) && refused() == Ok(true)
}

/// Returns true if both belong to the same inode.
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_another_server_is_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("admin.sock");
        let (first, first_listener) = SocketFile::bind(&path).expect("it is free");
        fs::remove_file(&path).expect("it is there");
        let (second, _second_listener) = SocketFile::bind(&path).expect("it is free again");
        drop((first, first_listener));
        assert!(path.exists(), "it belongs to the second");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn exactly_one_server_replaces_a_stale_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("admin.sock");
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
