//! A Corecast server as a child process: started, found, stopped, all within deadlines.

use crate::{Error, Protocol};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The name of the administrator's socket in a server's own directory.
const ADMIN_SOCKET: &str = "admin.sock";

/// How to start a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// The program.
    pub binary: PathBuf,
    /// One listener each, on a free port of the loopback address.
    pub protocols: Vec<Protocol>,
    /// What follows `serve --listen …`, such as `--policy mutex --cpus 0`.
    pub arguments: Vec<String>,
}

impl ServerOptions {
    /// How long a program may take to say what it calls itself.
    pub const VERSION_TIMEOUT: Duration = Duration::from_secs(2);

    /// What the program calls itself: the first line of `BINARY --version`, such as `corecast 0.1.0 (702745c)`. None if it
    /// says nothing within [`ServerOptions::VERSION_TIMEOUT`].
    pub fn version(&self) -> Option<String> {
        let mut command = self.command();
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let line = child.stdout.take().and_then(|stdout| lines(stdout).recv_timeout(Self::VERSION_TIMEOUT).ok());
        // It has ended, or has had its time.
        let _ = child.kill();
        let _ = child.wait();
        line.filter(|line| !line.is_empty())
    }

    /// The program, which sees no `CORECAST_` variable.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"CORECAST_") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// A running server, which does not outlive this value.
#[derive(Debug)]
pub struct ServerProcess {
    binary: String,
    child: Child,
    /// Where its administrator's socket is, if it knows that setting.
    directory: TempDir,
    listeners: Vec<(Protocol, SocketAddr)>,
    /// The end of its standard error, once that ends.
    last_words: Receiver<String>,
}

impl ServerProcess {
    /// How long a server may take to say where it listens.
    pub const START_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a server may take to end after SIGTERM before it is killed.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

    /// Starts `BINARY serve --listen PROTOCOL://127.0.0.1:0 …` and waits for a line
    /// `listening PROTOCOL ADDRESS` of each listener. The child sees no `CORECAST_` variable of
    /// ours: the options are all that it is set by, beside an administrator's socket in a directory of its own.
    ///
    /// # Errors
    /// [`Error::Server`] if it cannot be started or does not listen within [`ServerProcess::START_TIMEOUT`].
    pub fn start(options: &ServerOptions) -> Result<Self, Error> {
        let binary = options.binary.display().to_string();
        let mut command = options.command();
        command.arg("serve");
        for protocol in &options.protocols {
            command.args(["--listen".to_owned(), format!("{protocol}://127.0.0.1:0")]);
        }
        let directory = tempfile::tempdir().map_err(Error::system("mkdir"))?;
        // As a variable: a version that does not know the setting yet passes over it.
        command.env("CORECAST_ADMIN_SOCKET", directory.path().join(ADMIN_SOCKET));
        let spawned =
            command.args(&options.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| Error::Server { binary: binary.clone(), reason: error.to_string() })?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both are piped")
        };
        let lines = lines(stdout);
        let last_words = last_words(stderr);
        let mut server = Self { binary, child, directory, listeners: Vec::new(), last_words };
        server.await_listeners(options.protocols.len(), &lines)?;
        Ok(server)
    }

    fn await_listeners(&mut self, wanted: usize, lines: &Receiver<String>) -> Result<(), Error> {
        let deadline = Instant::now() + Self::START_TIMEOUT;
        while self.listeners.len() < wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                return Err(self.failed("it did not say where it listens"));
            };
            self.listeners.extend(listener(&line));
        }
        Ok(())
    }

    /// Where it listens for a protocol.
    pub fn address(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.listeners.iter().find(|(spoken, _)| *spoken == protocol).map(|(_, address)| *address)
    }

    /// The file of its administrator's socket, if it made one.
    pub fn admin_socket(&self) -> Option<PathBuf> {
        Some(self.directory.path().join(ADMIN_SOCKET)).filter(|socket| socket.exists())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits for that; kills it after [`ServerProcess::STOP_TIMEOUT`].
    ///
    /// # Errors
    /// [`Error::Server`] if it had to be killed.
    pub fn stop(mut self) -> Result<ExitStatus, Error> {
        self.end().map_err(|reason| self.failed(&reason))
    }

    fn end(&mut self) -> Result<ExitStatus, String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Ok(status);
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("the number of a child");
        // Not reaped yet, so the number is still the child's.
        let exited = kill_process(pid, Signal::TERM).is_ok() && exits_within(pid, Self::STOP_TIMEOUT);
        if !exited {
            let _ = self.child.kill();
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if exited { Ok(status) } else { Err(format!("it ignored SIGTERM for {} s", Self::STOP_TIMEOUT.as_secs())) }
    }

    /// Ends it, if need be, to quote what it said last.
    fn failed(&mut self, reason: &str) -> Error {
        let _ = self.end();
        let last_words = self.last_words.recv_timeout(LAST_WORDS_TIMEOUT).unwrap_or_default();
        Error::Server { binary: self.binary.clone(), reason: format!("{reason}{last_words}") }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Whoever cares how it ended calls `stop`.
        let _ = self.end();
    }
}

/// How long to wait for the end of a dead server's standard error, which a child of its may hold open.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);
/// Lines of standard error that are quoted.
const LAST_WORDS_LINES: usize = 5;

/// Waits for a child's end without reaping it.
fn exits_within(pid: Pid, timeout: Duration) -> bool {
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&left)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// `listening plain 127.0.0.1:41234`; other lines are not ours to judge.
fn listener(line: &str) -> Option<(Protocol, SocketAddr)> {
    let (protocol, address) = line.strip_prefix("listening ")?.split_once(' ')?;
    Some((protocol.parse().ok()?, address.parse().ok()?))
}

/// The lines of a child's standard output; read to the end even if nobody wants them any more, so that
/// the child never blocks on it.
fn lines(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Reads a child's standard error to its end, so that the child never blocks on it, and gives the last lines.
fn last_words(stderr: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    spawn(move || {
        let mut kept = VecDeque::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if kept.len() == LAST_WORDS_LINES {
                kept.pop_front();
            }
            kept.push_back(format!("\n    {line}"));
        }
        let _ = sender.send(kept.into_iter().collect());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_read_from_its_line() {
        let expected = (Protocol::Plain, SocketAddr::from(([127, 0, 0, 1], 41234)));
        assert_eq!(listener("listening plain 127.0.0.1:41234"), Some(expected));
        assert_eq!(listener("listening"), None);
        assert_eq!(listener("listening gopher 127.0.0.1:70"), None);
    }
}
