//! A bounded queue of log lines and the thread that writes them.
//!
//! Logging puts a line into the queue and returns. The thread may block for as long as the process lives, for example on
//! a pipe that nobody reads. Lines are dropped and counted when the queue is full or standard error returns an error;
//! the log reports the count as soon as it can write again.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flume::{Receiver, Sender};
use nix::sys::signal::SigSet;

use corecast_command::write_fully;

/// The capacity of the queue in lines: about 40 s of disconnects of one shard at the default `--disconnect-lines`.
const CAPACITY: usize = 4096;

/// The maximum length of a line in bytes. Longer lines are dropped.
const MAX_LINE: usize = 16 * 1024;

/// The maximum time that [`Log::flush`] waits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle to the log, for any thread.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: Sender<Entry>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    /// A line including its line feed.
    Line(Box<[u8]>),
    /// A request to report when everything queued before it has been handled.
    Flush(Sender<()>),
}

impl Log {
    /// Starts the writing thread, with all signals blocked.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(out: impl AsFd + Send + 'static) -> io::Result<Self> {
        let (entries, queue) = flume::bounded(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = LogWriter { dropped: Arc::clone(&dropped), reported: 0, torn: false };
        let before = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let spawned = thread::Builder::new().name("log".into()).spawn(move || writer.run(&queue, out.as_fd()));
        before.thread_set_mask()?;
        spawned.map(|_| Self { entries, dropped })
    }

    /// Queues a line, or drops it if the queue is full. Never blocks.
    pub(crate) fn push(&self, line: &[u8]) {
        if line.len() > MAX_LINE || self.entries.try_send(Entry::Line(line.into())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a line, waiting for space until the deadline. Must not be called by a shard.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]: the queue stayed full.
    pub(crate) fn push_by(&self, deadline: Instant, line: &[u8]) -> io::Result<()> {
        self.entries.send_deadline(Entry::Line(line.into()), deadline).map_err(|_| ErrorKind::TimedOut.into())
    }

    /// Waits until all queued lines are written, for at most a second.
    pub(crate) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let (done, waiting) = flume::bounded(1);
        if self.entries.send_deadline(Entry::Flush(done), deadline).is_ok() {
            // The process is about to exit; nothing can be done about a timeout.
            let _ = waiting.recv_deadline(deadline);
        }
    }

    /// Returns the number of lines dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The state of the writing thread.
struct LogWriter {
    dropped: Arc<AtomicU64>,
    /// The number of dropped lines that the log reported last.
    reported: u64,
    /// Set if only a part of the last line was written.
    torn: bool,
}

impl LogWriter {
    fn run(&mut self, queue: &Receiver<Entry>, out: BorrowedFd<'_>) {
        for entry in queue {
            match entry {
                Entry::Line(line) if self.write(out, &line).is_ok() => self.report_dropped(queue),
                Entry::Line(_) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                // The waiting thread may have timed out.
                Entry::Flush(done) => drop(done.send(())),
            }
        }
    }

    /// Writes a line, blocking if necessary. After a torn line it starts a new one first.
    fn write(&mut self, out: BorrowedFd<'_>, line: &[u8]) -> io::Result<()> {
        if self.torn {
            write_fully(out, b"\n").map_err(|(_, error)| error)?;
            self.torn = false;
        }
        write_fully(out, line).map_err(|(written, error)| {
            self.torn = written > 0;
            error
        })
    }

    /// Logs the number of dropped lines if it has grown and the queue has space.
    fn report_dropped(&mut self, queue: &Receiver<Entry>) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > self.reported && queue.len() < CAPACITY / 2 {
            self.reported = dropped;
            tracing::warn!(dropped, "log lines dropped since the start: standard error was blocked or failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_setfl};
    use rustix::pipe::{fcntl_setpipe_size, pipe};
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    /// Returns a log that writes to a pipe of one page.
    fn log_to_a_small_pipe(non_blocking: bool) -> (Log, File) {
        let (reader, writer): (OwnedFd, OwnedFd) = pipe().expect("a pipe");
        fcntl_setpipe_size(&writer, 4096).expect("a page");
        if non_blocking {
            fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a flag");
        }
        (Log::start(writer).expect("a thread"), reader.into())
    }

    #[test]
    fn a_full_queue_drops_and_counts_lines_and_keeps_the_others_in_order() {
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
    fn lines_that_cannot_be_written_are_counted_and_flush_returns() {
        let (log, reader) = log_to_a_small_pipe(false);
        drop(reader);
        log.push(b"for nobody\n");
        log.flush();
        assert_eq!(log.dropped(), 1);
        log.push(&vec![b'x'; MAX_LINE + 1]);
        assert_eq!(log.dropped(), 2);

        let (log, _reader) = log_to_a_small_pipe(false);
        for _ in 0..100 {
            log.push(&[b'x'; 1000]);
        }
        log.flush();
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_line_after_a_torn_one_starts_on_a_new_line() {
        let (reader, writer) = pipe().expect("a pipe");
        let mut torn = LogWriter { dropped: Arc::default(), reported: 0, torn: true };
        torn.write(writer.as_fd(), b"whole\n").expect("there is room");
        drop(writer);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).expect("UTF-8");
        assert_eq!(text, "\nwhole\n");
    }
}
