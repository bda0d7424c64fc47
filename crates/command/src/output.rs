//! Standard output and standard error, written without a panic and without waiting for ever.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The maximum time that a final error message may delay the exit.
const COMPLAINT_TIMEOUT: Duration = Duration::from_secs(1);

/// `PIPE_BUF` on Linux: a write of this size does not block if `poll` reports the pipe as writable.
const ATOMIC_WRITE: usize = 4096;

/// Writes to standard output and flushes. Unlike `print!` it does not panic. A closed pipe is not an error, because the
/// reader wanted no more.
///
/// # Errors
/// The write failed for another reason.
pub fn print(text: &str) -> anyhow::Result<()> {
    match Stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}

/// Standard output without a buffer. A write is complete when it returns, even if another program has made the descriptor
/// non-blocking.
#[derive(Debug)]
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_fully(io::stdout(), bytes).map_err(|(_, error)| error)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all bytes to a blocking or non-blocking descriptor.
///
/// # Errors
/// The error of the write, with the number of bytes written before it.
pub fn write_fully(out: impl AsFd, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::write(&out, &bytes[written..]) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // If `poll` fails, the next write reports the error.
                let _ = poll(&mut [PollFd::new(&out, PollFlags::OUT)], None);
            }
            Err(error) => return Err((written, error.into())),
        }
    }
    Ok(())
}

/// Writes a final message to standard error, for at most a second. Failures are ignored; the exit code still reports
/// the error.
pub fn complain(text: &str) {
    let _ = write_by(io::stderr(), text.as_bytes(), Instant::now() + COMPLAINT_TIMEOUT);
}

/// Writes all bytes to a descriptor, blocking or not, until the deadline.
///
/// # Errors
/// [`ErrorKind::TimedOut`] after the deadline, or the error of the write. A part may have been written.
pub fn write_by(out: impl AsFd, bytes: &[u8], deadline: Instant) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&out, PollFlags::OUT)], Some(&timeout)) {
            Ok(0) => return Err(ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match rustix::io::write(&out, &rest[..rest.len().min(ATOMIC_WRITE)]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_to_a_full_pipe_times_out() {
        let (_reader, writer) = io::pipe().unwrap();
        let room = rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
        write_by(&writer, &vec![0; room], Instant::now()).unwrap();
        let error = write_by(&writer, b"more", Instant::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
