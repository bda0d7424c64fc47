//! The half of a connection that reads.

use super::outbox::Outbox;
use super::reader::{Reader, deadline};
use crate::error::{self, Error};
use crate::protocol::{Patience, Progress, Request, Wait};
use crate::{Event, Options};
use corecast_wire::Code;
use corecast_wire::native::{Frame, Lag, Reason, Subscribe};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Subscribes and reads, and answers the server's PINGs while reading.
///
/// A request writes one frame, then reads until its answer has come. Other events that arrive meanwhile are kept, and
/// [`next_event`](Self::next_event) returns them in the order of their arrival.
///
/// PINGs are answered only while a call reads. A server that asks for signs of life ends a connection that gives none.
pub struct Subscriber {
    reader: Reader,
    outbox: Arc<Outbox>,
    answer_timeout: Duration,
    max_queued_bytes: usize,
    next_ping: u64,
}

/// The time to look for the server's reason when a write has failed.
const REASON_TIMEOUT: Duration = Duration::from_secs(1);
/// The shortest wait for an event, because the kernel's timer is not finer.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

impl Subscriber {
    pub(crate) fn new(reader: Reader, outbox: Arc<Outbox>, options: &Options) -> Self {
        let mut subscriber = Self {
            reader,
            outbox,
            answer_timeout: options.answer_timeout,
            max_queued_bytes: options.max_queued_bytes,
            next_ping: 0,
        };
        // The read that brought WELCOME may also have brought a PING.
        subscriber.answer_pings();
        subscriber
    }

