//! The reading side of a connection: one read at a time, each with a deadline.

use crate::Error;
use crate::protocol::Inbox;
use rustix::net::{RecvFlags, recv};
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

/// A socket and the inbox for its bytes.
pub(crate) struct Reader {
    pub(crate) inbox: Inbox,
    stream: TcpStream,
    scratch: Box<[u8]>,
    /// The read timeout that is set on the socket.
    armed: Option<Duration>,
}

/// The most bytes that are read at once.
const SCRATCH_LEN: usize = 64 * 1024;

/// Returns the moment after `timeout`, or none if no clock reaches it.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

impl Reader {
    pub(crate) fn new(stream: TcpStream, max_frame: u32) -> Self {
        let scratch = vec![0; SCRATCH_LEN].into_boxed_slice();
        Self { inbox: Inbox::new(max_frame), stream, scratch, armed: None }
    }

    /// Reads once into the inbox. The end of the stream is not an error here: the inbox reports it after everything
    /// that came before.
    pub(crate) fn receive(&mut self, deadline: Option<Instant>, awaited: &'static str) -> Result<(), Error> {
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Error::TimedOut { awaited });
        }
        if timeout != self.armed {
            self.stream.set_read_timeout(timeout)?;
            self.armed = timeout;
        }
        let read = self.stream.read(&mut self.scratch);
        self.take(read, awaited)
    }

    /// One read of what is here, without waiting for it.
    pub(crate) fn receive_now(&mut self, awaited: &'static str) -> Result<(), Error> {
        let read = recv(&self.stream, &mut self.scratch[..], RecvFlags::DONTWAIT);
        self.take(read.map(|(len, _)| len).map_err(io::Error::from), awaited)
    }

    fn take(&mut self, read: io::Result<usize>, awaited: &'static str) -> Result<(), Error> {
        match read {
            Ok(0) => self.inbox.disconnect(),
            Ok(len) => self.inbox.push(&self.scratch[..len]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(Error::TimedOut { awaited }),
                ErrorKind::Interrupted => {}
                _ => {
                    self.inbox.disconnect();
                    return Err(error.into());
                }
            },
        }
        Ok(())
    }

    /// The socket.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
