//! Lines on their way to standard error.
//!
//! Whoever logs puts its line into a bounded queue and goes on. A thread writes them: it may be held up by a pipe that
//! nobody reads for as long as the process lives. What finds no room, or is not taken, is counted; the log says so
//! as soon as a line can be written again.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flume::{Receiver, Sender};
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Lines that may wait: some 40 s of departures at the default rate of one shard.
const CAPACITY: usize = 4096;

/// The longest line, in bytes. Longer ones are dropped.
const LONGEST_LINE: usize = 16 * 1024;

/// How long the end of the process waits for the lines that wait.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// The way to the log, for any thread.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: Sender<Entry>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    /// A line, with its line feed.
    Line(Box<[u8]>),
    /// Everything before this has been dealt with.
    Flush(Sender<()>),
}

impl Log {
    /// Starts the thread that writes, to which no signal is delivered.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn start(out: impl AsFd + Send + 'static) -> io::Result<Self> {
        let (entries, queue) = flume::bounded(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = LogWriter { dropped: Arc::clone(&dropped), told: 0, torn: false };
        let before = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let spawned = thread::Builder::new().name("log".into()).spawn(move || writer.run(&queue, out.as_fd()));
        before.thread_set_mask()?;
        spawned.map(|_| Self { entries, dropped })
    }

    /// Takes a line; drops it if there is no room.
    pub(crate) fn push(&self, line: &[u8]) {
        if line.len() > LONGEST_LINE || self.entries.try_send(Entry::Line(line.into())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a line once there is room: not on a shard's thread.
    ///
    /// # Errors
    /// There was none by the deadline.
    pub(crate) fn push_by(&self, deadline: Instant, line: &[u8]) -> io::Result<()> {
        self.entries.send_deadline(Entry::Line(line.into()), deadline).map_err(|_| ErrorKind::TimedOut.into())
    }

    /// Waits until what was logged before is written, a second at most.
    pub(crate) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_PATIENCE;
        let (done, waiting) = flume::bounded(1);
        if self.entries.send_deadline(Entry::Flush(done), deadline).is_ok() {
            // Late or not: the process ends.
            let _ = waiting.recv_deadline(deadline);
        }
    }

    /// Lines that were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The end of the queue at which lines are written.
struct LogWriter {
    dropped: Arc<AtomicU64>,
    /// How many were dropped when the log last said so.
    told: u64,
    /// The last line was written in part.
    torn: bool,
}

impl LogWriter {
    fn run(&mut self, queue: &Receiver<Entry>, out: BorrowedFd<'_>) {
        for entry in queue {
            match entry {
                Entry::Line(line) if self.write(out, &line).is_ok() => self.tell_dropped(queue),
                Entry::Line(_) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                // Whoever waited may have given up.
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    }

    /// Writes a line, however long that takes; what is behind a torn one begins a line of its own.
    fn write(&mut self, out: BorrowedFd<'_>, line: &[u8]) -> io::Result<()> {
        if self.torn {
            write_all(out, b"\n").map_err(|(_, error)| error)?;
            self.torn = false;
        }
        write_all(out, line).map_err(|(written, error)| {
            self.torn = written > 0;
            error
        })
    }

    /// Says how many lines have been dropped, if more have than it said and there is room to say so.
    fn tell_dropped(&mut self, queue: &Receiver<Entry>) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > self.told && queue.len() < CAPACITY / 2 {
            self.told = dropped;
            tracing::warn!(dropped, "lines of this log were lost so far: standard error did not take them in time");
        }
    }
}

/// Writes everything, whether the descriptor blocks or not. An error comes with what was written before it.
fn write_all(out: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::write(out, &bytes[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // If this fails, so does the next write.
                let _ = poll(&mut [PollFd::from_borrowed_fd(out, PollFlags::OUT)], None);
            }
            Err(error) => return Err((written, error.into())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_setfl};
    use rustix::pipe::{fcntl_setpipe_size, pipe};
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    /// The smallest pipe there is, to a log.
    fn log_to_a_small_pipe(non_blocking: bool) -> (Log, File) {
        let (reader, writer): (OwnedFd, OwnedFd) = pipe().expect("a pipe");
        fcntl_setpipe_size(&writer, 4096).expect("a page");
        if non_blocking {
            fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a flag");
        }
        (Log::start(writer).expect("a thread"), reader.into())
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_waits_comes_whole_and_in_order() {
        for non_blocking in [false, true] {
            let (log, mut reader) = log_to_a_small_pipe(non_blocking);
            let lines = 2 * CAPACITY as u64;
            for number in 0..lines {
                log.push(format!("line {number:>95}\n").as_bytes());
            }
            let dropped = log.dropped();
            assert!(dropped > 0 && dropped < lines, "{dropped}");
            drop(log);
            let mut text = String::new();
            reader.read_to_string(&mut text).expect("UTF-8");
            let numbers: Vec<u64> = text.lines().map(|line| line[5..].trim().parse().expect("a number")).collect();
            assert_eq!(numbers.len() as u64, lines - dropped);
            assert!(numbers.is_sorted());
        }
    }

    #[test]
    fn what_is_not_taken_is_counted_and_the_end_does_not_wait_for_it() {
        let (log, reader) = log_to_a_small_pipe(false);
        drop(reader);
        log.push(b"for nobody\n");
        log.flush();
        assert_eq!(log.dropped(), 1);
        log.push(&vec![b'x'; LONGEST_LINE + 1]);
        assert_eq!(log.dropped(), 2);

        let (log, _reader) = log_to_a_small_pipe(false);
        for _ in 0..100 {
            log.push(&[b'x'; 1000]);
        }
        log.flush();
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_line_behind_a_torn_one_begins_on_its_own() {
        let (reader, writer) = pipe().expect("a pipe");
        let mut torn = LogWriter { dropped: Arc::default(), told: 0, torn: true };
        torn.write(writer.as_fd(), b"whole\n").expect("there is room");
        drop(writer);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).expect("UTF-8");
        assert_eq!(text, "\nwhole\n");
    }
}
