//! The half of a connection that reads.

use super::outbox::Outbox;
use super::reader::{Reader, within};
use crate::error::{self, Error};
use crate::protocol::{Patience, Progress, Request, Wait};
use crate::{Event, Options};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Lag, Reason, Subscribe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Subscribes and reads, and answers the server's PINGs while reading.
///
/// Events that arrive while a request waits for its answer are kept. [`next_event`](Self::next_event) returns them in
/// the order of their arrival.
pub struct Subscriber {
    reader: Reader,
    pub(super) outbox: Arc<Outbox>,
    /// PONGs for which the buffer had no room yet.
    pongs: Vec<u8>,
    answer_timeout: Duration,
    max_queued_bytes: usize,
    next_ping: u64,
}

/// The time to look for the server's reason when a write has failed.
const REASON_TIMEOUT: Duration = Duration::from_secs(1);

impl Subscriber {
    pub(super) fn new(mut reader: Reader, outbox: Arc<Outbox>, options: &Options) -> Self {
        // The read that brought WELCOME may also have brought a PING. The buffer is empty and has room for the answer.
        let pongs = reader.inbox.take_pongs();
        let (answer_timeout, max_queued_bytes) = (options.answer_timeout, options.max_queued_bytes);
        Self { reader, outbox, pongs, answer_timeout, max_queued_bytes, next_ping: 0 }
    }