    /// Subscribes to a channel and waits for SUBSCRIBED. Every message published after this returns will be delivered.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; otherwise the error that ended the wait or the connection, such as
    /// [`Error::Closed`] with [`Code::TooManySubscriptions`].
    pub fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscribe_with(channel, None)
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with the effect of falling too far behind in this channel.
    /// The server's setting applies if there is none.
    ///
    /// # Errors
    /// The same as those of [`subscribe`](Self::subscribe).
    pub fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        self.request(Request::Subscribe(Subscribe { channel: error::channel(channel)?, lag }))
    }

    /// Unsubscribes from a channel and waits for UNSUBSCRIBED. Messages of the channel may still be queued, but none
    /// will be added.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; otherwise the error that ended the wait or the connection.
    pub fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.request(Request::Unsubscribe(error::channel(channel)?))
    }

    /// Sends a PING, waits for its PONG and returns the time between them.
    ///
    /// # Errors
    /// The error that ended the wait or the connection.
    pub fn ping(&mut self) -> Result<Duration, Error> {
        let number = self.next_ping.to_be_bytes();
        self.next_ping = self.next_ping.wrapping_add(1);
        let asked = Instant::now();
        self.request(Request::Ping(&number))?;
        Ok(asked.elapsed())
    }

    /// Waits for the PUBLISHED that carries `token`, which may have come already.
    ///
    /// # Errors
    /// The error that ended the wait or the connection.
    pub fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        self.request(Request::Published(token))
    }

    /// Returns the number of messages that the server has acknowledged over this connection.
    pub fn acknowledged(&self) -> u64 {
        self.reader.inbox.acknowledged()
    }

    /// Returns the next event. Waits for it without limit.
    ///
    /// # Errors
    /// The reason why no more events will come: [`Error::Closed`] (after [`Event::Closed`]), [`Error::Rejected`],
    /// [`Error::Violation`], [`Error::Disconnected`] or [`Error::Io`]. Events that came before the end are returned
    /// first.
    pub fn next_event(&mut self) -> Result<Event, Error> {
        self.event_before(None)
    }

    /// Returns the next event, or none if it does not come within `timeout`.
    ///
    /// A wait takes at least 1 ms, and the kernel rounds it up to its timer tick, of at most 10 ms.
    ///
    /// # Errors
    /// The same as those of [`next_event`](Self::next_event).
    pub fn next_event_within(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        match self.event_before(deadline(timeout.max(SHORTEST_WAIT))) {
            Ok(event) => Ok(Some(event)),
            Err(Error::TimedOut { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends CLOSE and waits for the server's, as [`wait_closed`](Self::wait_closed) does.
    ///
    /// # Errors
    /// The same as those of [`wait_closed`](Self::wait_closed).
    pub fn close(self) -> Result<(), Error> {
        // If this cannot be sent, the server may have sent a reason, which is read below.
        let _ = self.outbox.send(&Frame::Close(Reason::new(Code::Normal, "")));
        self.wait_closed()
    }

    /// Waits for the server's CLOSE after this side has sent its own. The server sends it once it has read and accepted
    /// everything that was sent before. Events that were not taken are dropped.
    ///
    /// The wait continues while the server acknowledges messages, or takes bytes that had to wait for it.
    ///
    /// # Errors
    /// [`Error::Unanswered`] if it does neither for [`Options::answer_timeout`], nor ends the stream; [`Error::Closed`]
    /// if the server closed with a code other than [`Code::Normal`]; otherwise the error that ended the connection
    /// instead of CLOSE.
    pub fn wait_closed(mut self) -> Result<(), Error> {
        let mut patience = Patience::new(Instant::now(), self.answer_timeout, self.progress());
        loop {
            self.reader.inbox.clear();
            match self.reader.inbox.check_open() {
                Ok(()) if self.receive_patiently(&mut patience, "end of stream")? => {}
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
    pub(crate) fn explain(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Io(_) | Error::Disconnected) {
            return error;
        }
        let deadline = deadline(REASON_TIMEOUT);
        while self.reader.inbox.check_open().is_ok()
            && self.reader.inbox.queued_bytes() < self.max_queued_bytes
            && self.receive(deadline, "reason").is_ok()
        {}
        match self.reader.inbox.check_open() {
            Err(end @ (Error::Closed { .. } | Error::Rejected { .. })) => end,
            _ => error,
        }
    }

    pub(super) fn event_before(&mut self, deadline: Option<Instant>) -> Result<Event, Error> {
        self.event(|reader| reader.receive(deadline, "event"))
    }

    /// The next event, if it is here.
    pub(super) fn event_now(&mut self) -> Result<Event, Error> {
        self.event(|reader| reader.receive_now("event"))
    }

    fn event(&mut self, mut receive: impl FnMut(&mut Reader) -> Result<(), Error>) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.reader.inbox.pop() {
                return Ok(event);
            }
            self.reader.inbox.check_open()?;
            receive(&mut self.reader)?;
            self.answer_pings();
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.reader.socket()
    }

    /// Takes the events that were received but not returned, because nothing more will come.
    pub(super) fn into_events(mut self) -> impl Iterator<Item = Event> {
        std::iter::from_fn(move || self.reader.inbox.pop())
    }

    fn request(&mut self, request: Request<'_>) -> Result<(), Error> {
        let mut wait = Wait::new(request, &self.reader.inbox, self.max_queued_bytes);
        if let Some(frame) = request.frame() {
            self.reader.inbox.check_open()?;
            if let Err(error) = self.outbox.send(&frame) {
                return Err(self.explain(error));
            }
        }
        let mut patience = Patience::new(Instant::now(), self.answer_timeout, self.progress());
        while !wait.is_over(&mut self.reader.inbox)? {
            if !self.receive_patiently(&mut patience, request.awaited())? {
                return Err(Error::TimedOut { awaited: request.awaited() });
            }
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress { acknowledged: self.acknowledged(), unsent_bytes: self.outbox.unsent_bytes().map(u64::from) }
    }

    /// Reads once or checks the send queue. Returns false once patience is exhausted.
    fn receive_patiently(&mut self, patience: &mut Patience, awaited: &'static str) -> Result<bool, Error> {
        match self.receive(patience.next_look(Instant::now()), awaited) {
            Ok(()) | Err(Error::TimedOut { .. }) => Ok(patience.lasts(Instant::now(), self.progress())),
            Err(error) => Err(error),
        }
    }

    /// Reads once and sends the PONGs that are due.
    fn receive(&mut self, deadline: Option<Instant>, awaited: &'static str) -> Result<(), Error> {
        self.reader.receive(deadline, awaited)?;
        self.answer_pings();
        Ok(())
    }

    fn answer_pings(&mut self) {
        let pongs = self.reader.inbox.take_pongs();
        if !pongs.is_empty() {
            // A failed write is discovered by reading, which also finds the server's reason.
            let _ = self.outbox.send_encoded(&pongs, 0);
        }
    }
}
