//! The reading side of a connection.

use crate::Error;
use crate::protocol::Inbox;
use crate::send_queue::unacknowledged;
use ::tokio::net::tcp::OwnedReadHalf;
use ::tokio::time::timeout_at;
use std::io::ErrorKind;
use std::time::Instant;

/// A socket and the inbox for its bytes.
pub(super) struct Reader {
    pub(super) inbox: Inbox,
    stream: OwnedReadHalf,
    scratch: Box<[u8]>,
}

/// The most bytes that are read at once.
const SCRATCH_LEN: usize = 64 * 1024;

impl Reader {
    pub(super) fn new(stream: OwnedReadHalf, max_frame: u32) -> Self {
        Self { inbox: Inbox::new(max_frame), stream, scratch: vec![0; SCRATCH_LEN].into_boxed_slice() }
    }

    /// Reads once into the inbox. The end of the stream is not an error here: the inbox reports it after everything
    /// that came before. A cancelled call has read nothing.
    pub(super) async fn receive(&mut self) -> Result<(), Error> {
        loop {
            let read = match self.stream.readable().await {
                Ok(()) => self.stream.try_read(&mut self.scratch),
                Err(error) => Err(error),
            };
            match read {
                Ok(0) => self.inbox.disconnect(),
                Ok(len) => self.inbox.push(&self.scratch[..len]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
                Err(error) => {
                    self.inbox.disconnect();
                    return Err(error.into());
                }
            }
            return Ok(());
        }
    }

    /// Returns the number of bytes in the socket's send queue.
    pub(super) fn unsent_bytes(&self) -> u32 {
        unacknowledged(self.stream.as_ref())
    }
}

/// Runs `future` until the deadline, if there is one.
pub(super) async fn within<T>(
    deadline: Option<Instant>,
    awaited: &'static str,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        None => future.await,
        Some(deadline) => timeout_at(deadline.into(), future).await.unwrap_or(Err(Error::TimedOut { awaited })),
    }
}
