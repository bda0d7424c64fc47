//! A Corecast server as a child process: started, located, and stopped, all within deadlines.

use crate::comparison::offspring::end_with_this_thread;
use crate::{Error, Protocol};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};
use tempfile::TempPath;

/// The command that starts a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// The program.
    pub binary: PathBuf,
    /// The protocols: one listener each, on a free port of the loopback address.
    pub protocols: Vec<Protocol>,
    /// The arguments after `serve --listen …`, such as `--policy mutex --cpus 0`.
    pub arguments: Vec<String>,
}

impl ServerOptions {
    /// The maximum time for the answer to `--version`.
    pub const VERSION_TIMEOUT: Duration = Duration::from_secs(2);

    /// Returns the version that the program reports: the first line of `BINARY --version`, such as `corecast 0.1.0
    /// (702745c)`. None if it prints nothing within [`ServerOptions::VERSION_TIMEOUT`].
    pub fn version(&self) -> Option<String> {
        let mut command = self.command();
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let line = child.stdout.take().and_then(|stdout| lines(stdout).recv_timeout(Self::VERSION_TIMEOUT).ok());
        // The program has ended, or its time is over.
        let _ = child.kill();
        let _ = child.wait();
        line.filter(|line| !line.is_empty())
    }

    /// Returns the command of the program, which sees no `CORECAST_` variable.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        end_with_this_thread(&mut command);
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
    /// The path of its admin socket, if it knows that setting. This is only a name: the server creates and removes the
    /// file.
    admin_socket: TempPath,
    listeners: Vec<(Protocol, SocketAddr)>,
    /// Its standard error: an unnamed file, so that writing neither blocks nor fails, whether anybody reads it or not.
    said: File,
}

impl ServerProcess {
    /// The maximum time until a server announces its addresses.
    pub const START_TIMEOUT: Duration = Duration::from_secs(10);
    /// The maximum time between SIGTERM and a server's end, before it is killed.
    pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

    /// Starts `BINARY serve --listen PROTOCOL://127.0.0.1:0 …` and waits for a line `listening PROTOCOL ADDRESS` of
    /// each listener. The child sees no `CORECAST_` variable of this process: only the options configure it, besides an
    /// admin socket in the directory for temporary files.
    ///
    /// It gets SIGTERM when the calling thread ends, and so also when this process is killed.
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
        let admin_socket = unused_name().map_err(Error::system("stat"))?;
        // This is set as a variable, because an older version that does not know the setting ignores it.
        command.env("CORECAST_ADMIN_SOCKET", &admin_socket);
        let said = tempfile::tempfile().map_err(Error::system("open"))?;
        let stderr = said.try_clone().map_err(Error::system("dup"))?;
        let spawned =
            command.args(&options.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = spawned.map_err(|error| Error::Server { binary: binary.clone(), reason: error.to_string() })?;
        let Some(stdout) = child.stdout.take() else { unreachable!("it is piped") };
        let lines = lines(stdout);
        let mut server = Self { binary, child, admin_socket, listeners: Vec::new(), said };
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

    /// Returns the address of its listener for a protocol.
    pub fn address(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.listeners.iter().find(|(spoken, _)| *spoken == protocol).map(|(_, address)| *address)
    }

    /// Returns the file of its admin socket, if it created one.
    pub fn admin_socket(&self) -> Option<PathBuf> {
        Some(self.admin_socket.to_path_buf()).filter(|socket| socket.exists())
    }

    /// Returns the process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to end and waits for that. Kills it after [`ServerProcess::STOP_TIMEOUT`].
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
        // The child is not reaped yet, so the number is still the child's.
        let exited = kill_process(pid, Signal::TERM).is_ok() && exits_within(pid, Self::STOP_TIMEOUT);
        if !exited {
            let _ = self.child.kill();
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if exited { Ok(status) } else { Err(format!("it ignored SIGTERM for {} s", Self::STOP_TIMEOUT.as_secs())) }
    }

    /// Ends the server, if necessary, to quote its last words.
    fn failed(&mut self, reason: &str) -> Error {
        let _ = self.end();
        let last_words = last_words(&self.said).unwrap_or_default();
        Error::Server { binary: self.binary.clone(), reason: format!("{reason}{last_words}") }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A caller that needs the outcome calls `stop`.
        let _ = self.end();
    }
}

/// Returns an unguessable path in the directory for temporary files at which no file exists.
fn unused_name() -> io::Result<TempPath> {
    let is_free = |path: &Path| if path.exists() { Err(io::ErrorKind::AlreadyExists.into()) } else { Ok(()) };
    let name = tempfile::Builder::new().prefix("corecast-").suffix(".sock").rand_bytes(12).make(is_free)?;
    Ok(name.into_temp_path())
}

/// The number of lines of standard error that are quoted, and the number of bytes in which they are searched.
const LAST_WORDS_LINES: usize = 5;
const LAST_WORDS_BYTES: u64 = 4096;

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

/// Parses `listening plain 127.0.0.1:41234`. Other lines are ignored.
fn listener(line: &str) -> Option<(Protocol, SocketAddr)> {
    let (protocol, address) = line.strip_prefix("listening ")?.split_once(' ')?;
    Some((protocol.parse().ok()?, address.parse().ok()?))
}

/// Returns the lines of a child's standard output. It is read to the end even if nobody wants them any more, so that
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

/// Returns the last lines that a child wrote to standard error.
fn last_words(said: &File) -> io::Result<String> {
    let length = said.metadata()?.len();
    let from = length.saturating_sub(LAST_WORDS_BYTES);
    let mut bytes = vec![0; usize::try_from(length - from).expect("a few")];
    said.read_exact_at(&mut bytes, from)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
    Ok(last.iter().flat_map(|line| ["\n    ", line]).collect())
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
