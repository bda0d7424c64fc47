//! A child process with deadlines on everything that it does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, LazyLock};

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};

use crate::{Deadline, wait_until};

/// Gives children the default action of signals that a test runner in the background, or under `nohup`, was started to
/// ignore: a program inherits an ignored signal, but not a handled one.
static DEFAULT_SIGNALS: LazyLock<()> = LazyLock::new(|| {
    for signal in [SIGHUP, SIGINT, SIGQUIT] {
        let armed = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, armed).expect("a signal can be handled");
    }
});

/// A child whose output is read as it comes; killed and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

impl Process {
    /// Starts a program with these arguments, and without any `CORECAST_` variable of the test's own
    /// environment.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn start<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Self::command(program);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Returns a command without any `CORECAST_` variable of the test's own environment, to be completed and then
    /// [`spawn`](Self::spawn)ed.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CORECAST_")) {
            command.env_remove(name);
        }
        command
    }

    /// Starts a prepared command; its three streams become pipes.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_onto(command, Stdio::piped(), Stdio::piped())
    }

    /// Starts a prepared command with these outputs. Only those that are [`Stdio::piped`] can be read here.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn spawn_onto(mut command: Command, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Self {
        LazyLock::force(&DEFAULT_SIGNALS);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map_or_else(Lines::closed, Lines::of);
        let stderr = child.stderr.take().map_or_else(Lines::closed, Lines::of);
        Self { child, stdin, stdout, stderr }
    }

    /// Returns the process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to the child's standard input.
    ///
    /// # Panics
    /// If the child does not take the bytes, or its input was closed.
    pub fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input was closed");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the child takes its input");
    }

    /// Ends the child's standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Stops reading the child's standard output, as a reader that goes away does.
    pub fn close_stdout(&mut self) {
        self.stdout = Lines::closed();
    }

    /// Returns the next line of the child's standard output without the line feed, or `None` at its end.
    ///
    /// # Panics
    /// If none comes by the deadline.
    pub fn line(&mut self, deadline: Deadline) -> Option<Vec<u8>> {
        self.stdout.next(deadline, "a line of standard output")
    }

    /// Returns the next line as [`line`](Self::line) does, as UTF-8.
    ///
    /// # Panics
    /// If no line comes by the deadline, or it is not UTF-8.
    pub fn text_line(&mut self, deadline: Deadline) -> Option<String> {
        Some(String::from_utf8(self.line(deadline)?).expect("UTF-8 on standard output"))
    }

    /// Reads standard error up to the first line that contains `text`, and returns that line.
    ///
    /// # Panics
    /// If no such line comes by the deadline, or before standard error ends.
    pub fn error_line_with(&mut self, text: &str, deadline: Deadline) -> String {
        let what = format!("'{text}' on standard error");
        while let Some(line) = self.stderr.next(deadline, &what) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(text) {
                return line;
            }
        }
        panic!("standard error ended without '{text}'");
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has been reaped.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process number");
        rustix::process::kill_process(pid, signal).expect("the child is there");
    }

    /// Sends SIGSTOP, and waits until none of the child's threads runs. SIGCONT lets it go on.
    ///
    /// # Panics
    /// If it has been reaped, or a thread still runs at the deadline.
    pub fn suspend(&self, deadline: Deadline) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.id());
        let is_stopped = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).expect("a thread");
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        };
        wait_until(deadline, "all threads to stop", || {
            std::fs::read_dir(&tasks).expect("a process").all(|task| is_stopped(task.expect("a thread")))
        });
    }

    /// Waits for the child's end.
    ///
    /// # Panics
    /// If the child does not end by the deadline.
    pub fn wait(&mut self, deadline: Deadline) -> ExitStatus {
        let mut status = None;
        wait_until(deadline, "the child to end", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.expect("waited until there is one")
    }

    /// Ends the child's input, waits for its end, and returns its exit code with the rest of its two outputs.
    ///
    /// # Panics
    /// If the child does not end by the deadline, or is ended by a signal.
    pub fn finish(mut self, deadline: Deadline) -> Finished {
        self.close_stdin();
        let stdout = self.stdout.rest(deadline, "the end of standard output");
        let stderr = self.stderr.rest(deadline, "the end of standard error");
        let status = self.wait(deadline);
        let code = status.code().unwrap_or_else(|| panic!("it did not end by itself: {status}"));
        Finished { code, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }
}

/// The exit code and the unread output of a [`Process`].
#[derive(Debug)]
pub struct Finished {
    /// The exit code.
    pub code: i32,
    /// The output on standard output that was not read before.
    pub stdout: Vec<u8>,
    /// The output on standard error that was not read before.
    pub stderr: String,
}

impl Finished {
    /// Returns the only line on standard error of a program that ended with this exit code and printed nothing else.
    ///
    /// # Panics
    /// If it ended differently or printed something else.
    #[track_caller]
    pub fn complaint(&self, code: i32) -> &str {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!((self.code, lines.len(), self.stdout.len()), (code, 1, 0), "{self:?}");
        let programs = ["corecast: ", "corecast-bench: "];
        let complaint = programs.iter().find_map(|program| lines[0].strip_prefix(program));
        complaint.unwrap_or_else(|| panic!("{self:?} does not say who complains"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The child may have ended, and `wait` may have reaped it. Either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines from a thread that reads a pipe, so that waiting for one can have a deadline.
#[derive(Debug)]
struct Lines(Receiver<Vec<u8>>);

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        // The channel is unbounded, because a bound would block the child at its output, which is not what a test is
        // about. The thread ends with the pipe, or with the first line that nobody receives.
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    fn closed() -> Self {
        Self(mpsc::channel().1)
    }

    fn raw(&self, deadline: Deadline, what: &str) -> Option<Vec<u8>> {
        match self.0.recv_timeout(deadline.remaining()) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the deadline passed waiting for {what}"),
        }
    }

    fn next(&self, deadline: Deadline, what: &str) -> Option<Vec<u8>> {
        let mut line = self.raw(deadline, what)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Some(line)
    }

    fn rest(&self, deadline: Deadline, what: &str) -> Vec<u8> {
        std::iter::from_fn(|| self.raw(deadline, what)).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start("sh", ["-c", script])
    }

    #[test]
    fn output_and_exit_code_come_back() {
        let finished = shell("cat; echo trouble >&2; exit 3").finish(Deadline::start());
        assert_eq!((finished.code, finished.stdout.as_slice(), finished.stderr.as_str()), (3, &b""[..], "trouble\n"));
    }

    #[test]
    fn lines_come_while_it_runs() {
        let mut cat = Process::start("cat", [""; 0]);
        cat.write(b"one\n\ntwo");
        assert_eq!(cat.text_line(Deadline::start()).as_deref(), Some("one"));
        assert_eq!(cat.text_line(Deadline::start()).as_deref(), Some(""));
        cat.close_stdin();
        assert_eq!(cat.line(Deadline::start()).as_deref(), Some(&b"two"[..]));
        assert_eq!(cat.line(Deadline::start()), None);
        assert!(cat.wait(Deadline::start()).success());
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let sleeper = shell("sleep 100");
        let pid = i32::try_from(sleeper.id()).ok().and_then(Pid::from_raw).unwrap();
        drop(sleeper);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
