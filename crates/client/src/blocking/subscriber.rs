//! The half that reads.

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

/// Subscribes and reads, answering the server's PINGs as it does.
///
/// A request writes one frame, then reads until its answer has come; what else comes meanwhile is kept
/// and given by [`next_event`](Self::next_event) in the order of its arrival.
///
/// PINGs are answered only while a call reads. A server that asks for signs of life ends a connection on
/// which none does.
pub struct Subscriber {
    reader: Reader,
    outbox: Arc<Outbox>,
    answer_timeout: Duration,
    max_queued_bytes: usize,
    next_ping: u64,
}

/// How long to look for the server's reason when a write has failed.
const REASON_TIMEOUT: Duration = Duration::from_secs(1);
/// The shortest wait for an event: the kernel's timer is no finer.
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
        // The read that brought WELCOME may have brought a PING behind it.
        subscriber.answer_pings();
        subscriber
    }

    /// Subscribes to a channel and waits for SUBSCRIBED: every message published after this returns will
    /// come.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; else what ended the wait or the connection, such as
    /// [`Error::Closed`] with [`Code::TooManySubscriptions`].
    pub fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscribe_with(channel, None)
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, and says what falling too far behind in this channel does; if
    /// nothing, the server's setting counts.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        self.request(Request::Subscribe(Subscribe { channel: error::channel(channel)?, lag }))
    }

    /// Unsubscribes from a channel and waits for UNSUBSCRIBED: messages of the channel may be queued still,
    /// none will be added.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the name; else what ended the wait or the connection.
    pub fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.request(Request::Unsubscribe(error::channel(channel)?))
    }

    /// Sends a PING, waits for its PONG and returns the time between.
    ///
    /// # Errors
    /// What ended the wait or the connection.
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
    /// What ended the wait or the connection.
    pub fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        self.request(Request::Published(token))
    }

    /// How many messages the server has acknowledged over this connection.
    pub fn acknowledged(&self) -> u64 {
        self.reader.inbox.acknowledged()
    }

    /// The next event, waiting for it without limit.
    ///
    /// # Errors
    /// Why no more will come: [`Error::Closed`] (after [`Event::Closed`]), [`Error::Rejected`],
    /// [`Error::Violation`], [`Error::Disconnected`] or [`Error::Io`]. What came before the end is given
    /// first.
    pub fn next_event(&mut self) -> Result<Event, Error> {
        self.event_before(None)
    }

    /// The next event, or none if it does not come within `timeout`.
    ///
    /// A wait is of 1 ms at least, and the kernel rounds it up to its timer tick, of at most 10 ms.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
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
    /// As there.
    pub fn close(self) -> Result<(), Error> {
        // If this cannot be sent the server may have said why: that is read below.
        let _ = self.outbox.send(&Frame::Close(Reason::new(Code::Normal, "")));
        self.wait_closed()
    }

    /// Waits for the server's CLOSE, once this side's was sent: it comes when the server has read, and accepted, all
    /// that was sent before. Events that were not taken are dropped.
    ///
    /// The wait goes on while the server acknowledges messages, or takes bytes that had to wait for it.
    ///
    /// # Errors
    /// [`Error::Unanswered`] if it does neither for [`Options::answer_timeout`], nor ends the stream;
    /// [`Error::Closed`] if the server closed with a code other than [`Code::Normal`]; else what ended the
    /// connection instead of CLOSE.
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

    /// What a failed write means: the server's reason for ending the connection if it gave one, else
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

    /// Takes what has come and was not given, because nothing more will come.
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

    /// One read, or a look at the send queue; false once patience is at its end.
    fn receive_patiently(&mut self, patience: &mut Patience, awaited: &'static str) -> Result<bool, Error> {
        match self.receive(patience.next_look(Instant::now()), awaited) {
            Ok(()) | Err(Error::TimedOut { .. }) => Ok(patience.lasts(Instant::now(), self.progress())),
            Err(error) => Err(error),
        }
    }

    /// One read, and the PONGs that it makes due.
    fn receive(&mut self, deadline: Option<Instant>, awaited: &'static str) -> Result<(), Error> {
        self.reader.receive(deadline, awaited)?;
        self.answer_pings();
        Ok(())
    }

    fn answer_pings(&mut self) {
        let pongs = self.reader.inbox.take_pongs();
        if !pongs.is_empty() {
            // A connection that cannot be written to is found out by reading, with the server's reason.
            let _ = self.outbox.send_encoded(&pongs, 0);
        }
    }
}