    /// Subscribes to a channel and waits for SUBSCRIBED. Every message published after this returns will be delivered.
    ///
    /// A cancelled call may have subscribed; then [`Event::Subscribed`] comes.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; otherwise the error that ended the wait or the connection.
    pub async fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscribe_with(channel, None).await
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with the effect of falling too far behind in this channel.
    /// The server's setting applies if there is none.
    ///
    /// # Errors
    /// The same as those of [`subscribe`](Self::subscribe).
    pub async fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        self.request(Request::Subscribe(Subscribe { channel: error::channel(channel)?, lag })).await
    }

    /// Unsubscribes from a channel and waits for UNSUBSCRIBED. Messages of the channel may still be queued, but none
    /// will be added.
    ///
    /// A cancelled call may have unsubscribed; then [`Event::Unsubscribed`] comes.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; otherwise the error that ended the wait or the connection.
    pub async fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.request(Request::Unsubscribe(error::channel(channel)?)).await
    }

    /// Sends a PING, waits for its PONG and returns the time between them.
    ///
    /// # Errors
    /// The error that ended the wait or the connection.
    pub async fn ping(&mut self) -> Result<Duration, Error> {
        let number = self.next_ping.to_be_bytes();
        self.next_ping = self.next_ping.wrapping_add(1);
        let asked = Instant::now();
        self.request(Request::Ping(&number)).await?;
        Ok(asked.elapsed())
    }

    /// Waits for the PUBLISHED that carries `token`, which may have come already. A cancelled call has taken nothing.
    ///
    /// # Errors
    /// The error that ended the wait or the connection.
    pub async fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        self.request(Request::Published(token)).await
    }

    /// Returns the number of messages that the server has acknowledged over this connection.
    pub fn acknowledged(&self) -> u64 {
        self.reader.inbox.acknowledged()
    }

    /// Returns the next event. Waits for it without limit. A cancelled call has taken no event; the next call returns
    /// it.
    ///
    /// # Errors
    /// The reason why no more events will come. Events that came before the end are returned first.
    pub async fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.reader.inbox.pop() {
                return Ok(event);
            }
            self.reader.inbox.check_open()?;
            self.receive(None, "event").await?;
        }
    }

    /// Sends CLOSE and waits for the server's, as [`wait_closed`](Self::wait_closed) does.
    ///
    /// # Errors
    /// The same as those of [`wait_closed`](Self::wait_closed).
    pub async fn close(self) -> Result<(), Error> {
        // If this cannot be sent, the server may have sent a reason, which is read below.
        let _ = self.outbox.send(&Frame::Close(Reason::new(Code::Normal, ""))).await;
        self.wait_closed().await
    }

    /// Waits for the server's CLOSE, once this side's was sent, as the blocking
    /// [`Subscriber::wait_closed`](crate::Subscriber::wait_closed) does. Cancelling the call ends the connection.
    ///
    /// # Errors
    /// The same as those of the blocking [`Subscriber::wait_closed`](crate::Subscriber::wait_closed).
    pub async fn wait_closed(mut self) -> Result<(), Error> {
        let mut patience = Patience::new(Instant::now(), self.answer_timeout, self.progress());
        loop {
            self.reader.inbox.clear();
            match self.reader.inbox.check_open() {
                Ok(()) if self.receive_patiently(&mut patience, "end of stream").await? => {}
                Ok(()) => {
                    let (published, acknowledged) = (self.outbox.published(), self.acknowledged());
                    return Err(Error::Unanswered { published, acknowledged });
                }
                Err(Error::Closed { code, .. }) if code == Code::Normal.number() => return Ok(()),
                Err(end) => return Err(end),
            }
        }
    }

    /// Returns the cause of a failed write: the server's reason for ending the connection if it gave one, otherwise
    /// `error`. Reads no more than may be kept.
    pub(super) async fn explain(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Io(_) | Error::Disconnected) {
            return error;
        }
        let deadline = Instant::now().checked_add(REASON_TIMEOUT);
        while self.reader.inbox.check_open().is_ok()
            && self.reader.inbox.queued_bytes() < self.max_queued_bytes
            && self.receive(deadline, "reason").await.is_ok()
        {}
        match self.reader.inbox.check_open() {
            Err(end @ (Error::Closed { .. } | Error::Rejected { .. })) => end,
            _ => error,
        }
    }

    /// Takes the events that were received but not returned, because nothing more will come.
    pub(super) fn into_events(mut self) -> impl Iterator<Item = Event> {
        std::iter::from_fn(move || self.reader.inbox.pop())
    }

    async fn request(&mut self, request: Request<'_>) -> Result<(), Error> {
        let mut wait = Wait::new(request, &self.reader.inbox, self.max_queued_bytes);
        if let Some(frame) = request.frame() {
            self.reader.inbox.check_open()?;
            if let Err(error) = self.outbox.send(&frame).await {
                return Err(self.explain(error).await);
            }
        }
        let mut patience = Patience::new(Instant::now(), self.answer_timeout, self.progress());
        while !wait.is_over(&mut self.reader.inbox)? {
            if !self.receive_patiently(&mut patience, request.awaited()).await? {
                return Err(Error::TimedOut { awaited: request.awaited() });
            }
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let unsent_bytes = u64::from(self.reader.unsent_bytes()) + self.outbox.held_bytes() as u64;
        Progress { acknowledged: self.acknowledged(), unsent_bytes: Some(unsent_bytes) }
    }

    /// Reads once or checks the unsent bytes. Returns false once patience is exhausted.
    async fn receive_patiently(&mut self, patience: &mut Patience, awaited: &'static str) -> Result<bool, Error> {
        match self.receive(patience.next_look(Instant::now()), awaited).await {
            Ok(()) | Err(Error::TimedOut { .. }) => Ok(patience.lasts(Instant::now(), self.progress())),
            Err(error) => Err(error),
        }
    }

    /// Reads once, after sending the PONGs that are due. A server that floods with PINGs and takes no PONG is therefore
    /// not read.
    async fn receive(&mut self, deadline: Option<Instant>, awaited: &'static str) -> Result<(), Error> {
        within(deadline, awaited, async {
            self.send_pongs().await;
            self.reader.receive().await
        })
        .await?;
        self.pongs.extend(self.reader.inbox.take_pongs());
        Ok(())
    }

    async fn send_pongs(&mut self) {
        if !self.pongs.is_empty() {
            // A failed write is discovered by reading, which also finds the server's reason.
            let _ = self.outbox.send_encoded(&self.pongs, 0).await;
            self.pongs.clear();
        }
    }
}
